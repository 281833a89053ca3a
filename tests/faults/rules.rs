//! T20 to T25, T38, T39, T51 and T75: every total is that of the counting allocator below
//! heapline, whatever threads, destructors, panics and locks do. That allocator takes a
//! lock that hangs if the recorder asks for memory, and skipped events would show it.

use std::time::Duration;

use serde_json::Value;

use crate::is_soak;
use crate::run::Plan;
use crate::support::Build;
use crate::totals_oracle::totals_are_the_oracles;

/// Does the deed so often, in the gate or in the soak; gives the summary and the streams.
#[track_caller]
fn exact(deed: &str, gate: u64, soak: u64) -> (Value, u64) {
    let times = if is_soak() { soak } else { gate };
    exact_with(Build::Release, "rules", deed, times)
}

#[track_caller]
fn exact_with(build: Build, program: &str, deed: &str, times: u64) -> (Value, u64) {
    let plan = Plan::built(program, build, &[deed, &times.to_string()]);
    let plan = plan.variable("RUST_BACKTRACE", "1");
    let run = plan.within(Duration::from_secs(300)).run().into_run();
    let summary = totals_are_the_oracles(deed, &run);
    let streams = run.trace().streams().len() as u64;
    std::fs::remove_dir_all(run.folder).expect("ours");
    (summary, streams)
}

/// T20: the loader's lock, with libraries that come and go while panics are symbolised.
#[test]
fn t20_loader() {
    exact("loader", 1_000, 60_000);
}

/// T22: panics whose destructors, and whose hook, ask for memory.
#[test]
fn t22_panics() {
    let (summary, _) = exact("panics", 5_000, 100_000);
    assert!(summary["allocations"].as_u64() > Some(20_000));
}

/// T23: above other allocators: one with a lock of the standard library, one that only goes
/// on, jemalloc, mimalloc.
#[test]
fn t23_inner_allocators() {
    let times = if is_soak() { 100_000 } else { 5_000 };
    exact_with(Build::Release, "inners", "locked", times);
    // It never gives an address again, and the oracle's table has room for a million.
    exact_with(Build::Release, "inners", "bump", times.min(20_000));
    if is_soak() {
        for inner in ["jemalloc", "mimalloc"] {
            exact_with(Build::Feature(inner), "inners", inner, times);
        }
    }
}

/// T24: thread-local destructors that ask for memory and wake others up.
#[test]
fn t24_destructors_of_variables() {
    let (_, streams) = exact("destructors", 200, 5_000);
    assert!(streams <= 4, "{streams} streams");
}

/// T24: the C library's destructors, four rounds of them: a slot that a thread takes in the
/// last one goes to another thread.
#[test]
fn t24_destructors_of_keys() {
    let (_, streams) = exact("keys", 500, 5_000);
    assert!(streams <= 4, "{streams} streams");
}

/// T25: threads that C makes, joined and detached.
#[test]
fn t25_c_threads() {
    let (_, streams) = exact("C threads", 500, 20_000);
    assert!(streams < 100, "{streams} streams");
}

/// T51: vectors that eight threads pass on and reallocate.
#[test]
fn t51_reallocation_storm() {
    let (summary, _) = exact("passing", 10_000, 1_000_000);
    assert!(summary["reallocations"].as_u64() > Some(10_000));
}

/// T75: tasks that go from thread to thread: what one has asked for another gives back.
#[test]
fn t75_tasks() {
    let (summary, _) = exact("tasks", 10_000, 100_000);
    assert!(summary["reallocations"].as_u64() > Some(10_000));
}

/// T38: parking_lot's table grows while 48 threads contend and allocate.
#[test]
fn t38_parking_lot() {
    let runs = if is_soak() { 40 } else { 3 };
    for _ in 0..runs {
        exact("parking lot", 2, 2);
        if is_soak() {
            let build = Build::Feature("deadlock-detection");
            exact_with(build, "rules", "parking lot", 2);
        }
    }
}

/// T39: threads that take backtraces while others allocate.
#[test]
fn t39_backtraces() {
    let runs = if is_soak() { 20 } else { 1 };
    for _ in 0..runs {
        exact("backtraces", 500, 1_000);
    }
}
