//! What `cargo heapline` says when the program has ended.

use std::path::Path;

use heapline_report::{FoldedOptions, LineOptions, Report, render};

use crate::commands;
use crate::error::CliError;
use crate::open::{open, symbols_path};
use crate::output::{complain, to_stderr};
use crate::progress::Bar;

/// Lines of the table printed here; `heapline lines` has them all.
const LINES: usize = 12;

/// Prints the report on stderr and leaves symbols and flame graph beside the trace.
pub(super) fn report(program: &Path, trace: Option<&Path>) -> Result<(), CliError> {
    let Some(trace) = trace else {
        complain(&format!(
            "{} recorded nothing; give it heapline as its allocator by two lines: \
             #[global_allocator] static ALLOC: heapline::Heapline = heapline::Heapline::system();",
            program.display()
        ));
        return Ok(());
    };
    let mut bar = Bar::new();
    let report = open(trace, None, &mut bar)?;
    // While the binary is still the one that ran.
    report
        .save_symbols(&symbols_path(trace))
        .map_err(commands::failed)?;
    let picture = write_picture(&report, trace, &mut bar)?;
    let lines = LineOptions {
        limit: Some(LINES),
        ..LineOptions::default()
    };
    let table = report
        .lines(&lines, &mut |progress| bar.show(progress))
        .map_err(commands::failed)?;
    drop(bar);
    let mut text = format!("\n{}\n", render::text::summary(&report));
    text.push_str(&render::text::profile(&report.profile_tables()));
    text.push_str(&render::text::line_rows(&table));
    text.push_str(&render::text::problems(&report));
    text.push_str(&format!("\ntrace        {}\n", shown(trace)));
    if let Some(picture) = picture {
        text.push_str(&format!("flame graph  {}\n", shown(&picture)));
    }
    to_stderr(&text);
    Ok(())
}

/// Draws the live bytes at the peak; a program that never allocated has no picture.
fn write_picture(
    report: &Report,
    trace: &Path,
    bar: &mut Bar,
) -> Result<Option<std::path::PathBuf>, CliError> {
    if report.totals().peak_bytes == 0 {
        return Ok(None);
    }
    let svg = commands::svg(report, &FoldedOptions::default(), bar)?;
    let path = trace.with_extension("svg");
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
