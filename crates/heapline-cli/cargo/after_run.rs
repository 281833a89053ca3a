//! What `cargo heapline` says when the program has ended.

use std::path::{Path, PathBuf};

use heapline_report::symbols::SymbolStore;
use heapline_report::{FoldedOptions, LineOptions, PackOptions, Report, render};

use super::recording::Recording;
use crate::commands;
use crate::error::CliError;
use crate::open::{SYMBOLS, beside, open_new, remove_symbols};
use crate::output::{complain, to_stderr};
use crate::progress::Bar;

/// Lines of the table printed here; `heapline lines` has them all.
const LINES: usize = 12;

/// Prints the report on stderr and leaves a flame graph beside the trace, which is then
/// packed together with its symbols until `is_stopped` says otherwise.
pub(super) fn report(
    recording: &Recording,
    pid: u32,
    wrapped: bool,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), CliError> {
    let mut bar = Bar::new();
    for trace in recording.traces(pid, wrapped) {
        let report = open_new(&trace, &mut bar)?;
        if recording.is_this(report.header().start_realtime_ns) {
            // While the binary is still the one that ran.
            let symbols = report.symbol_store();
            let stored = symbols.save(&beside(&trace, SYMBOLS));
            show(&report, &trace, bar)?;
            // A full disk takes the symbols away, not the report.
            if let Err(error) = stored {
                complain(&error.to_string());
            }
            drop(report);
            return pack(&trace, symbols, is_stopped);
        }
    }
    complain(&recording.why_nothing());
    Ok(())
}

/// Silently: the reports are the same before and after. Until then the symbols lie beside
/// the trace.
fn pack(trace: &Path, symbols: SymbolStore, is_stopped: &dyn Fn() -> bool) -> Result<(), CliError> {
    let mut bar = Bar::new();
    let options = PackOptions {
        symbols: Some(symbols),
        ..PackOptions::default()
    };
    let mut show = |progress| bar.show(progress);
    heapline_report::pack(trace, None, options, &mut show, is_stopped).map_err(commands::failed)?;
    drop(bar);
    remove_symbols(trace);
    Ok(())
}

fn show(report: &Report, trace: &Path, mut bar: Bar) -> Result<(), CliError> {
    let picture = write_picture(report, trace, &mut bar);
    let lines = LineOptions {
        limit: Some(LINES),
        ..LineOptions::default()
    };
    let table = report
        .lines(&lines, &mut |progress| bar.show(progress))
        .map_err(commands::failed)?;
    drop(bar);
    let mut text = format!("\n{}\n", render::text::summary(report));
    text.push_str(&render::text::profile(&report.profile_tables(), None));
    text.push_str(&commands::with_problems(
        report,
        render::text::line_rows(&table),
    ));
    text.push_str(&format!("\ntrace        {}\n", shown(trace)));
    if report.array_notes() > 0 {
        text.push_str(&format!("arrays       heapline arrays {}\n", shown(trace)));
    }
    if let Ok(Some(picture)) = &picture {
        text.push_str(&format!("flame graph  {}\n", shown(picture)));
    }
    to_stderr(&text);
    // A full disk takes the picture away, not the report.
    if let Err(error) = picture {
        complain(&error.to_string());
    }
    Ok(())
}

/// Draws the live bytes at the peak; a program that never allocated has no picture.
fn write_picture(
    report: &Report,
    trace: &Path,
    bar: &mut Bar,
) -> Result<Option<PathBuf>, CliError> {
    if report.totals().peak_bytes == 0 {
        return Ok(None);
    }
    let svg = commands::svg(report, &FoldedOptions::default(), bar)?;
    let path = beside(trace, "svg");
    std::fs::write(&path, svg)
        .map_err(|error| CliError::io(&format!("write {}", path.display()), error))?;
    Ok(Some(path))
}

/// A path as short as it can be typed here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}
