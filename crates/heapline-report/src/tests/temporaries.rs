//! Which allocations are temporary.

use heapline_trace::{NodeId, TraceBuilder};

use super::report;

const NODE: NodeId = NodeId::COMPLETE;

fn check(expected: u64, build: impl FnOnce(&mut TraceBuilder)) {
    let mut builder = TraceBuilder::new();
    build(&mut builder);
    let report = report(builder);
    assert_eq!(report.totals().temporary_allocations, expected);
    let by_stack: u64 = report
        .facts
        .iter()
        .map(|facts| facts.temporary_allocations)
        .sum();
    assert_eq!(by_stack, expected);
}

#[test]
fn freed_before_the_threads_next_allocation() {
    check(1, |builder| {
        builder.stream().alloc(1, 0x100, 8, NODE).dealloc(2, 0x100);
    });
    check(1, |builder| {
        let main = builder.stream();
        main.alloc(1, 0x100, 8, NODE).alloc(2, 0x200, 8, NODE);
        main.dealloc(3, 0x200).dealloc(4, 0x100);
    });
}

#[test]
fn a_reallocation_is_a_next_allocation() {
    check(0, |builder| {
        let main = builder.stream();
        main.alloc(1, 0x100, 8, NODE).alloc(2, 0x200, 8, NODE);
        main.realloc((3, 4), (0x100, 0x100), 16, NODE)
            .dealloc(5, 0x200);
    });
    check(1, |builder| {
        let main = builder.stream();
        main.alloc(1, 0x100, 8, NODE);
        main.realloc((3, 4), (0x100, 0x300), 16, NODE)
            .dealloc(5, 0x300);
    });
}

#[test]
fn another_thread_makes_nothing_temporary_and_hinders_nothing() {
    check(0, |builder| {
        builder.stream().alloc(1, 0x100, 8, NODE);
        builder.stream().dealloc(2, 0x100);
    });
    check(1, |builder| {
        builder.stream().alloc(1, 0x100, 8, NODE).dealloc(3, 0x100);
        builder.stream().alloc(2, 0x200, 8, NODE);
    });
    check(0, |builder| {
        let slot = builder.stream();
        slot.alloc(1, 0x100, 8, NODE)
            .thread(2, 77, b"next")
            .dealloc(3, 0x100);
    });
}
