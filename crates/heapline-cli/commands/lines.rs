//! `heapline lines`.

use clap::ArgMatches;
use heapline_report::{LineOptions, Report, Sort, render};

use crate::args;
use crate::error::CliError;
use crate::progress::Bar;

pub(super) fn render(
    report: &Report,
    matches: &ArgMatches,
    bar: &mut Bar,
) -> Result<String, CliError> {
    let json = args::wants_json(matches);
    let options = LineOptions {
        function: args::given(matches, "function"),
        file: args::given(matches, "file"),
        krate: args::given(matches, "crate"),
        all: matches.get_flag("all"),
        own: matches.get_flag("own"),
        sort: sort(args::given(matches, "sort").as_deref()),
        limit: matches.get_one::<usize>("limit").copied(),
        maxima: json,
    };
    let table = report
        .lines(&options, &mut |progress| bar.show(progress))
        .map_err(super::failed)?;
    let arrays = super::arrays::if_asked(report, matches, bar)?;
    Ok(if json {
        render::json::lines(report, &table, arrays.as_ref())
    } else {
        let text = render::text::lines(report, &table, arrays.as_ref());
        super::with_problems(report, text)
    })
}

/// The order by the name that [`args::SORTS`] has for it.
fn sort(name: Option<&str>) -> Sort {
    let sorts = [
        Sort::Peak,
        Sort::End,
        Sort::Allocated,
        Sort::Allocations,
        Sort::Temporary,
        Sort::File,
    ];
    let named = args::SORTS
        .into_iter()
        .zip(sorts)
        .find(|(text, _)| Some(*text) == name);
    named.map_or(Sort::Peak, |(_, sort)| sort)
}
