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
    let report = crate::open::report(matches, &mut bar)?;
    let output = args::path(matches, "output");
    if output
        .as_deref()
        .is_some_and(|output| is_same_file(output, report.path()))
    {
        let trace = report.path().display();
        return Err(CliError::usage(format!(
            "-o {trace} would overwrite the trace"
        )));
    }
    let text = render(&report, matches, &mut bar)?;
    drop(bar);
    output::to(output.as_deref(), text.as_bytes())
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
