//! The command line: what to run, how often, and where the results go.

use std::env;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use heapline_peers::workloads::{self, Workload};

use crate::matrix::Style;
use crate::tool::Tool;

/// What was asked for.
pub(crate) struct Options {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) tools: Vec<Tool>,
    /// Rounds of ordinary tools.
    pub(crate) rounds: usize,
    /// Rounds of slow ones.
    pub(crate) slow_rounds: usize,
    pub(crate) style: Style,
    pub(crate) json: Option<PathBuf>,
    /// Where a folder for traces is made, and removed at the end.
    pub(crate) traces: PathBuf,
}

pub(crate) fn parse() -> Options {
    options(&command().get_matches())
}

fn command() -> Command {
    let names = workloads::ALL.map(|workload| workload.name);
    let tools = Tool::ALL.map(Tool::name);
    Command::new("cargo bench --bench peers --")
        .about("Compares heapline with other heap profilers on real programs")
        .arg(
            several("workload", "Only this workload; may be repeated")
                .value_parser(PossibleValuesParser::new(names)),
        )
        .arg(
            several(
                "tool",
                "Only this tool, beside bare and counting; may be repeated",
            )
            .value_parser(PossibleValuesParser::new(tools)),
        )
        .arg(number(
            "rounds",
            "5",
            "Runs of each workload under each tool",
        ))
        .arg(number(
            "slow-rounds",
            "3",
            "Runs under the slow tools: dhat-rs and valgrind DHAT",
        ))
        .arg(flag(
            "quick",
            "One round, and without the slow tools unless --tool names them",
        ))
        .arg(flag("markdown", "Tables as Markdown"))
        .arg(path("json", "FILE", "All samples as JSON too"))
        .arg(path(
            "traces",
            "FOLDER",
            "Where traces are written while it runs; by default the system's temporary folder",
        ))
}

fn several(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("NAME")
        .action(ArgAction::Append)
        .help(help)
}

fn number(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("N")
        .default_value(default)
        .value_parser(value_parser!(u16).range(1..))
        .help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

fn path(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .value_parser(value_parser!(PathBuf))
        .help(help)
}

fn options(matches: &ArgMatches) -> Options {
    let quick = matches.get_flag("quick");
    let rounds = |name| {
        let asked = matches.get_one::<u16>(name).copied().unwrap_or(1);
        if quick { 1 } else { usize::from(asked) }
    };
    Options {
        workloads: workloads::ALL
            .into_iter()
            .filter(|workload| is_chosen(matches, "workload", workload.name).unwrap_or(true))
            .collect(),
        tools: Tool::ALL
            .into_iter()
            .filter(|tool| {
                let chosen = is_chosen(matches, "tool", tool.name());
                tool.is_reference() || chosen.unwrap_or(!(quick && tool.is_slow()))
            })
            .collect(),
        rounds: rounds("rounds"),
        slow_rounds: rounds("slow-rounds"),
        style: if matches.get_flag("markdown") {
            Style::Markdown
        } else {
            Style::Text
        },
        json: matches.get_one("json").cloned(),
        traces: matches
            .get_one("traces")
            .cloned()
            .unwrap_or_else(env::temp_dir),
    }
}

/// Whether the option names this; nothing if it names none.
fn is_chosen(matches: &ArgMatches, option: &str, name: &str) -> Option<bool> {
    let mut values = matches.get_many::<String>(option)?;
    Some(values.any(|value| value == name))
}
