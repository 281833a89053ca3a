//! A reallocation ends one block and begins another, at two stamps.

use heapline_trace::{NodeId, TraceBuilder};

use super::{report, stack};

#[test]
fn a_block_moves_to_the_stack_of_its_reallocation() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let (first, grown) = (stack(main, &[1, 2]), stack(main, &[1, 3]));
    main.alloc(10, 0x100, 64, first)
        .realloc((20, 30), (0x100, 0x200), 256, grown)
        .realloc((40, 50), (0x200, 0x200), 128, grown);
    let report = report(builder);
    let totals = report.totals();
    assert_eq!((totals.allocations, totals.allocated_bytes), (1, 64));
    assert_eq!((totals.reallocations, totals.reallocated_bytes), (2, 384));
    assert_eq!((totals.deallocations, totals.deallocated_bytes), (0, 0));
    assert_eq!((totals.peak_bytes, totals.peak_stamp), (256, 30));
    assert_eq!(
        (totals.live_at_end_bytes, totals.live_at_end_blocks),
        (128, 1)
    );
    let [one, two] = report.facts[..] else {
        panic!("two stacks")
    };
    assert_eq!((one.live_at_peak_bytes, one.max_live_bytes), (0, 64));
    assert_eq!((two.live_at_peak_bytes, two.live_at_end_bytes), (256, 128));
}

#[test]
fn the_old_address_may_be_taken_while_the_new_one_is_not_there_yet() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let node = stack(main, &[1]);
    main.alloc(10, 0x100, 64, node)
        .realloc((20, 40), (0x100, 0x200), 128, node);
    let other = builder.stream();
    let node = stack(other, &[2]);
    other.alloc(30, 0x100, 1000, node);
    let report = report(builder);
    let quality = report.quality();
    assert_eq!(
        (quality.order_anomalies, quality.reallocations_in_flight),
        (0, 0)
    );
    assert_eq!(report.totals().live_at_end_bytes, 1128);
    assert_eq!(report.totals().peak_bytes, 1128);
}

#[test]
fn the_visible_half_of_a_reallocation_in_flight_ends_the_old_block() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let node = stack(main, &[1]);
    main.alloc(10, 0x100, 64, node);
    let other = builder.stream();
    other.alloc(20, 0x100, 8, NodeId::COMPLETE);
    other.alloc(21, 0x200, 8, NodeId::COMPLETE);
    let report = report(builder);
    let quality = report.quality();
    assert_eq!(
        (quality.order_anomalies, quality.reallocations_in_flight),
        (0, 1)
    );
    assert_eq!(report.totals().live_at_end_bytes, 16);
    assert!(quality.exact);
}

#[test]
fn each_stream_explains_one_reallocation_and_others_are_anomalies() {
    let mut builder = TraceBuilder::new();
    builder.stream().alloc(10, 0x100, 64, NodeId::COMPLETE);
    let other = builder.stream();
    other
        .alloc(11, 0x200, 8, NodeId::COMPLETE)
        .alloc(20, 0x100, 8, NodeId::COMPLETE)
        .alloc(21, 0x200, 8, NodeId::COMPLETE);
    let report = report(builder);
    let quality = report.quality();
    assert_eq!(
        (quality.order_anomalies, quality.reallocations_in_flight),
        (1, 1)
    );
    assert!(!quality.exact);
    assert_eq!(report.totals().live_at_end_bytes, 16);
}

#[test]
fn a_stream_that_goes_on_explains_nothing() {
    let mut builder = TraceBuilder::new();
    builder
        .stream()
        .alloc(10, 0x100, 64, NodeId::COMPLETE)
        .alloc(90, 0x900, 1, NodeId::COMPLETE);
    builder.stream().alloc(20, 0x100, 8, NodeId::COMPLETE);
    assert_eq!(report(builder).quality().order_anomalies, 1);
}

#[test]
fn blocks_from_before_the_recording_are_counted_apart() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    main.dealloc(10, 0x100)
        .realloc((20, 30), (0x200, 0x300), 50, NodeId::COMPLETE);
    let report = report(builder);
    let totals = report.totals();
    assert_eq!(report.quality().unknown_deallocations, 2);
    assert_eq!((totals.deallocations, totals.deallocated_bytes), (1, 0));
    assert_eq!((totals.reallocations, totals.live_at_end_bytes), (1, 50));
    assert_eq!(report.quality().events, 2);
}
