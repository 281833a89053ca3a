//! A trace's totals against those of the counting allocator below heapline.

use std::collections::HashMap;

use serde_json::Value;

use crate::support::{Run, summary};

/// Names in the file of `tests/programs/src/lib.rs`, in its order.
const COUNTERS: [&str; 12] = heapline_test_programs::COUNTERS;

/// What the allocator counted.
pub(crate) fn oracle(run: &Run) -> HashMap<&'static str, u64> {
    let bytes = std::fs::read(run.folder.join("oracle")).expect("the oracle's counters");
    let numbers = bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
    COUNTERS.into_iter().zip(numbers).collect()
}

/// A run of a program with the oracle below: nothing is missing, nothing is wrong. Gives
/// the summary.
pub(crate) fn totals_are_the_oracles(mode: &str, run: &Run) -> Value {
    assert!(run.output.status.success(), "{mode}: {}", run.stderr());
    let (oracle, summary) = (oracle(run), summary(&run.trace));
    // The peak of several threads is no sum, and the last two are the allocator's own.
    for name in &COUNTERS[..9] {
        assert_eq!(summary[name], oracle[name], "{mode}: {name}");
    }
    assert_eq!(oracle["unknown"], 0);
    let quality = &summary["quality"];
    assert_eq!(quality["events"], oracle["operations"], "{mode}: events");
    assert_eq!(quality["exact"], true, "{mode}: {quality}");
    assert_eq!(quality["end"], "exit");
    for name in [
        "skipped_events",
        "cut_stacks",
        "lost_stacks",
        "lost_blocks",
        "order_anomalies",
        "unknown_deallocations",
    ] {
        assert_eq!(quality[name], 0, "{mode}: {name}");
    }
    summary
}
