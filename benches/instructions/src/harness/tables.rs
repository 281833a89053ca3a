//! Which figures are shown, and how.

use std::fmt::Write;

use heapline_instructions::{EVENTS, REPLAYED_EVENTS};

use crate::counts::Counts;

/// The columns of the first table: what a shape of stacks is called here and in the
/// benchmarks.
const SHAPES: [(&str, &str); 6] = [
    ("5 calls", "depth_5"),
    ("30", "depth_30"),
    ("70", "depth_70"),
    ("200", "depth_200"),
    ("4,096 stacks", "alternating"),
    ("recursion", "recursion"),
];

/// A row of the first table.
struct ShapeRow {
    title: &'static str,
    /// The function that is run for each shape.
    function: &'static str,
    /// The one whose count is no part of it.
    less: Option<&'static str>,
    events: u32,
    /// How many of the columns it has, from the first.
    shapes: usize,
}

const SHAPE_ROWS: [ShapeRow; 5] = [
    ShapeRow {
        title: "allocation and deallocation, the system's allocator",
        function: "bare/pairs",
        less: Some("bare/nothing"),
        events: EVENTS,
        shapes: 6,
    },
    ShapeRow {
        title: "added by heapline, idle",
        function: "idle/pairs",
        less: Some("bare/pairs"),
        events: EVENTS,
        shapes: 1,
    },
    ShapeRow {
        title: "added by heapline, recording",
        function: "hook/pairs",
        less: Some("bare/pairs"),
        events: EVENTS,
        shapes: 6,
    },
    ShapeRow {
        title: "capture of a stack",
        function: "capture/known",
        less: Some("bare/nothing"),
        events: EVENTS,
        shapes: 6,
    },
    ShapeRow {
        title: "a thread's first capture",
        function: "capture/first",
        less: None,
        events: 1,
        shapes: 4,
    },
];

/// The second table: what is called so, its benchmark, and how many events that has.
const PLAIN_ROWS: [(&str, &str, u32); 7] = [
    (
        "encode: pairs of one block and one stack",
        "encode/pairs_of_one_block",
        EVENTS,
    ),
    ("encode: allocations", "encode/allocs", EVENTS),
    ("encode: deallocations", "encode/deallocs", EVENTS),
    ("encode: reallocations", "encode/reallocs", EVENTS),
    ("encode: nodes", "encode/nodes", EVENTS),
    (
        "replay: one thread",
        "replay/events.one_thread",
        REPLAYED_EVENTS,
    ),
    (
        "replay: two threads",
        "replay/events.two_threads",
        REPLAYED_EVENTS,
    ),
];

/// Both tables.
pub(crate) fn all(counts: &Counts) -> Result<String, String> {
    let mut text = String::from("| instructions per event |");
    for (title, _) in SHAPES {
        _ = write!(text, " {title} |");
    }
    text += "\n|---|";
    text += &"---:|".repeat(SHAPES.len());
    text.push('\n');
    for row in SHAPE_ROWS {
        _ = write!(text, "| {} |", row.title);
        for (_, shape) in &SHAPES[..row.shapes] {
            _ = write!(text, " {} |", grouped(row.per_event(counts, shape)?));
        }
        text += &" - |".repeat(SHAPES.len() - row.shapes);
        text.push('\n');
    }
    text += "\n| instructions per event | |\n|---|---:|\n";
    for (title, benchmark, events) in PLAIN_ROWS {
        let per_event = counts.instructions(benchmark)? as f64 / f64::from(events);
        _ = writeln!(text, "| {title} | {} |", grouped(per_event));
    }
    Ok(text)
}

impl ShapeRow {
    fn per_event(&self, counts: &Counts, shape: &str) -> Result<f64, String> {
        let count = |function: &str| counts.instructions(&format!("{function}.{shape}"));
        let less = self.less.map_or(Ok(0), count)?;
        Ok((count(self.function)? as f64 - less as f64) / f64::from(self.events))
    }
}

/// Whole instructions, thousands set off by commas.
fn grouped(instructions: f64) -> String {
    let digits = format!("{instructions:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_off() {
        assert_eq!(grouped(12.6), "13");
        assert_eq!(grouped(999.6), "1,000");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }
}
