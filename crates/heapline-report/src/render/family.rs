//! Several processes as text: a line for each, and their sums.

use std::fmt::Write;

use crate::family::{Family, Process};
use crate::source::escape;
use crate::units;

/// What the processes did with memory, one by one and together.
#[must_use]
pub fn family(family: &Family) -> String {
    let rows: Vec<[String; COLUMNS]> = family.processes().iter().map(row).collect();
    let together = together(family);
    let mut widths = TITLES.map(|title| title.chars().count());
    for row in rows.iter().chain([&together]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles = line(&TITLES, &widths);
    let header = format!("{titles}   Program");
    let rule = "-".repeat(header.chars().count() + 16);
    let mut text = format!("{}\n\n{header}\n{rule}\n", quality(family));
    for (row, process) in rows.iter().zip(family.processes()) {
        let indent = "  ".repeat(process.generation as usize);
        let program = program(process);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}   {indent}{program}", line(row, &widths));
    }
    let _ = writeln!(text, "{rule}\n{}   together", line(&together, &widths));
    text.push_str(
        "\nPeak together: the sum of peaks that need not have come at one time, so the most \
         that it can have been.\nLive at end: blocks that a process allocated itself and did \
         not free; not those that it had from its parent.\n",
    );
    text
}

const COLUMNS: usize = 9;

const TITLES: [&str; COLUMNS] = [
    "Pid",
    "Parent",
    "Peak",
    "Live at end",
    "Allocated",
    "Allocations",
    "Reallocations",
    "Deallocations",
    "End",
];

fn row(process: &Process) -> [String; COLUMNS] {
    let totals = &process.totals;
    [
        process.pid.to_string(),
        process.parent_pid.to_string(),
        units::bytes(totals.peak_bytes),
        units::bytes(totals.live_at_end_bytes),
        units::bytes(totals.allocated_bytes),
        units::count(totals.allocations),
        units::count(totals.reallocations),
        units::count(totals.deallocations),
        process.quality.end.word().to_owned(),
    ]
}

fn together(family: &Family) -> [String; COLUMNS] {
    let totals = family.totals();
    [
        String::new(),
        String::new(),
        format!("≤ {}", units::bytes(totals.peak_bytes)),
        units::bytes(totals.live_at_end_bytes),
        units::bytes(totals.allocated_bytes),
        units::count(totals.allocations),
        units::count(totals.reallocations),
        units::count(totals.deallocations),
        String::new(),
    ]
}

fn line(cells: &[impl AsRef<str>; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let cells = cells.iter().zip(widths);
    let cells = cells.map(|(cell, &width)| format!("{:>width$}", cell.as_ref()));
    cells.collect::<Vec<_>>().join("  ")
}

fn program(process: &Process) -> String {
    let command = process.command.join(" ");
    escape(if command.is_empty() {
        &process.program
    } else {
        &command
    })
}

/// How far the figures can be trusted; every report begins so.
fn quality(family: &Family) -> String {
    let processes = family.processes();
    let exactness = match family.with_losses() {
        0 => "exact".to_owned(),
        lossy => format!(
            "with losses in {}",
            units::counted_by(lossy as u64, "process", "processes")
        ),
    };
    let sum = |count: fn(&Process) -> u64| processes.iter().map(count).sum::<u64>();
    let mut parts = vec![
        exactness,
        units::counted_by(processes.len() as u64, "process", "processes"),
        units::counted(sum(|process| process.quality.events), "event"),
        format!(
            "{} skipped",
            units::count(sum(|process| process.quality.skipped_events))
        ),
        units::counted(sum(|process| process.quality.cut_stacks), "cut stack"),
        units::counted_by(
            sum(|process| process.quality.order_anomalies),
            "anomaly",
            "anomalies",
        ),
    ];
    let unknown = sum(|process| process.quality.unknown_deallocations);
    if unknown > 0 {
        parts.push(units::counted(unknown, "unknown deallocation"));
    }
    let lost = sum(|process| process.quality.lost_blocks);
    if lost > 0 {
        parts.push(units::counted(lost, "lost block"));
    }
    format!("Quality: {}", parts.join(", "))
}
