//! A line table as text: a block per file, one line of text per row.

use std::fmt::Write;

use super::arrays::{line_notes, side_by_side};
use crate::arrays::Arrays;
use crate::line_table::{LineTable, Row, Sort};
use crate::report::Report;
use crate::units;

/// Function names take at most so many columns.
const FUNCTION_COLUMNS: usize = 24;

/// The table, after its quality and what it shows. With `arrays`, what each line did with
/// arrays stands behind its source.
#[must_use]
pub fn lines(report: &Report, table: &LineTable, arrays: Option<&Arrays>) -> String {
    let rows = rows_with_notes(table, arrays);
    format!("{}\n\n{rows}", report.quality().line())
}

/// The table alone, for a text that has stated the quality already.
#[must_use]
pub fn line_rows(table: &LineTable) -> String {
    rows_with_notes(table, None)
}

fn rows_with_notes(table: &LineTable, arrays: Option<&Arrays>) -> String {
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
        let rows = rows.iter().map(|row| (layout.row(row), notes(row, arrays)));
        for row in side_by_side(rows.collect(), usize::MAX) {
            let _ = writeln!(text, "{row}");
        }
    }
    text
}

fn notes(row: &Row, arrays: Option<&Arrays>) -> String {
    let notes = arrays.map(|arrays| line_notes(arrays, |place| row.is_at(place)));
    notes.unwrap_or_default()
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

/// A column of numbers: its title, and what stands in it.
struct Column {
    title: &'static str,
    cell: fn(&Row) -> String,
}

const COLUMNS: [Column; 7] = [
    Column {
        title: "Line",
        cell: |row| row.line.to_string(),
    },
    Column {
        title: "At peak",
        cell: |row| unless_zero(row.live_at_peak_bytes, units::bytes),
    },
    Column {
        title: "At end",
        cell: |row| unless_zero(row.live_at_end_bytes, units::bytes),
    },
    Column {
        title: "Allocated",
        cell: |row| unless_zero(row.allocated_bytes, units::bytes),
    },
    REALLOCATED,
    Column {
        title: "Allocations",
        cell: |row| unless_zero(row.allocations, units::count),
    },
    Column {
        title: "Temporary",
        cell: |row| unless_zero(row.temporary_allocations, units::count),
    },
];

/// Shown only where something was reallocated.
const REALLOCATED: Column = Column {
    title: "Reallocated",
    cell: |row| unless_zero(row.reallocated_bytes, units::bytes),
};

fn unless_zero(number: u64, text: fn(u64) -> String) -> String {
    match number {
        0 => "-".to_owned(),
        number => text(number),
    }
}

/// The columns and their widths.
struct Layout {
    columns: Vec<(Column, usize)>,
    function: usize,
}

impl Layout {
    fn of(table: &LineTable) -> Self {
        let reallocated = table.rows.iter().any(|row| row.reallocations > 0);
        let widest = |column: &Column| {
            let cells = table
                .rows
                .iter()
                .map(|row| (column.cell)(row).chars().count());
            cells.max().unwrap_or(0).max(column.title.len()).max(6)
        };
        let columns = COLUMNS
            .into_iter()
            .filter(|column| reallocated || column.title != REALLOCATED.title)
            .map(|column| {
                let width = widest(&column);
                (column, width)
            });
        let functions = table.rows.iter().map(|row| short(row).chars().count());
        Layout {
            columns: columns.collect(),
            function: functions.max().unwrap_or(0).max("Function".len()),
        }
    }

    fn header(&self) -> String {
        self.line(|column| column.title.to_owned(), "Function", "Source")
    }

    fn row(&self, row: &Row) -> String {
        let source = row.source.as_deref().unwrap_or_default();
        self.line(|column| (column.cell)(row), &short(row), source)
    }

    fn line(&self, cell: impl Fn(&Column) -> String, function: &str, source: &str) -> String {
        let mut text = String::new();
        for (column, width) in &self.columns {
            // Writing to a string cannot fail.
            let _ = write!(text, "{:>width$}  ", cell(column));
        }
        let width = self.function;
        let _ = write!(text, " {function:<width$}  {source}");
        text.truncate(text.trim_end().len());
        text
    }
}

/// The end of a function's path, without its crate and type parameters:
/// `Store::insert`, `main::{closure#0}`.
fn short(row: &Row) -> String {
    let plain = without_parameters(&row.function);
    let mut parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    if parts.len() > 1 && parts.first() == Some(&row.krate.as_str()) {
        parts.remove(0);
    }
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
