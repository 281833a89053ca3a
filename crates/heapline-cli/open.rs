//! From the arguments of a command to an opened report.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use heapline_report::symbols::SymbolOptions;
use heapline_report::{Options, Report};

use crate::args;
use crate::error::CliError;
use crate::newest::named_or_newest;
use crate::progress::Bar;

/// Opens the trace that the arguments mean.
pub(crate) fn report(matches: &ArgMatches, bar: &mut Bar) -> Result<Report, CliError> {
    let path = named_or_newest(args::path(matches, "trace"))?;
    open(&path, args::path(matches, "source-root"), bar)
}

/// Opens a trace with the symbols that were stored beside it, if any.
pub(crate) fn open(
    path: &Path,
    source_root: Option<PathBuf>,
    bar: &mut Bar,
) -> Result<Report, CliError> {
    let store = symbols_path(path);
    let symbols = SymbolOptions {
        source_root,
        store: store.exists().then_some(store),
        ..SymbolOptions::default()
    };
    Report::open(path, &Options { symbols }, &mut |progress| {
        bar.show(progress)
    })
    .map_err(|error| CliError::failure(error.to_string()))
}

/// Where symbols and source text of a trace are kept.
pub(crate) fn symbols_path(trace: &Path) -> PathBuf {
    trace.with_extension("symbols")
}
