//! `heapline profile`: the tables of annotated functions.

use clap::ArgMatches;
use heapline_report::{Report, render};

use crate::error::CliError;
use crate::progress::Bar;

pub(super) fn render(report: &Report, _: &ArgMatches, _: &mut Bar) -> Result<String, CliError> {
    let tables = report.profile_tables();
    if tables.is_empty() {
        return Err(CliError::failure(format!(
            "{}: no function with #[heapline::profile] ran",
            report.path().display()
        )));
    }
    Ok(render::text::profile(&tables))
}
