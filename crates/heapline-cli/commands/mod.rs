//! One file for each command: options, one library call, text out.

mod arrays;
mod flamegraph;
mod info;
mod instant;
mod lines;
mod pack;
mod profile;
mod summary;

use std::path::Path;

use clap::ArgMatches;
use heapline_report::Report;

use crate::args;
use crate::error::CliError;
use crate::output;
use crate::progress::Bar;

pub(crate) use flamegraph::svg;
use instant::at;

/// Runs the command that was parsed.
///
/// # Errors
/// If it cannot do what it was asked for.
pub fn run(matches: ArgMatches) -> Result<(), CliError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(CliError::usage("no command".to_owned()));
    };
    let render = match name {
        "summary" => summary::render,
        "lines" => lines::render,
        "profile" => profile::render,
        "arrays" => arrays::render,
        "flamegraph" => flamegraph::render,
        "info" => info::render,
        "pack" => return pack::run(matches),
        other => return Err(CliError::usage(format!("no command '{other}'"))),
    };
    let mut bar = Bar::new();
    let output = args::path(matches, "output");
    let traces = args::paths(matches, "trace");
    let text = if traces.len() > 1 {
        for (number, trace) in traces.iter().enumerate() {
            keeps(trace, output.as_deref())?;
            if traces[..number]
                .iter()
                .any(|other| is_same_file(other, trace))
            {
                let trace = trace.display();
                return Err(CliError::usage(format!("{trace} is named twice")));
            }
        }
        summary::of_family(&traces, matches, &mut bar)?
    } else {
        let report = crate::open::report(matches, &mut bar)?;
        keeps(report.path(), output.as_deref())?;
        render(&report, matches, &mut bar)?
    };
    drop(bar);
    output::to(output.as_deref(), text.as_bytes())
}

/// An error if the output would be written over the trace.
fn keeps(trace: &Path, output: Option<&Path>) -> Result<(), CliError> {
    if output.is_some_and(|output| is_same_file(output, trace)) {
        let trace = trace.display();
        return Err(CliError::usage(format!(
            "-o {trace} would overwrite the trace"
        )));
    }
    Ok(())
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// A report's error as the command's.
pub(crate) fn failed(error: heapline_report::ReportError) -> CliError {
    CliError::failure(error.to_string())
}

/// A text with the notes on what kept symbols and sources away.
pub(crate) fn with_problems(report: &Report, mut text: String) -> String {
    let problems = heapline_report::render::text::problems(report);
    if !problems.is_empty() {
        text.push('\n');
        text.push_str(&problems);
    }
    text
}
