//! `heapline flamegraph`.

use clap::ArgMatches;
use heapline_report::{At, FoldedOptions, Metric, Report, render};

use crate::args;
use crate::error::CliError;
use crate::progress::Bar;

pub(super) fn render(
    report: &Report,
    matches: &ArgMatches,
    bar: &mut Bar,
) -> Result<String, CliError> {
    let options = FoldedOptions {
        metric: metric(args::given(matches, "metric").as_deref()),
        at: instant(matches)?,
        inverted: matches.get_flag("inverted"),
        full: matches.get_flag("full"),
    };
    if matches.get_flag("folded") {
        let folded = report
            .folded(&options, &mut |progress| bar.show(progress))
            .map_err(super::failed)?;
        return Ok(folded.text());
    }
    svg(report, &options, bar)
}

/// The picture.
pub(crate) fn svg(
    report: &Report,
    options: &FoldedOptions,
    bar: &mut Bar,
) -> Result<String, CliError> {
    let folded = report
        .folded(options, &mut |progress| bar.show(progress))
        .map_err(super::failed)?;
    render::flamegraph::svg(report, &folded).map_err(super::failed)
}

/// The metric by the name that [`args::METRICS`] has for it.
fn metric(name: Option<&str>) -> Metric {
    let metrics = [
        Metric::Live,
        Metric::Allocated,
        Metric::Allocations,
        Metric::Temporary,
    ];
    let named = args::METRICS
        .into_iter()
        .zip(metrics)
        .find(|(text, _)| Some(*text) == name);
    named.map_or(Metric::Live, |(_, metric)| metric)
}

/// When live bytes are taken; other metrics are of the whole run.
fn instant(matches: &ArgMatches) -> Result<At, CliError> {
    let metric = args::given(matches, "metric").unwrap_or_default();
    if args::is_typed(matches, "at") && metric != "live" {
        return Err(CliError::usage(format!(
            "--at is for --metric live; {metric} are counted over the whole run"
        )));
    }
    super::at(args::given(matches, "at").as_deref().unwrap_or("peak"))
}
