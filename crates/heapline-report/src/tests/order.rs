//! Streams whose stamps tie, or contradict what must have been.

use heapline_trace::{EndState, NodeId, TraceBuilder};

use super::{report, stack};

const NODE: NodeId = NodeId::COMPLETE;

#[test]
fn of_equal_stamps_the_free_comes_before_the_reuse() {
    // The stream that reuses the block is read first.
    let mut builder = TraceBuilder::new();
    builder.stream().alloc(50, 0x100, 7, NODE);
    builder
        .stream()
        .alloc(10, 0x100, 64, NODE)
        .dealloc(50, 0x100);
    let report = report(builder);
    let totals = report.totals();
    assert_eq!((totals.peak_bytes, totals.live_at_end_bytes), (64, 7));
    assert_eq!(report.quality().order_anomalies, 0);
    assert_eq!(report.quality().repaired_events, 0);
}

#[test]
fn of_equal_stamps_the_allocation_comes_before_its_free() {
    let mut builder = TraceBuilder::new();
    builder.stream().dealloc(50, 0x100);
    builder.stream().alloc(50, 0x100, 64, NODE);
    let report = report(builder);
    assert_eq!(report.totals().live_at_end_blocks, 0);
    assert_eq!(report.quality().unknown_deallocations, 0);
}

#[test]
fn a_chain_of_ties_is_followed() {
    // 1 frees what 2 allocates after freeing what 3 allocates, all at once.
    let mut builder = TraceBuilder::new();
    builder.stream().dealloc(50, 0x100);
    builder
        .stream()
        .dealloc(50, 0x200)
        .alloc(50, 0x100, 1, NODE);
    builder.stream().alloc(50, 0x200, 2, NODE);
    let report = report(builder);
    assert_eq!(report.totals().live_at_end_blocks, 0);
    assert_eq!(report.quality().unknown_deallocations, 0);
    assert_eq!(report.quality().order_anomalies, 0);
}

#[test]
fn small_inversions_are_repaired_and_counted() {
    let mut builder = TraceBuilder::new();
    builder
        .stream()
        .dealloc(50, 0x100)
        .alloc(60, 0x900, 1, NODE);
    builder
        .stream()
        .alloc(130, 0x100, 64, NODE)
        .alloc(9_999, 0x300, 1, NODE);
    let report = report(builder);
    assert_eq!(report.totals().live_at_end_bytes, 2);
    assert_eq!(report.quality().repaired_events, 1);
    assert_eq!(report.quality().unknown_deallocations, 0);
}

#[test]
fn a_recording_that_began_late_repairs_no_frees() {
    let mut builder = TraceBuilder::new();
    builder.header.began_late = true;
    builder
        .stream()
        .dealloc(50, 0x100)
        .alloc(60, 0x900, 1, NODE);
    builder.stream().alloc(130, 0x100, 64, NODE);
    let report = report(builder);
    assert_eq!(report.totals().live_at_end_bytes, 65);
    assert_eq!(report.quality().unknown_deallocations, 1);
}

#[test]
fn what_is_too_far_apart_is_no_inversion() {
    let mut builder = TraceBuilder::new();
    builder.stream().dealloc(50, 0x100);
    builder.stream().alloc(20_000, 0x100, 64, NODE);
    let report = report(builder);
    assert_eq!(report.quality().unknown_deallocations, 1);
    assert_eq!(report.totals().live_at_end_bytes, 64);
}

#[test]
fn a_cycle_of_contradictions_ends() {
    let mut builder = TraceBuilder::new();
    builder
        .stream()
        .dealloc(50, 0x100)
        .alloc(51, 0x200, 1, NODE);
    builder
        .stream()
        .dealloc(50, 0x200)
        .alloc(51, 0x100, 1, NODE);
    let report = report(builder);
    let totals = report.totals();
    assert_eq!(totals.events(), 4);
    assert_eq!(report.quality().unknown_deallocations, 1);
}

#[test]
fn lost_and_cut_stacks_are_counted_by_event() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let cut = main.node(NodeId::FIRST_CUT, heapline_trace::FrameAddress::Return(1));
    let whole = stack(main, &[2]);
    main.alloc(10, 0x100, 1, cut)
        .realloc((20, 21), (0x100, 0x200), 2, cut)
        .alloc(30, 0x300, 3, whole)
        .alloc(40, 0x400, 4, NodeId::LOST)
        .dealloc(50, 0x400);
    let report = report(builder);
    let quality = report.quality();
    assert_eq!((quality.cut_stacks, quality.lost_stacks), (2, 1));
    assert!(quality.exact);
}

#[test]
fn stacks_through_a_library_that_was_replaced_are_counted() {
    let ambiguous = |second: (u64, u64)| {
        let mut builder = TraceBuilder::new();
        let main = builder.stream();
        main.module((0x1000, 0x2000), 0x1000, b"1", "/liba.so");
        let before = stack(main, &[0x1800]);
        let beside = stack(main, &[0x800]);
        main.alloc(10, 0x100, 1, before).alloc(20, 0x200, 2, beside);
        main.modules_changed();
        main.module(second, second.0, b"2", "/libb.so");
        let after = stack(main, &[second.0 + 0x800]);
        main.alloc(30, 0x300, 3, after);
        report(builder).quality().ambiguous_stacks
    };
    assert_eq!(ambiguous((0x1000, 0x2000)), 2);
    assert_eq!(ambiguous((0x5000, 0x6000)), 0);
}

#[test]
fn without_an_end_a_reallocation_in_flight_is_likelier_than_an_inversion() {
    let build = |end_state| {
        let mut builder = TraceBuilder::new();
        builder.header.end_state = end_state;
        // Reallocating it when the program died, or gone for good.
        builder.stream().alloc(10, 0x100, 64, NODE);
        builder.stream().alloc(20, 0x100, 7, NODE);
        builder
            .stream()
            .dealloc(25, 0x100)
            .alloc(90, 0x200, 1, NODE);
        report(builder)
    };
    let killed = build(EndState::Running);
    assert_eq!(killed.quality().reallocations_in_flight, 1);
    assert_eq!(killed.totals().live_at_end_bytes, 1);
    let ended = build(EndState::Exit);
    assert_eq!(ended.quality().repaired_events, 1);
    assert_eq!(ended.totals().live_at_end_bytes, 8);
}
