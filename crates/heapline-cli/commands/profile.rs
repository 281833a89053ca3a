//! `heapline profile`: the tables of annotated functions.

use clap::ArgMatches;
use heapline_report::{Report, render};

use crate::args;
use crate::error::CliError;
use crate::progress::Bar;

pub(super) fn render(
    report: &Report,
    matches: &ArgMatches,
    bar: &mut Bar,
) -> Result<String, CliError> {
    let tables = report.profile_tables();
    if tables.is_empty() {
        return Err(CliError::failure(format!(
            "{}: no function with #[heapline::profile] ran",
            report.path().display()
        )));
    }
    let arrays = super::arrays::if_asked(report, matches, bar)?;
    Ok(match args::wants_json(matches) {
        true => render::json::profile(report, &tables, arrays.as_ref()),
        false => render::text::profile(&tables, arrays.as_ref()),
    })
}
