//! Arrays as text: who holds which buffer, and what was copied where.

use std::fmt::Write;

use heapline_trace::{ArrayLayout, Place};

use super::array_warnings::warnings;
use crate::arrays::{ArrayBuffer, ArrayFacts, ArrayLabel, Arrays, CopySite, Holds, MappedFiles};
use crate::folded::At;
use crate::report::Report;
use crate::source::escape;
use crate::units::{self, exact_bytes};

/// The arrays, after the trace's quality; of the buffers and the copies at most `limit`.
#[must_use]
pub fn arrays(report: &Report, arrays: &Arrays, limit: usize) -> String {
    let mut text = format!("{}\n\n{}\n", report.quality().line(), caption(arrays));
    // Writing to a string cannot fail.
    let mapped = arrays.mapped();
    if mapped.buffers > 0 {
        let _ = writeln!(text, "{}", besides(mapped));
    }
    if !arrays.buffers.is_empty() {
        let _ = writeln!(text, "\n{}", buffers(arrays, limit));
    }
    let by_views = held_by_views(arrays, limit);
    if !by_views.is_empty() {
        let _ = write!(text, "\n{by_views}");
    }
    let dtypes = arrays.bytes_by_dtype();
    if dtypes.len() > 1 {
        let dtypes = dtypes.into_iter();
        let dtypes =
            dtypes.map(|(dtype, bytes)| format!("{} {}", escape(&dtype), exact_bytes(bytes)));
        let _ = writeln!(
            text,
            "\nBy dtype: {}.",
            dtypes.collect::<Vec<_>>().join(", ")
        );
    }
    if !arrays.copies.is_empty() {
        let _ = writeln!(text, "\n{}", copies(&arrays.copies, limit));
    }
    let advice = warnings(&arrays.advice, limit);
    if !advice.is_empty() {
        let _ = write!(text, "\n{advice}");
    }
    text
}

/// The notes on a line, to stand behind its source: `[view of a: 0 B]`.
#[must_use]
pub fn line_notes(arrays: &Arrays, is_here: impl Fn(&Place) -> bool) -> String {
    let here = arrays.lines.iter().filter(|note| is_here(&note.place));
    let notes = here.map(|note| format!("[{}]", escape(&note.text())));
    notes.collect::<Vec<_>>().join(" ")
}

/// Lines with their notes behind them, in a column of their own; none is moved further
/// to the right than `widest` by the lines above and below.
pub(super) fn side_by_side(lines: Vec<(String, String)>, widest: usize) -> Vec<String> {
    let noted = lines.iter().filter(|(_, note)| !note.is_empty());
    let widths = noted.map(|(source, _)| source.chars().count());
    let width = widths.max().unwrap_or(0).min(widest);
    let lines = lines.into_iter().map(|(source, note)| match note.as_str() {
        "" => source,
        note => format!("{source:<width$}  {note}"),
    });
    lines.collect()
}

fn caption(arrays: &Arrays) -> String {
    let when = match arrays.at {
        At::Peak => "at the peak".to_owned(),
        At::End => "at the end".to_owned(),
        At::Nanoseconds(time) => format!("after {}", units::nanoseconds(time)),
    };
    let least = if arrays.counted_views > 0 { "≥ " } else { "" };
    let count = arrays.buffer_count();
    let held = arrays.held_bytes();
    let holds = if count == 1 { "holds" } else { "hold" };
    let unknown = arrays.unknown_count();
    let summed = arrays.array_count() - unknown;
    let add = if summed == 1 { "is" } else { "add up to" };
    let mut text = format!(
        "Arrays alive {when}: {least}{} {holds} {least}{} ({}) of {} live; the nbytes of {least}{} {add} {least}{}.",
        units::counted(count, "buffer"),
        exact_bytes(held),
        units::bytes(held),
        exact_bytes(arrays.live_bytes),
        units::counted(summed, "array"),
        exact_bytes(arrays.nbytes()),
    );
    let unknown_buffers = arrays.unknown_buffer_count();
    if unknown_buffers > 0 {
        let was = match unknown_buffers {
            1 => "it was",
            _ => "they were",
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\nOf {} the bytes are not known and in no sum: {was} allocated before recording \
             began, or not by this allocator.",
            units::counted(unknown_buffers, "buffer")
        );
    }
    if unknown > 0 {
        let (is, it) = match unknown {
            1 => ("is", "it"),
            _ => ("are", "them"),
        };
        let _ = write!(
            text,
            "\nLeft out of the sum of nbytes {is} {} whose nbytes is not known; if reallocated since \
             .track, tracking {it} again tells.",
            units::counted(unknown, "array")
        );
    }
    if arrays.counted_views > 0 {
        let _ = write!(
            text,
            "\n≥ {} more were made in the run and only counted: those alive, and what they \
             keep, are in no row, sum or warning here.",
            units::counted(arrays.counted_views, "view")
        );
    }
    text
}

