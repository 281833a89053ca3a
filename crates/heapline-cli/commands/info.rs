//! `heapline info`.

use clap::ArgMatches;
use heapline_report::{Report, render};

use crate::error::CliError;
use crate::progress::Bar;

pub(super) fn render(report: &Report, _: &ArgMatches, _: &mut Bar) -> Result<String, CliError> {
    Ok(render::text::info(report))
}
