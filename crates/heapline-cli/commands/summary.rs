//! `heapline summary`.

use std::path::PathBuf;

use clap::ArgMatches;
use heapline_report::{Family, Process, Report, render};

use crate::args;
use crate::error::CliError;
use crate::open::open;
use crate::progress::Bar;

pub(super) fn render(
    report: &Report,
    matches: &ArgMatches,
    _: &mut Bar,
) -> Result<String, CliError> {
    Ok(if args::wants_json(matches) {
        render::json::summary(report)
    } else {
        super::with_problems(report, render::text::summary(report))
    })
}

/// The summary of several traces.
pub(super) fn of_family(
    traces: &[PathBuf],
    matches: &ArgMatches,
    bar: &mut Bar,
) -> Result<String, CliError> {
    let source_root = args::path(matches, "source-root");
    let processes = traces.iter().map(|trace| {
        let report = open(trace, source_root.clone(), bar)?;
        Ok(Process::of(&report))
    });
    let family = Family::new(processes.collect::<Result<_, CliError>>()?);
    Ok(if args::wants_json(matches) {
        render::json::family(&family)
    } else {
        render::text::family(&family)
    })
}
