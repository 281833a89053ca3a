//! A line table as text: a block per file, one line of text per row.

use std::fmt::Write;

use crate::line_table::{LineTable, Row, Sort};
use crate::report::Report;
use crate::units;

/// Function names take at most so many columns.
const FUNCTION_COLUMNS: usize = 28;

/// The table, after its quality and what it shows.
#[must_use]
pub fn lines(report: &Report, table: &LineTable) -> String {
    format!("{}\n\n{}", report.quality().line(), line_rows(table))
}

/// The table alone, for a text that has stated the quality already.
#[must_use]
pub fn line_rows(table: &LineTable) -> String {
    let mut text = format!("{}\n", caption(table));
    if table.rows.is_empty() {
        return text;
    }
    let layout = Layout::of(table);
    let header = layout.header();
    let rule = "-".repeat(header.chars().count() + 24);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n{header}\n{rule}");
    for (place, (file, rows)) in by_file(&table.rows).into_iter().enumerate() {
        let gap = if place == 0 { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{file}");
        for row in rows {
            let _ = writeln!(text, "{}", layout.row(row));
        }
    }
    text
}

fn caption(table: &LineTable) -> String {
    let scope = if table.own {
        "without what the lines call"
    } else {
        "with what each line calls"
    };
    let order = match table.sort {
        Sort::Peak => "bytes live at the peak",
        Sort::End => "bytes live at the end",
        Sort::Allocated => "allocated bytes",
        Sort::Allocations => "allocations",
        Sort::Temporary => "temporary allocations",
        Sort::File => "file and line",
    };
    let found = units::counted(table.rows_found as u64, "line");
    let shown = if table.rows.len() < table.rows_found {
        format!("{} of {found}", units::count(table.rows.len() as u64))
    } else {
        found
    };
    format!("Memory by source line, {scope}: {shown}, by {order}.")
}

/// The rows of each file; files stand where their first row does.
fn by_file(rows: &[Row]) -> Vec<(&str, Vec<&Row>)> {
    let mut files: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
        match files.iter_mut().find(|(file, _)| *file == row.file) {
            Some((_, rows)) => rows.push(row),
            None => files.push((&row.file, vec![row])),
        }
    }
    files
}

/// Column titles, and what stands in the columns of a row.
const TITLES: [&str; 6] = [
    "Line",
    "At peak",
    "At end",
    "Allocated",
    "Allocations",
    "Temporary",
];

fn cells(row: &Row) -> [String; 6] {
    let amount = |number: u64, text: fn(u64) -> String| match number {
        0 => "-".to_owned(),
        number => text(number),
    };
    [
        row.line.to_string(),
        amount(row.live_at_peak_bytes, units::bytes),
        amount(row.live_at_end_bytes, units::bytes),
        amount(row.allocated_bytes, units::bytes),
        amount(row.allocations, units::count),
        amount(row.temporary_allocations, units::count),
    ]
}

/// The widths of all columns.
struct Layout {
    cells: [usize; 6],
    function: usize,
}

impl Layout {
    fn of(table: &LineTable) -> Self {
        let mut layout = Layout {
            cells: TITLES.map(|title| title.len().max(6)),
            function: "Function".len(),
        };
        for row in &table.rows {
            for (width, cell) in layout.cells.iter_mut().zip(cells(row)) {
                *width = (*width).max(cell.chars().count());
            }
            let function = short(&row.function).chars().count();
            layout.function = layout.function.max(function);
        }
        layout
    }

    fn header(&self) -> String {
        let cells = TITLES.map(str::to_owned);
        self.line(&cells, "Function", "Source")
    }

    fn row(&self, row: &Row) -> String {
        let source = row.source.as_deref().unwrap_or_default();
        self.line(&cells(row), &short(&row.function), source)
    }

    fn line(&self, cells: &[String; 6], function: &str, source: &str) -> String {
        let mut text = String::new();
        for (cell, &width) in cells.iter().zip(&self.cells) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{cell:>width$}  ");
        }
        let width = self.function;
        let _ = write!(text, " {function:<width$}  {source}");
        text.truncate(text.trim_end().len());
        text
    }
}

/// The end of a function's path, without type parameters: `Store::insert`, `main::{closure#0}`.
fn short(function: &str) -> String {
    let plain = without_parameters(function);
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    let kept = parts.len().saturating_sub(2);
    let name = parts.get(kept..).unwrap_or_default().join("::");
    if name.chars().count() <= FUNCTION_COLUMNS {
        return name;
    }
    let tail: Vec<char> = name.chars().rev().take(FUNCTION_COLUMNS - 1).collect();
    std::iter::once('…').chain(tail.into_iter().rev()).collect()
}

/// `<a::B<C> as d::E<F>>::g::<H>` is `a::B::g`.
fn without_parameters(function: &str) -> String {
    let mut plain = String::new();
    let (mut rest, self_type) = match function.strip_prefix('<') {
        Some(rest) => (rest, true),
        None => (function, false),
    };
    if self_type {
        let subject = rest.find(" as ").map_or(rest, |at| &rest[..at]);
        let inner = matching(rest);
        plain.push_str(&strip(&subject[..subject.len().min(inner)]));
        rest = rest.get(inner + 1..).unwrap_or_default();
    }
    plain.push_str(&strip(rest));
    plain
}

/// Where the bracket that encloses the beginning of a text is closed.
fn matching(text: &str) -> usize {
    let mut depth = 0usize;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if before == '-' => {}
            '>' if depth == 0 => return at,
            '>' => depth -= 1,
            _ => {}
        }
        before = letter;
    }
    text.len()
}

/// A path without what stands in angle brackets.
fn strip(path: &str) -> String {
    let mut plain = String::new();
    let mut depth = 0usize;
    let mut before = ' ';
    for letter in path.chars() {
        match letter {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
        before = letter;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_known_by_their_last_words() {
        for (function, expected) in [
            ("main", "main"),
            ("app::load", "app::load"),
            ("app::main::{closure#0}", "main::{closure#0}"),
            ("<app::Store<u32> as app::Insert>::insert", "Store::insert"),
            ("app::inner::grow::<alloc::vec::Vec<u8>>", "inner::grow"),
            ("<app::Store<fn() -> u8>>::new", "Store::new"),
            ("<", ""),
            (
                "app::a_function_with_a_very_long_name",
                "…unction_with_a_very_long_name",
            ),
        ] {
            let short = short(function);
            if expected.starts_with('…') {
                assert_eq!(short.chars().count(), FUNCTION_COLUMNS);
                assert!(expected.ends_with(short.trim_start_matches('…')));
            } else {
                assert_eq!(short, expected);
            }
        }
    }
}