fn besides(mapped: MappedFiles) -> String {
    let (is, has) = match mapped.buffers {
        1 => ("is", "a mapped file"),
        _ => ("are", "mapped files"),
    };
    let add = if mapped.arrays == 1 {
        "is"
    } else {
        "add up to"
    };
    format!(
        "Besides, {} {is} {has}: {}, none of it on the heap; the nbytes of {} {add} {}.",
        units::counted(mapped.buffers, "buffer"),
        exact_bytes(mapped.bytes),
        units::counted(mapped.arrays, "array"),
        exact_bytes(mapped.nbytes),
    )
}

/// Longer names are cut where they stand in the table, not in warnings.
const NAME_CHARACTERS_MAX: usize = 60;

const TITLES: [&str; 9] = [
    "array", "made by", "dtype", "shape", "order", "nbytes", "unique", "holds", "at",
];

/// Whether the column of a title is one of numbers.
fn is_number(column: usize) -> bool {
    (5..8).contains(&column)
}

fn buffers(arrays: &Arrays, limit: usize) -> String {
    let shown = arrays.buffers.iter().take(limit);
    let rows: Vec<[String; 9]> = shown.flat_map(|buffer| rows(buffer, limit)).collect();
    let mut text = table(&TITLES, &rows, is_number);
    let rest = arrays.buffers.get(limit..).unwrap_or(&[]);
    if !rest.is_empty() {
        let held = |buffer: &ArrayBuffer| buffer.holds.heap_bytes().saturating_mul(buffer.count);
        let bytes = rest.iter().map(held).fold(0, u64::saturating_add);
        let count = rest.iter().map(|buffer| buffer.count).sum();
        let besides = format!(" of {}", exact_bytes(bytes));
        text.push('\n');
        text.push_str(&beyond_limit(count, "buffer", &besides));
    }
    text
}

/// The array that a buffer was made for, and below it at most `limit` of those that use it,
/// too.
fn rows(buffer: &ArrayBuffer, limit: usize) -> Vec<[String; 9]> {
    let (shown, rest) = match buffer.arrays.split_at_checked(limit.saturating_add(1)) {
        Some(parts) => parts,
        None => (buffer.arrays.as_slice(), &[][..]),
    };
    let rows = shown.iter().enumerate();
    let rows = rows.map(|(index, array)| row(buffer, array, index > 0));
    let more = (!rest.is_empty()).then(|| {
        let count = rest.iter().map(|array| array.count).sum();
        let mut row = <[String; 9]>::default();
        row[0] = format!("  … and {} more", units::count(count));
        row
    });
    rows.chain(more).collect()
}

fn row(buffer: &ArrayBuffer, array: &ArrayFacts, is_below: bool) -> [String; 9] {
    let layout = array.layout.as_ref();
    let unknown = if array.is_reallocated { "-" } else { "?" };
    let number = |bytes: Option<u64>, before: &str| match bytes {
        _ if array.is_gone => "-".to_owned(),
        Some(bytes) => format!("{before}{}", units::count(bytes)),
        None => unknown.to_owned(),
    };
    let unique = match array.unique_bytes {
        Some(bytes) => number(Some(bytes), ""),
        None => number(array.known_nbytes(), "≤ "),
    };
    let holds = match buffer.holds {
        Holds::Block(bytes) => units::count(bytes),
        Holds::Mapped(bytes) => format!("{} of a file", units::count(bytes)),
        Holds::Unknown if buffer.is_unknown() => "not known".to_owned(),
        Holds::Unknown => "0".to_owned(),
    };
    [
        name(buffer, array, is_below),
        cell(&array.operation),
        array.dtype.as_deref().map_or("?".to_owned(), cell),
        layout.map_or(unknown.to_owned(), shape),
        array.order().unwrap_or(unknown).to_owned(),
        number(array.known_nbytes(), ""),
        unique,
        holds,
        place(array.place.as_ref()),
    ]
}

fn name(buffer: &ArrayBuffer, array: &ArrayFacts, is_below: bool) -> String {
    // Of buffers that are alike each has one array.
    let alike = match buffer.count.max(array.count) {
        1 => None,
        count => Some(format!("{} alike", units::count(count))),
    };
    let name = match (&array.name, alike, array.id) {
        (Some(name), None, _) => short(name),
        (Some(name), Some(alike), _) => format!("{} ({alike})", short(name)),
        (None, Some(alike), _) => alike,
        (None, None, Some(id)) => format!("#{id}"),
        (None, None, None) => "?".to_owned(),
    };
    let indent = if is_below { "  " } else { "" };
    let gone = if array.is_gone { " (dropped)" } else { "" };
    format!("{indent}{name}{gone}")
}

