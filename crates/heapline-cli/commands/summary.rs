//! `heapline summary`.

use clap::ArgMatches;
use heapline_report::{Report, render};

use crate::args;
use crate::error::CliError;
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
