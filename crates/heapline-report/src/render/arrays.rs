//! Arrays as text: who holds which buffer, what was copied where, what to think about.

use std::fmt::Write;

use heapline_trace::{ArrayLayout, Place};

use crate::arrays::{Advice, ArrayBuffer, ArrayFacts, ArrayLabel, Arrays, CopySite, Holds};
use crate::folded::At;
use crate::report::Report;
use crate::source::escape;
use crate::units::{self, exact_bytes};

/// The arrays, after the trace's quality; of the buffers and the copies at most `limit`.
#[must_use]
pub fn arrays(report: &Report, arrays: &Arrays, limit: usize) -> String {
    let mut text = format!("{}\n\n{}\n", report.quality().line(), caption(arrays));
    // Writing to a string cannot fail.
    if arrays.mapped_bytes() > 0 {
        let mapped = exact_bytes(arrays.mapped_bytes());
        let _ = writeln!(
            text,
            "Besides, {mapped} of mapped files, which are not on the heap."
        );
    }
    if !arrays.buffers.is_empty() {
        let _ = writeln!(text, "\n{}", buffers(arrays, limit));
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

/// A line each; what would be said several times is said once.
fn warnings(advice: &[Advice], limit: usize) -> String {
    let mut sentences: Vec<(String, u64)> = Vec::new();
    for sentence in advice.iter().map(sentence) {
        match sentences.iter().position(|(said, _)| *said == sentence) {
            Some(index) => sentences[index].1 += 1,
            None => sentences.push((sentence, 1)),
        }
    }
    let lines = sentences
        .into_iter()
        .take(limit)
        .map(|(sentence, times)| match times {
            1 => format!("warning: {sentence}\n"),
            _ => format!("warning: {sentence} ({} times)\n", units::count(times)),
        });
    lines.collect()
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
    let count = arrays.buffer_count();
    let held = arrays.held_bytes();
    let holds = if count == 1 { "holds" } else { "hold" };
    let add = if arrays.array_count() == 1 {
        "is"
    } else {
        "add up to"
    };
    format!(
        "Arrays alive {when}: {} {holds} {} ({}); the nbytes of {} {add} {}.",
        units::counted(count, "buffer"),
        exact_bytes(held),
        units::bytes(held),
        units::counted(arrays.array_count(), "array"),
        exact_bytes(arrays.nbytes()),
    )
}

const TITLES: [&str; 9] = [
    "array", "made by", "dtype", "shape", "order", "nbytes", "unique", "holds", "at",
];

/// Whether the column of a title is one of numbers.
fn is_number(column: usize) -> bool {
    (5..8).contains(&column)
}

fn buffers(arrays: &Arrays, limit: usize) -> String {
    let shown = arrays.buffers.iter().take(limit);
    let rows: Vec<[String; 9]> = shown.flat_map(rows).collect();
    let mut text = table(&TITLES, &rows, is_number);
    let rest = arrays.buffers.get(limit..).unwrap_or(&[]);
    if !rest.is_empty() {
        let held = |buffer: &ArrayBuffer| buffer.holds.heap_bytes().saturating_mul(buffer.count);
        let bytes = rest.iter().map(held).fold(0, u64::saturating_add);
        let count = rest.iter().map(|buffer| buffer.count).sum();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n… and {} more of {}; --limit shows them",
            units::counted(count, "buffer"),
            exact_bytes(bytes)
        );
    }
    text
}

/// The array that a buffer was made for, and below it those that use it, too.
fn rows(buffer: &ArrayBuffer) -> Vec<[String; 9]> {
    let rows = buffer.arrays.iter().enumerate();
    rows.map(|(index, array)| row(buffer, array, index > 0))
        .collect()
}

fn row(buffer: &ArrayBuffer, array: &ArrayFacts, is_below: bool) -> [String; 9] {
    let layout = array.layout.as_ref();
    let number = |text: String| match array.is_gone {
        true => "-".to_owned(),
        false => text,
    };
    let unique = match array.unique_bytes {
        Some(bytes) => units::count(bytes),
        None => format!("≤ {}", units::count(array.nbytes)),
    };
    let holds = match buffer.holds {
        Holds::Block(bytes) => units::count(bytes),
        Holds::Mapped(bytes) => format!("{} of a file", units::count(bytes)),
        Holds::Unknown if array.nbytes == 0 => "0".to_owned(),
        Holds::Unknown => "not known".to_owned(),
    };
    [
        name(buffer, array, is_below),
        escape(&array.operation),
        layout.map_or("?".to_owned(), |layout| escape(&layout.dtype)),
        layout.map_or("?".to_owned(), shape),
        layout.map_or("?", order).to_owned(),
        number(units::count(array.nbytes)),
        number(unique),
        holds,
        place(array.place.as_ref()),
    ]
}

fn name(buffer: &ArrayBuffer, array: &ArrayFacts, is_below: bool) -> String {
    let name = match (&array.name, array.id) {
        (Some(name), _) => escape(name),
        (None, _) if buffer.count > 1 => format!("{} alike", units::count(buffer.count)),
        (None, Some(id)) => format!("#{id}"),
        (None, None) => "?".to_owned(),
    };
    let indent = if is_below { "  " } else { "" };
    let gone = if array.is_gone { " (dropped)" } else { "" };
    format!("{indent}{name}{gone}")
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

/// In which order the elements follow each other without gaps.
fn order(layout: &ArrayLayout) -> &'static str {
    if layout.shape.contains(&0) {
        return "C F";
    }
    let axes = || layout.shape.iter().zip(&layout.byte_strides);
    match (
        follow(layout.itemsize, &mut axes().rev()),
        follow(layout.itemsize, &mut axes()),
    ) {
        (true, true) => "C F",
        (true, false) => "C",
        (false, true) => "F",
        (false, false) => "-",
    }
}

fn follow(itemsize: u64, axes: &mut dyn Iterator<Item = (&u64, &i64)>) -> bool {
    let mut expected = itemsize;
    axes.filter(|(length, _)| **length != 1)
        .all(|(&length, &stride)| {
            let follows = u64::try_from(stride) == Ok(expected);
            expected = expected.saturating_mul(length);
            follows
        })
}

fn place(place: Option<&Place>) -> String {
    place.map_or("?".to_owned(), |place| {
        format!("{}:{}", escape(&place.file), place.line)
    })
}

fn copies(sites: &[CopySite], limit: usize) -> String {
    let rows = sites.iter().take(limit).map(|site| {
        [
            units::count(site.bytes),
            units::count(site.copies),
            escape(&site.operation),
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
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n… and {} more with {}; --limit shows them",
            units::counted(rest.len() as u64, "line"),
            exact_bytes(bytes)
        );
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

fn label(label: &ArrayLabel) -> String {
    escape(&label.name)
}

fn sentence(advice: &Advice) -> String {
    match advice {
        Advice::SmallViews {
            array,
            holders,
            used_bytes,
            held_bytes,
            base,
        } => {
            let who = match holders {
                1 => label(array),
                _ => format!("{} and {} more", label(array), units::count(holders - 1)),
            };
            let keep = if *holders == 1 { "keeps" } else { "keep" };
            let of = base
                .as_ref()
                .map_or(String::new(), |base| format!(" of {}", label(base)));
            let share = *used_bytes as f64 * 100.0 / *held_bytes as f64;
            format!(
                "{}: only {who} ({}) {keep} the {}{of} alive ({share:.4} %); a copy of it would release them",
                place(array.place.as_ref()),
                exact_bytes(*used_bytes),
                exact_bytes(*held_bytes),
            )
        }
        Advice::CopyOnWrite(site) => format!(
            "{}: {} because the buffer was shared, {}; dropping the other handles first, or view_mut, writes in place",
            place(site.place.as_ref()),
            counted(site.copies, "write copied", "writes copied"),
            exact_bytes(site.bytes),
        ),
        Advice::RepeatedCopied(site) => format!(
            "{}: {} of repeated elements by {} took {} more than the elements have; a broadcast view takes none",
            place(site.place.as_ref()),
            counted(site.of_repeated, "copy", "copies"),
            escape(&site.operation),
            exact_bytes(site.repeated_bytes),
        ),
        Advice::FitsNarrower(site) => {
            let (from, to) = site.narrower.clone().unwrap_or_default();
            format!(
                "{}: every value fitted {}: {} is wider than they need",
                place(site.place.as_ref()),
                escape(&to),
                escape(&from),
            )
        }
        Advice::Slack {
            array,
            nbytes,
            held_bytes,
        } => format!(
            "{}: {} has {} of elements in a block of {}: {} are spare capacity",
            place(array.place.as_ref()),
            label(array),
            exact_bytes(*nbytes),
            exact_bytes(*held_bytes),
            exact_bytes(held_bytes - nbytes),
        ),
        Advice::Tiny {
            buffers,
            bytes,
            record_bytes,
            place: at,
        } => format!(
            "{}: {} hold {}, and records and handles take {} beside them ({:.1} times as much); one array would need one of each",
            place(at.as_ref()),
            counted(*buffers, "tiny buffer", "tiny buffers"),
            exact_bytes(*bytes),
            exact_bytes(*record_bytes),
            *record_bytes as f64 / (*bytes).max(1) as f64,
        ),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", units::count(count))
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
    fn shapes_and_orders_are_pythons() {
        assert_eq!(shape(&layout(&[], &[])), "()");
        assert_eq!(shape(&layout(&[3], &[8])), "(3,)");
        assert_eq!(shape(&layout(&[2, 3], &[24, 8])), "(2, 3)");
        for (text, shape, strides) in [
            ("C F", &[][..], &[][..]),
            ("C F", &[3], &[8]),
            ("C", &[2, 3], &[24, 8]),
            ("F", &[2, 3], &[8, 16]),
            ("C F", &[1, 3], &[999, 8]),
            ("-", &[3], &[16]),
            ("-", &[3], &[-8]),
            ("-", &[2, 3], &[0, 8]),
            ("C F", &[0, 3], &[5, 5]),
        ] {
            assert_eq!(
                order(&layout(shape, strides)),
                text,
                "{shape:?} {strides:?}"
            );
        }
    }
}
