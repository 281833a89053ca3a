//! The summary, as JSON and as text.

use heapline_trace::{EndState, Header, NodeId, StopReason, TraceBuilder};

use super::{report, report_of_bytes};
use crate::render;

fn sample() -> TraceBuilder {
    let mut builder = TraceBuilder::new();
    builder.header = Header {
        pid: 4242,
        parent_pid: 4200,
        end_state: EndState::Exit,
        failed_allocations: 2,
        program: b"/app/target/release/app".to_vec(),
        arguments: b"app\0--fast\0".to_vec(),
        ..Header::default()
    };
    builder
        .stream()
        .alloc(10, 0x100, 1_000_000, NodeId::COMPLETE)
        .alloc(20, 0x200, 24, NodeId::COMPLETE)
        .dealloc(30, 0x200)
        .realloc((40, 50), (0x100, 0x300), 2_000_000, NodeId::COMPLETE);
    builder.stream().dealloc(1_500_000, 0x300);
    builder
}

#[test]
fn the_json_has_exactly_these_keys_and_numbers() {
    let json: serde_json::Value =
        serde_json::from_str(&render::json::summary(&report(sample()))).expect("JSON");
    let expected = serde_json::json!({
        "schema": 1,
        "program": "/app/target/release/app",
        "command": ["app", "--fast"],
        "pid": 4242,
        "parent_pid": 4200,
        "allocations": 2,
        "allocated_bytes": 1_000_024,
        "deallocations": 2,
        "deallocated_bytes": 2_000_024,
        "reallocations": 1,
        "reallocated_bytes": 2_000_000,
        "failed_allocations": 2,
        "peak_bytes": 2_000_000,
        "peak_at_ns": 50,
        "live_at_end_bytes": 0,
        "live_at_end_blocks": 0,
        "temporary_allocations": 1,
        "threads": 2,
        "duration_ns": 1_500_000,
        "quality": {
            "events": 5,
            "skipped_events": 0,
            "cut_stacks": 0,
            "ambiguous_stacks": 0,
            "lost_stacks": 0,
            "lost_blocks": 0,
            "order_anomalies": 0,
            "reallocations_in_flight": 0,
            "unknown_deallocations": 0,
            "missing_symbols": 0,
            "exact": true,
            "end": "exit",
            "stop_reason": null,
        },
    });
    assert_eq!(json, expected);
}

#[test]
fn the_text_says_the_same() {
    assert_eq!(
        render::text::summary(&report(sample())),
        "\
Quality: exact, 5 events, 2 threads, clean exit, 0 skipped, 0 cut stacks, 0 anomalies, 0 symbols missing

app --fast (pid 4242, recorded 1.50 ms)

  Peak           1.91 MiB   2,000,000 bytes, after 50 ns
  Live at end         0 B   in 0 blocks
  Allocated       977 KiB   in 2 allocations
  Reallocated    1.91 MiB   in 1 reallocation
  Deallocated    1.91 MiB   in 2 deallocations
  Temporary         50.0%   of the allocations (1) were freed before their thread's next one
  Failed                2   allocations were refused by the allocator
"
    );
}

#[test]
fn losses_are_said() {
    let mut builder = sample();
    builder.header.stop_reason = StopReason::DiskFull;
    builder.header.end_state = EndState::Stopped;
    builder.header.skipped_events = 7;
    let quality = report(builder).quality();
    assert!(!quality.exact);
    assert_eq!(quality.end.word(), "stopped");
    assert_eq!(quality.stop_reason, Some("disk full"));
    let line = quality.line();
    assert!(line.starts_with("Quality: with losses, "), "{line}");
    assert!(
        line.contains("stopped early: disk full, 7 skipped"),
        "{line}"
    );
}

#[test]
fn a_damaged_block_is_a_counted_loss() {
    let mut builder = sample();
    builder.stream_at(0).flush();
    let mut bytes = builder.finish();
    let at = bytes
        .windows(4)
        .rposition(|window| window == b"HLbk")
        .expect("a block");
    bytes[at + 70] ^= 0x40;
    let report = report_of_bytes(bytes);
    assert_eq!(report.quality().lost_blocks, 1);
    assert!(!report.quality().exact);
}

#[test]
fn the_file_listing_names_streams_and_threads() {
    let mut builder = sample();
    builder.stream_at(0).flush();
    builder.stream_at(1).thread(1_600_000, 99, b"worker");
    let report = report(builder);
    let streams = report.streams();
    assert_eq!((streams[0].blocks, streams[0].events), (1, 4));
    assert_eq!((streams[1].blocks, streams[1].events), (0, 1));
    let text = render::text::info(&report);
    assert!(text.contains("2, 99 worker"), "{text}");
    assert!(
        text.contains("Program     /app/target/release/app"),
        "{text}"
    );
    assert!(text.contains("1 block, 2 stages, 0 line tables"), "{text}");
}
