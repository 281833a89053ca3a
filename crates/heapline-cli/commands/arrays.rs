//! `heapline arrays`.

use clap::ArgMatches;
use heapline_report::{Arrays, At, Report, render};

use crate::args;
use crate::error::CliError;
use crate::progress::Bar;

pub(super) fn render(
    report: &Report,
    matches: &ArgMatches,
    bar: &mut Bar,
) -> Result<String, CliError> {
    let at = args::given(matches, "at").unwrap_or_default();
    let arrays = at_instant(report, super::at(&at)?, bar)?;
    if args::wants_json(matches) {
        return Ok(render::json::arrays(report, &arrays));
    }
    let limit = matches.get_one::<usize>("limit").copied();
    Ok(render::text::arrays(report, &arrays, limit.unwrap_or(50)))
}

/// The arrays, if the program told of any.
fn at_instant(report: &Report, at: At, bar: &mut Bar) -> Result<Arrays, CliError> {
    if report.array_notes() == 0 {
        return Err(CliError::failure(format!(
            "{}: no array in it; arrays of heapline-array are told of, and plain ndarray \
             arrays by .track(\"name\")",
            report.path().display()
        )));
    }
    report
        .arrays(at, &mut |progress| bar.show(progress))
        .map_err(super::failed)
}

/// The arrays at the peak, for `--arrays`.
pub(super) fn if_asked(
    report: &Report,
    matches: &ArgMatches,
    bar: &mut Bar,
) -> Result<Option<Arrays>, CliError> {
    match matches.get_flag("arrays") {
        true => at_instant(report, At::Peak, bar).map(Some),
        false => Ok(None),
    }
}
