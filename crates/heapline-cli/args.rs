//! Arguments as typed: which there are, and what their help says. No file is touched here.

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::path::PathBuf;

/// The command line of `heapline`.
#[must_use]
pub fn command() -> Command {
    Command::new("heapline")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Looks at what a program recorded by heapline did with its memory")
        .after_help(
            "To record: `cargo heapline run --release`, or HEAPLINE=on in front of a program \
             that has heapline as its global allocator.\n\
             A TRACE can be looked at while its program runs, and after any crash.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([
            summary(),
            lines(),
            profile(),
            arrays(),
            flamegraph(),
            info(),
            pack(),
        ])
}

fn summary() -> Command {
    report(
        "summary",
        "Totals, peak, what was never freed, and how far to trust it",
    )
    .long_about(
        "Totals, peak, what was never freed, and how far to trust it. Of several traces, \
         as processes leave them that fork or start others: a line for each, and sums.",
    )
    .mut_arg("trace", |trace| {
        trace
            .num_args(0..)
            .help("The traces; without any the newest in target/heapline and in this folder")
    })
    .arg(format())
}

fn lines() -> Command {
    report("lines", "Memory by source line, beside the source")
        .long_about(
            "Memory by source line, beside the source. Each line counts with what it calls, \
             and a line that is on a stack several times counts once.",
        )
        .arg(format())
        .arg(text(
            "function",
            "PART",
            "Only functions whose name holds PART",
        ))
        .arg(text("file", "PART", "Only files whose name holds PART"))
        .arg(text(
            "crate",
            "NAME",
            "Only this crate, wherever it comes from",
        ))
        .arg(choice("sort", &SORTS, "peak", "What comes first"))
        .arg(limit("At most N lines"))
        .arg(flag("all", "Dependencies too, not the workspace alone"))
        .arg(flag("own", "Without what a line calls"))
        .arg(with_arrays())
}

/// Values of `--sort`.
pub(crate) const SORTS: [&str; 6] = [
    "peak",
    "end",
    "allocated",
    "allocations",
    "temporary",
    "file",
];

fn profile() -> Command {
    report("profile", "The tables of functions with #[heapline::profile]").long_about(
        "The tables of functions with #[heapline::profile], in memory_profiler's layout.\n\n\
         Mem usage    the program's live heap after the line, the largest over its executions;\n             \
                      exact with one thread, else as of the moments at which the line's\n             \
                      thread allocated or freed\n\
         Increment    bytes that its executions added, less what they freed, on their thread\n\
         Occurrences  how often it was executed",
    )
    .arg(format())
    .arg(with_arrays())
}

fn arrays() -> Command {
    report(
        "arrays",
        "Arrays: which buffers they hold, what was copied where",
    )
    .long_about(
        "The arrays of heapline-array, and plain ndarray arrays with .track(\"name\"), that \
             were alive at an instant; and, of the whole run, what was copied where.\n\n\
             nbytes  elements times bytes of one, as NumPy counts\n\
             unique  distinct bytes that the elements touch\n\
             holds   bytes of the block that the array keeps alive",
    )
    .arg(format())
    .arg(at("When; TIME since the start, such as 1.5s or 20ms"))
    .arg(limit("At most N buffers, and N lines that copied"))
}

fn flamegraph() -> Command {
    report(
        "flamegraph",
        "An interactive flame graph as SVG, or its folded stacks",
    )
    .arg(choice("metric", &METRICS, "live", "What the widths are"))
    .arg(at(
        "When, for live bytes; TIME since the start, such as 1.5s or 20ms",
    ))
    .arg(flag(
        "inverted",
        "What allocates at the root, its callers above",
    ))
    .arg(flag("folded", "Folded stacks as text instead of a picture"))
    .arg(flag("full", "With the frames of runtime and plumbing"))
}

/// Values of `--metric`.
pub(crate) const METRICS: [&str; 4] = ["live", "allocated", "allocations", "temporary"];

fn info() -> Command {
    report(
        "info",
        "What the trace itself is: header, streams, blocks, quality",
    )
}

fn pack() -> Command {
    Command::new("pack")
        .about("Makes the trace of a finished program smaller, without any loss")
        .long_about(
            "Makes the trace of a finished program smaller, without any loss: every command \
             reads a packed trace as it reads a raw one. Functions, lines and source text go \
             into it, so that it can be read on any machine. The packed trace is read again \
             and compared before it replaces the raw one. `cargo heapline run` packs by itself.",
        )
        .arg(trace())
        .arg(output(
            "Write the packed trace to FILE and leave the raw one",
        ))
        .arg(
            Arg::new("no-source")
                .long("no-source")
                .action(ArgAction::SetTrue)
                .help("Leave out source text, the program's arguments and all folders"),
        )
        .arg(
            Arg::new("no-symbols")
                .long("no-symbols")
                .action(ArgAction::SetTrue)
                .help("Leave out functions and lines: they are looked up on this machine"),
        )
}

/// A command that reads one trace and writes one text.
fn report(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .arg(trace())
        .arg(output("Write to FILE instead of stdout"))
        .arg(
            Arg::new("source-root")
                .long("source-root")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Where the workspace's sources are, if not where it was built"),
        )
}

fn trace() -> Arg {
    Arg::new("trace")
        .value_name("TRACE")
        .value_parser(value_parser!(PathBuf))
        .help("The trace; without it the newest in target/heapline and in this folder")
}

fn output(help: &'static str) -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help(help)
}

fn format() -> Arg {
    choice(
        "format",
        &["text", "json"],
        "text",
        "For people or for programs",
    )
}

fn choice(
    name: &'static str,
    values: &[&'static str],
    default: &'static str,
    help: &'static str,
) -> Arg {
    Arg::new(name)
        .long(name)
        .value_parser(PossibleValuesParser::new(values.to_vec()))
        .default_value(default)
        .help(help)
}

fn at(help: &'static str) -> Arg {
    Arg::new("at")
        .long("at")
        .value_name("peak|end|TIME")
        .default_value("peak")
        .help(help)
}

fn with_arrays() -> Arg {
    flag(
        "arrays",
        "Behind each line what it did with arrays: views, copies, and in #[profile] functions what it freed",
    )
}

fn limit(help: &'static str) -> Arg {
    Arg::new("limit")
        .long("limit")
        .value_name("N")
        .value_parser(value_parser!(usize))
        .help(help)
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

/// The text given for an option, if any.
pub(crate) fn given(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

/// The path given for an option, if any.
pub(crate) fn path(matches: &ArgMatches, name: &str) -> Option<PathBuf> {
    matches.get_one::<PathBuf>(name).cloned()
}

/// All paths given for an option.
pub(crate) fn paths(matches: &ArgMatches, name: &str) -> Vec<PathBuf> {
    let paths = matches.get_many::<PathBuf>(name).unwrap_or_default();
    paths.cloned().collect()
}

/// Whether an option was typed, and is not there by default.
pub(crate) fn is_typed(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// Whether the text format was not asked for.
pub(crate) fn wants_json(matches: &ArgMatches) -> bool {
    given(matches, "format").as_deref() == Some("json")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