/// A text that stands in a column; a tab would be wider there than it counts.
fn cell(text: &str) -> String {
    escape(text).replace('\t', "\\t")
}

/// A name that does not make its column wider than it is worth.
fn short(name: &str) -> String {
    let name = cell(name);
    match name.char_indices().nth(NAME_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

/// `(1000, 3)`, `(3,)`, `()`, as Python writes it.
fn shape(layout: &ArrayLayout) -> String {
    match layout.shape.as_slice() {
        [length] => format!("({length},)"),
        lengths => {
            let lengths: Vec<String> = lengths.iter().map(u64::to_string).collect();
            format!("({})", lengths.join(", "))
        }
    }
}

pub(super) fn place(place: Option<&Place>) -> String {
    place.map_or("?".to_owned(), |place| {
        format!("{}:{}", cell(&place.file), place.line)
    })
}

fn copies(sites: &[CopySite], limit: usize) -> String {
    let rows = sites.iter().take(limit).map(|site| {
        [
            units::count(site.bytes),
            units::count(site.copies),
            cell(&site.operation),
            place(site.place.as_ref()),
        ]
    });
    let rows: Vec<[String; 4]> = rows.collect();
    let titles = ["bytes", "copies", "by", "at"];
    let mut text = "Copies, in the whole run:\n\n".to_owned();
    text.push_str(&table(&titles, &rows, |column| column < 2));
    let rest = sites.get(limit..).unwrap_or(&[]);
    if !rest.is_empty() {
        let bytes = rest.iter().map(|site| site.bytes);
        let bytes = bytes.fold(0, u64::saturating_add);
        let besides = format!(" with {}", exact_bytes(bytes));
        text.push('\n');
        text.push_str(&beyond_limit(rest.len() as u64, "line", &besides));
    }
    text
}

/// Columns as wide as they must be, two blanks apart; numbers to the right.
fn table<const N: usize>(
    titles: &[&str; N],
    rows: &[[String; N]],
    is_number: impl Fn(usize) -> bool,
) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(titles[column].len())
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: &[String; N]| {
        let cells = cells.iter().zip(widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match is_number(column) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    let header = line(&titles.map(str::to_owned));
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (N - 1));
    let rows: Vec<String> = rows.iter().map(line).collect();
    format!("{header}\n{rule}\n{}", rows.join("\n"))
}

pub(super) fn label(label: &ArrayLabel) -> String {
    escape(&label.name)
}

/// Buffers that views alone keep, at most `limit`; empty if there is none.
fn held_by_views(arrays: &Arrays, limit: usize) -> String {
    let held = arrays.buffers.iter();
    let held: Vec<(&ArrayBuffer, &ArrayFacts, &ArrayFacts)> = held
        .filter_map(|buffer| Some((buffer, buffer.gone()?, buffer.alive().next()?)))
        .collect();
    if held.is_empty() {
        return String::new();
    }
    let bytes = held.iter().map(|(buffer, ..)| buffer.holds.heap_bytes());
    let mut text = format!(
        "Held by views alone, what they were made for being dropped: {} of {}.\n",
        units::counted(held.len() as u64, "buffer"),
        exact_bytes(bytes.fold(0, u64::saturating_add))
    );
    for (buffer, gone, view) in held.iter().take(limit) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {} of {} ({}) by {} ({}){}",
            exact_bytes(buffer.holds.heap_bytes()),
            label(&gone.label()),
            place(gone.place.as_ref()),
            label(&view.label()),
            place(view.place.as_ref()),
            and_more(buffer.holders()),
        );
    }
    let rest = held.len().saturating_sub(limit);
    if rest > 0 {
        text.push_str(&beyond_limit(rest as u64, "buffer", ""));
        text.push('\n');
    }
    text
}

/// How many more there are than are shown.
pub(super) fn beyond_limit(count: u64, noun: &str, besides: &str) -> String {
    let more = units::counted(count, noun);
    format!("… and {more} more{besides}; --limit shows them")
}

/// What to say behind the first of so many arrays.
pub(super) fn and_more(holders: u64) -> String {
    match holders.saturating_sub(1) {
        0 => String::new(),
        more => format!(" and {} more", units::count(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[u64], byte_strides: &[i64]) -> ArrayLayout {
        ArrayLayout {
            dtype: "float64".to_owned(),
            itemsize: 8,
            shape: shape.to_vec(),
            byte_strides: byte_strides.to_vec(),
        }
    }

    #[test]
    fn shapes_are_pythons() {
        assert_eq!(shape(&layout(&[], &[])), "()");
        assert_eq!(shape(&layout(&[3], &[8])), "(3,)");
        assert_eq!(shape(&layout(&[2, 3], &[24, 8])), "(2, 3)");
    }
}
