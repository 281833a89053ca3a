//! `#[profile]` tables in the exact layout of Python's `memory_profiler`.

use std::fmt::Write;

use crate::profile_table::{Measured, ProfileTable};
use crate::units;

/// One block a function, each ended by two line feeds.
#[must_use]
pub fn profile(tables: &[ProfileTable]) -> String {
    tables.iter().map(block).collect()
}

fn block(table: &ProfileTable) -> String {
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
    for line in &table.rows {
        let [usage, increment, occurrences] = cells(line.measured);
        let number = line.line.to_string();
        text.push_str(&row(
            &number,
            &usage,
            &increment,
            &occurrences,
            &line.source,
        ));
    }
    text.push_str("\n\n");
    text
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
