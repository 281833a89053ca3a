//! The summary as text.

use std::fmt::Write;

use crate::report::Report;
use crate::source::escape;
use crate::units;

/// What the program did with memory, in a few lines.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut text = format!("{}\n\n{}\n\n", report.quality().line(), command(report));
    for (label, amount, rest) in figures(report) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {label:<13}{amount:>10}   {rest}");
    }
    text
}

/// What kept symbols or source text away, one line each; nothing if nothing did.
#[must_use]
pub fn problems(report: &Report) -> String {
    let lines = report.problems().into_iter();
    lines.map(|problem| format!("note: {problem}\n")).collect()
}

fn command(report: &Report) -> String {
    let arguments = report.header().command();
    let line = if arguments.is_empty() {
        report.program()
    } else {
        arguments.join(" ")
    };
    format!(
        "{} (pid {}, recorded {})",
        escape(&line),
        report.header().pid,
        units::nanoseconds(report.duration_ns())
    )
}

/// Label, amount, and what belongs to it.
fn figures(report: &Report) -> Vec<(&'static str, String, String)> {
    let totals = report.totals();
    let peak_time = units::nanoseconds(report.peak_at_ns());
    let temporary = units::percent(totals.temporary_allocations, totals.allocations);
    let mut figures = vec![
        (
            "Peak",
            units::bytes(totals.peak_bytes),
            format!(
                "{} bytes, after {peak_time}",
                units::count(totals.peak_bytes)
            ),
        ),
        (
            "Live at end",
            units::bytes(totals.live_at_end_bytes),
            format!("in {}", units::counted(totals.live_at_end_blocks, "block")),
        ),
        (
            "Allocated",
            units::bytes(totals.allocated_bytes),
            format!("in {}", units::counted(totals.allocations, "allocation")),
        ),
        (
            "Reallocated",
            units::bytes(totals.reallocated_bytes),
            format!(
                "in {}",
                units::counted(totals.reallocations, "reallocation")
            ),
        ),
        (
            "Deallocated",
            units::bytes(totals.deallocated_bytes),
            format!(
                "in {}",
                units::counted(totals.deallocations, "deallocation")
            ),
        ),
        (
            "Temporary",
            temporary,
            format!(
                "of the allocations ({}) were freed before their thread's next one",
                units::count(totals.temporary_allocations)
            ),
        ),
    ];
    let failed = report.header().failed_allocations;
    if failed > 0 {
        let rest = "allocations were refused by the allocator".to_owned();
        figures.push(("Failed", units::count(failed), rest));
    }
    figures
}
