//! T61, T62 and T63: a block received by loads that take as long as several cache
//! misses. Ordered stamps wait for them, so does the fallback clock; plain ones do not,
//! and the reader puts them right.

use serde_json::Value;

use crate::support::{Build, heapline, program, record_with};

const ROUNDS: u64 = 20_000;

/// What a reader makes of a run.
struct Read {
    summary: Value,
    repaired: u64,
}

fn read(mode: &str, clock: &str) -> Read {
    let program = program("slow_loads", Build::Release);
    let rounds = ROUNDS.to_string();
    let run = record_with(&program, &[mode, &rounds], &[("HEAPLINE_CLOCK", clock)]);
    assert!(run.output.status.success(), "{mode}: {}", run.stderr());
    let trace = run.trace.to_str().expect("a plain path");
    let output = |arguments: &[&str]| {
        let output = heapline(arguments);
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    };
    let text = output(&["summary", trace]);
    let json = output(&["summary", "--format", "json", trace]);
    let read = Read {
        summary: serde_json::from_str(&json).expect("JSON"),
        repaired: repaired(&text),
    };
    std::fs::remove_dir_all(&run.folder).expect("ours");
    nothing_is_lost(mode, clock, &read.summary);
    read
}

/// The number in "…, 1,234 repaired stamps"; none is no word.
fn repaired(text: &str) -> u64 {
    let before = text.split(" repaired stamp").next().unwrap_or_default();
    if before.len() == text.len() {
        return 0;
    }
    let number = before.rsplit(' ').next().unwrap_or_default();
    number.replace(',', "").parse().expect("a number")
}

/// Each round is two pairs of blocks when freed blocks are allocated again, one when
/// allocated ones are freed elsewhere; the rest is the runtime's.
fn nothing_is_lost(mode: &str, clock: &str, summary: &Value) {
    let number = |name: &str| summary[name].as_u64().expect("a number");
    let pairs = if mode == "reuse" { 2 * ROUNDS } else { ROUNDS };
    let runtime = 0..100;
    assert!(runtime.contains(&(number("allocations") - pairs)));
    assert!(runtime.contains(&(number("deallocations") - pairs)));
    assert!(number("peak_bytes") < 10_000, "{summary}");
    let quality = &summary["quality"];
    assert_eq!(quality["exact"], true, "{mode}, {clock}: {quality}");
    for name in [
        "order_anomalies",
        "unknown_deallocations",
        "reallocations_in_flight",
        "skipped_events",
    ] {
        assert_eq!(quality[name], 0, "{mode}, {clock}: {quality}");
    }
}

fn check(clock: &str) {
    for mode in ["reuse", "transfer"] {
        let read = read(mode, clock);
        assert_eq!(read.repaired, 0, "{mode}: {}", read.summary);
    }
}

#[test]
fn stamps_wait_for_the_load_that_receives_a_block() {
    check("");
}

#[test]
fn so_do_those_of_the_fallback_clock() {
    check("monotonic");
}

/// The mutation that shows that the tests above can fail: without order, stamps come too
/// early. That takes two threads that really run at once, which a loaded machine may
/// deny to a run; so several are allowed.
#[cfg(target_arch = "x86_64")]
#[test]
fn stamps_that_do_not_wait_are_put_right_by_the_reader() {
    for mode in ["reuse", "transfer"] {
        let has_early_stamps = || read(mode, "plain").repaired > 0;
        assert!((0..50).any(|_| has_early_stamps()), "{mode}");
    }
}

#[test]
fn the_fallback_clock_gives_durations() {
    for clock in ["", "monotonic"] {
        let program = program("slow_loads", Build::Release);
        let before = std::time::Instant::now();
        let run = record_with(&program, &["reuse", "1000"], &[("HEAPLINE_CLOCK", clock)]);
        let whole = before.elapsed();
        let header = run.trace();
        let header = header.header();
        let recorded = u128::from(header.nanoseconds(header.anchor_stamp));
        // No longer than the process lived, and no fraction of what 1,000 rounds take.
        assert!(
            (100_000..=whole.as_nanos()).contains(&recorded),
            "{clock}: {recorded} ns of {whole:?}"
        );
        let mode = match clock {
            "monotonic" => heapline_trace::ClockMode::Monotonic,
            _ => header.clock_mode,
        };
        assert_eq!(header.clock_mode, mode);
    }
}
