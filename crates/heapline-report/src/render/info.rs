//! What a trace file consists of, as text.

use std::fmt::Write;

use heapline_trace::{ClockMode, Packing, UnwindMode};

use crate::report::{Report, StreamInfo};
use crate::source::escape;
use crate::units;

/// Header, cells and streams of the file.
#[must_use]
pub fn info(report: &Report) -> String {
    let mut text = format!("{}\n\n", report.quality().line());
    for (label, value) in header(report) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {label:<12}{value}");
    }
    let _ = writeln!(
        text,
        "\n  {:>6}  {:>8}  {:>10}  {:>14}  Threads",
        "Stream", "Blocks", "Records", "Events"
    );
    for stream in report.streams() {
        text.push_str(&row(&stream));
    }
    text
}

fn header(report: &Report) -> Vec<(&'static str, String)> {
    let header = report.header();
    let cells = report.cells();
    let packing = report
        .packing()
        .map(|packing| ("Packed", packed(report, packing)));
    let text = |bytes: &[u8]| escape(&String::from_utf8_lossy(bytes));
    let rows = [
        ("Program", text(&header.program)),
        ("Command", escape(&header.command().join(" "))),
        ("Directory", text(&header.directory)),
        (
            "Process",
            format!("{}, child of {}", header.pid, header.parent_pid),
        ),
        ("Recorded", units::nanoseconds(report.duration_ns())),
        (
            "Clock",
            match header.clock_mode {
                ClockMode::Tsc => "time stamp counter".to_owned(),
                ClockMode::Monotonic => "monotonic clock".to_owned(),
            },
        ),
        (
            "Stacks",
            match header.unwind_mode {
                UnwindMode::Rules => "unwind rules, at most ".to_owned(),
                UnwindMode::Backtrace => "backtrace crate, at most ".to_owned(),
            } + &units::counted(u64::from(header.max_frames), "frame"),
        ),
        (
            "Stages",
            if header.anonymous_stages {
                "in memory: a kill loses up to one a thread".to_owned()
            } else {
                "in the file".to_owned()
            },
        ),
        (
            "Cells",
            format!(
                "{}, {}, {}",
                units::counted(cells.blocks, "block"),
                units::counted(cells.stages, "stage"),
                units::counted(cells.scopes, "line table")
            ),
        ),
        (
            "Stack tree",
            format!(
                "{}, {}, {}",
                units::counted(report.stacks().len() as u64, "stack"),
                units::counted(report.stacks().sites().len() as u64, "address"),
                units::counted(report.stacks().modules().len() as u64, "module")
            )
            .replace("addresss", "addresses"),
        ),
    ];
    rows.into_iter().chain(packing).collect()
}

/// From how many bytes to how many.
fn packed(report: &Report, packing: Packing) -> String {
    let symbols = match packing.attachment_bytes {
        0 => "no symbols".to_owned(),
        bytes => format!("{} of symbols", units::bytes(bytes)),
    };
    format!(
        "{}, {}, {symbols}",
        units::reduction(
            packing.raw_bytes,
            packing.packed_bytes,
            report.totals().events()
        ),
        units::counted(packing.groups, "group"),
    )
}

fn row(stream: &StreamInfo) -> String {
    let threads: Vec<String> = stream
        .threads
        .iter()
        .map(|thread| match thread.name.as_str() {
            "" => thread.tid.to_string(),
            name => format!("{} {}", thread.tid, escape(name)),
        })
        .collect();
    format!(
        "  {:>6}  {:>8}  {:>10}  {:>14}  {}\n",
        stream.id,
        units::count(stream.blocks),
        units::bytes(stream.record_bytes),
        units::count(stream.events),
        threads.join(", ")
    )
}
