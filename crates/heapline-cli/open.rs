//! From the arguments of a command to an opened report.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use heapline_report::symbols::SymbolOptions;
use heapline_report::{End, Options, Report};

use crate::args;
use crate::error::CliError;
use crate::newest::named_or_newest;
use crate::progress::Bar;

/// Opens the trace that the arguments mean.
pub(crate) fn report(matches: &ArgMatches, bar: &mut Bar) -> Result<Report, CliError> {
    let path = named_or_newest(args::path(matches, "trace"))?;
    open(&path, args::path(matches, "source-root"), bar)
}

/// Opens a trace with the symbols that were stored beside it. If there are none they are
/// looked up, and stored for the next command.
pub(crate) fn open(
    path: &Path,
    source_root: Option<PathBuf>,
    bar: &mut Bar,
) -> Result<Report, CliError> {
    let store = beside(path, SYMBOLS);
    let stored = store.exists();
    let moved = source_root.is_some();
    let symbols = SymbolOptions {
        source_root,
        store: stored.then(|| store.clone()),
        ..SymbolOptions::default()
    };
    let report = open_with(path, symbols, bar)?;
    let whole = report.end() != End::Running && report.problems().is_empty();
    if !stored && !moved && whole && !report.carries_symbols() {
        // Where this folder cannot be written to, the next command looks them up again.
        let _ = report.save_symbols(&store);
    }
    Ok(report)
}

/// Opens the trace of a program that has just ended: binary and sources are those that
/// ran, and what was stored beside an older trace of this name is not.
pub(crate) fn open_new(path: &Path, bar: &mut Bar) -> Result<Report, CliError> {
    open_with(path, SymbolOptions::default(), bar)
}

fn open_with(path: &Path, symbols: SymbolOptions, bar: &mut Bar) -> Result<Report, CliError> {
    Report::open(path, &Options { symbols }, &mut |progress| {
        bar.show(progress)
    })
    .map_err(|error| CliError::failure(error.to_string()))
}

/// Extension of the file with a trace's symbols and source text.
pub(crate) const SYMBOLS: &str = "symbols";

/// Removes the symbols beside a trace that carries its own by now.
pub(crate) fn remove_symbols(trace: &Path) {
    // Most traces have none there; one that stays is read first, and says the same.
    let _ = std::fs::remove_file(beside(trace, SYMBOLS));
}

/// The file of this kind that belongs to a trace, and is not the trace itself.
pub(crate) fn beside(trace: &Path, extension: &str) -> PathBuf {
    let mut path = trace.with_extension(extension);
    if path == trace {
        path.as_mut_os_string().push(format!(".{extension}"));
    }
    path
}
