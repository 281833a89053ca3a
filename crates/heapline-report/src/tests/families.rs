//! Several processes side by side.

use heapline_trace::{EndState, Header, NodeId, TraceBuilder};

use super::report;
use crate::{Family, Process, render};

/// A process that allocates so many bytes, of which it frees the first hundred.
fn process(pid: u32, parent_pid: u32, start: u64, bytes: u64) -> Process {
    let mut builder = TraceBuilder::new();
    builder.header = Header {
        pid,
        parent_pid,
        start_realtime_ns: start,
        end_state: EndState::Exit,
        arguments: format!("app\0{pid}\0").into_bytes(),
        ..Header::default()
    };
    builder
        .stream()
        .alloc(10, 0x100, 100, NodeId::COMPLETE)
        .alloc(20, 0x200, bytes - 100, NodeId::COMPLETE)
        .dealloc(30, 0x100);
    Process::of(&report(builder))
}

fn order(family: &Family) -> Vec<(u32, u32)> {
    let members = family.processes().iter();
    members
        .map(|member| (member.pid, member.generation))
        .collect()
}

#[test]
fn each_stands_behind_its_parent() {
    let family = Family::new(vec![
        process(30, 20, 4, 200),
        process(11, 10, 5, 200),
        process(20, 10, 3, 200),
        process(10, 1, 2, 200),
        process(5, 1, 1, 200),
    ]);
    assert_eq!(order(&family), [(5, 0), (10, 0), (20, 1), (30, 2), (11, 1)]);
}

#[test]
fn ids_that_come_again_and_cycles_make_no_harm() {
    // 20 is the child of the first 10, and 21 that of the second, whose parent is 20.
    let family = Family::new(vec![
        process(10, 1, 1, 200),
        process(20, 10, 2, 200),
        process(10, 20, 3, 200),
        process(21, 10, 4, 200),
        process(7, 7, 5, 200),
    ]);
    assert_eq!(order(&family), [(10, 0), (20, 1), (10, 2), (21, 3), (7, 0)]);
}

#[test]
fn sums_are_sums_and_peaks_a_bound() {
    let family = Family::new(vec![
        process(10, 1, 1, 1 << 20),
        process(11, 10, 2, 1 << 21),
    ]);
    assert_eq!(
        render::text::family(&family),
        "\
Quality: exact, 2 processes, 6 events, 0 skipped, 0 cut stacks, 0 anomalies

Pid  Parent        Peak  Live at end  Allocated  Allocations  Reallocations  Deallocations   End   Program
--------------------------------------------------------------------------------------------------------------------------
 10       1    1.00 MiB     1.00 MiB   1.00 MiB            2              0              1  exit   app 10
 11      10    2.00 MiB     2.00 MiB   2.00 MiB            2              0              1  exit     app 11
--------------------------------------------------------------------------------------------------------------------------
             ≤ 3.00 MiB     3.00 MiB   3.00 MiB            4              0              2         together

Peak together: the sum of peaks that need not have come at one time, so the most that it can have been.
Live at end: blocks that a process allocated itself and did not free; not those that it had from its parent.
"
    );
    let totals = family.totals();
    assert_eq!(totals.peak_bytes, 3 << 20);
    assert_eq!(totals.live_at_end_bytes, (3 << 20) - 200);
}

#[test]
fn losses_of_one_are_losses() {
    let mut lossy = process(11, 10, 2, 200);
    lossy.quality.exact = false;
    lossy.quality.unknown_deallocations = 3;
    let family = Family::new(vec![process(10, 1, 1, 200), lossy]);
    let text = render::text::family(&family);
    let quality = text.lines().next();
    assert_eq!(
        quality,
        Some(
            "Quality: with losses in 1 process, 2 processes, 6 events, 0 skipped, 0 cut stacks, \
             0 anomalies, 3 unknown deallocations"
        )
    );
}
