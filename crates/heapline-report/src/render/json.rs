//! Reports for programs. Every number is an exact integer.

use serde_json::{Map, Value, json};

use super::arrays_json::line_note;
use crate::arrays::Arrays;
use crate::facts::Totals;
use crate::family::{Family, Process};
use crate::line_table::{LineTable, Row};
use crate::profile_table::{ProfileRow, ProfileTable};
use crate::quality::Quality;
use crate::report::Report;
use crate::source::is_active;

/// The version of the documents' shape.
pub(super) const SCHEMA: u32 = 1;

/// The summary.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut document = process(&Process::of(report));
    document.insert("schema".to_owned(), SCHEMA.into());
    pretty(&document.into())
}

/// The summaries of several processes, each behind its parent, and their sums. There the
/// peak is called what it is, a bound.
#[must_use]
pub fn family(family: &Family) -> String {
    let members = family.processes().iter().map(|member| {
        let mut document = process(member);
        let trace = member.path.to_string_lossy();
        document.insert("trace".to_owned(), trace.into());
        Value::from(document)
    });
    let totals = family.totals();
    let mut together = sums(&totals);
    together.insert("peak_bytes_at_most".to_owned(), totals.peak_bytes.into());
    pretty(&json!({
        "schema": SCHEMA,
        "processes": members.collect::<Vec<_>>(),
        "together": together,
        "exact": family.with_losses() == 0,
    }))
}

/// What a process says, whether alone or among others.
fn process(process: &Process) -> Map<String, Value> {
    let mut document = sums(&process.totals);
    for (key, value) in [
        ("program", process.program.clone().into()),
        ("command", process.command.clone().into()),
        ("pid", process.pid.into()),
        ("parent_pid", process.parent_pid.into()),
        ("failed_allocations", process.failed_allocations.into()),
        ("peak_bytes", process.totals.peak_bytes.into()),
        ("peak_at_ns", process.peak_at_ns.into()),
        ("threads", process.quality.threads.into()),
        ("duration_ns", process.duration_ns.into()),
        ("quality", quality(&process.quality)),
    ] {
        document.insert(key.to_owned(), value);
    }
    document
}

/// Totals that may be added up over processes.
fn sums(totals: &Totals) -> Map<String, Value> {
    let sums = [
        ("allocations", totals.allocations),
        ("allocated_bytes", totals.allocated_bytes),
        ("deallocations", totals.deallocations),
        ("deallocated_bytes", totals.deallocated_bytes),
        ("reallocations", totals.reallocations),
        ("reallocated_bytes", totals.reallocated_bytes),
        ("live_at_end_bytes", totals.live_at_end_bytes),
        ("live_at_end_blocks", totals.live_at_end_blocks),
        ("temporary_allocations", totals.temporary_allocations),
    ];
    let sums = sums
        .into_iter()
        .map(|(key, sum)| (key.to_owned(), sum.into()));
    sums.collect()
}

/// A line table. With `arrays`, rows have what they did with arrays.
#[must_use]
pub fn lines(report: &Report, table: &LineTable, arrays: Option<&Arrays>) -> String {
    let row = |row: &Row| {
        let mut value = row_value(row);
        if let Some(arrays) = arrays {
            let notes = arrays.lines.iter().filter(|note| row.is_at(&note.place));
            value["arrays"] = notes.map(line_note).collect();
        }
        value
    };
    pretty(&json!({
        "schema": SCHEMA,
        "quality": quality(&report.quality()),
        "rows": table.rows.iter().map(row).collect::<Vec<_>>(),
    }))
}

/// The tables of annotated functions. With `arrays`, lines have what they did with arrays.
#[must_use]
pub fn profile(report: &Report, tables: &[ProfileTable], arrays: Option<&Arrays>) -> String {
    let tables = tables.iter().map(|table| {
        let rows = table.rows.iter().map(|row| {
            let mut value = profile_row(row);
            if let Some(arrays) = arrays {
                let notes = arrays.lines.iter();
                let notes = notes.filter(|note| table.is_at(row, &note.place));
                value["arrays"] = notes.map(line_note).collect();
            }
            value
        });
        json!({
            "file": table.file,
            "function": table.function,
            "rows": rows.collect::<Vec<_>>(),
        })
    });
    pretty(&json!({
        "schema": SCHEMA,
        "quality": quality(&report.quality()),
        "functions": tables.collect::<Vec<_>>(),
    }))
}

/// A line; what was measured is null where the line was never executed.
fn profile_row(row: &ProfileRow) -> Value {
    let measured = row.measured;
    json!({
        "line": row.line,
        "live_bytes": measured.and_then(|measured| measured.live_bytes),
        "increment_bytes": measured.map(|measured| measured.increment_bytes),
        "occurrences": measured.map(|measured| measured.occurrences),
        "source": row.source,
    })
}

pub use super::arrays_json::arrays;

pub(super) fn quality(quality: &Quality) -> Value {
    json!({
        "events": quality.events,
        "skipped_events": quality.skipped_events,
        "cut_stacks": quality.cut_stacks,
        "lost_stacks": quality.lost_stacks,
        "ambiguous_stacks": quality.ambiguous_stacks,
        "lost_blocks": quality.lost_blocks,
        "order_anomalies": quality.order_anomalies,
        "reallocations_in_flight": quality.reallocations_in_flight,
        "unknown_deallocations": quality.unknown_deallocations,
        "missing_symbols": quality.missing_symbols,
        "exact": quality.exact,
        "end": quality.end.word(),
        "stop_reason": quality.stop_reason,
    })
}

fn row_value(row: &Row) -> Value {
    json!({
        "file": row.file,
        "line": row.line,
        "function": row.function,
        "crate": row.krate,
        "allocations": row.allocations,
        "allocated_bytes": row.allocated_bytes,
        "reallocations": row.reallocations,
        "reallocated_bytes": row.reallocated_bytes,
        "live_at_peak_bytes": row.live_at_peak_bytes,
        "live_at_end_bytes": row.live_at_end_bytes,
        "max_live_bytes": row.max_live_bytes,
        "temporary_allocations": row.temporary_allocations,
        "source": row.source,
    })
}

/// The document, with a line feed at its end.
/// JSON must escape few characters; people look at it in terminals, so everything that
/// does something there is escaped. Outside of strings there is nothing but ASCII.
pub(super) fn pretty(value: &Value) -> String {
    let text = format!("{value:#}\n");
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter > '~' && is_active(letter) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names_and_do_nothing_to_a_terminal() {
        let names = json!(["a\u{1b}[2J\u{9b}31m", "\u{202e}txt\u{7f}", "é 語 <script>"]);
        let text = pretty(&names);
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), names);
        assert!(text.contains(r#""a\u001b[2J\u009b31m""#), "{text}");
        assert!(text.contains(r#""\u202etxt\u007f""#), "{text}");
        assert!(text.contains("é 語"), "{text}");
    }
}
