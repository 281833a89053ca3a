//! `#[profile]` tables in the exact layout of Python's `memory_profiler`.

use std::fmt::Write;

use super::arrays::{line_notes, side_by_side};
use crate::arrays::Arrays;
use crate::profile_table::{Measured, ProfileRow, ProfileTable};
use crate::units;

/// Notes on arrays stand at most so far to the right of where the source begins.
const WIDEST_SOURCE: usize = 72;

/// One block a function, each ended by two line feeds. With `arrays`, what each line did
/// with arrays stands behind its source.
#[must_use]
pub fn profile(tables: &[ProfileTable], arrays: Option<&Arrays>) -> String {
    tables.iter().map(|table| block(table, arrays)).collect()
}

fn block(table: &ProfileTable, arrays: Option<&Arrays>) -> String {
    let sources = table.rows.iter().map(|row| with_notes(table, row, arrays));
    let sources = side_by_side(sources.collect(), WIDEST_SOURCE);
    // `Occurrences` is a letter wider than its column, in the original, too.
    let header = row(
        "Line #",
        "Mem usage",
        "Increment",
        "Occurrences",
        "Line Contents",
    );
    let rule = "=".repeat(header.trim_end_matches('\n').len());
    let mut text = format!("Filename: {}\n\n{header}{rule}\n", table.file);
    for (line, source) in table.rows.iter().zip(&sources) {
        let [usage, increment, occurrences] = cells(line.measured);
        let number = line.line.to_string();
        text.push_str(&row(&number, &usage, &increment, &occurrences, source));
    }
    text.push_str("\n\n");
    text
}

/// A line's source, and the notes that belong behind it.
fn with_notes(table: &ProfileTable, row: &ProfileRow, arrays: Option<&Arrays>) -> (String, String) {
    let notes = arrays.map(|arrays| line_notes(arrays, |place| table.is_at(row, place)));
    (row.source.clone(), notes.unwrap_or_default())
}

fn cells(measured: Option<Measured>) -> [String; 3] {
    let Some(measured) = measured else {
        return Default::default();
    };
    let usage = measured.live_bytes.map(|bytes| {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        units::mebibytes(bytes)
    });
    [
        usage.unwrap_or_default(),
        units::mebibytes(measured.increment_bytes),
        measured.occurrences.to_string(),
    ]
}

fn row(line: &str, usage: &str, increment: &str, occurrences: &str, source: &str) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{line:>6} {usage:>12} {increment:>12}  {occurrences:>10}   {source:<}"
    );
    text
}
