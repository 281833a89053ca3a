//! T25: thousands of threads, alive at once or one after the other. Every event is in the
//! trace, slots are used again, and the recorder's own memory stays within its bound.

use crate::support::{Build, Run, program, record_with};
use crate::totals_oracle::totals_are_the_oracles;

/// As in the program.
const GROUP: u64 = 32;

/// Threads of the gate, or of the soak.
fn threads(gate: u64, soak: u64) -> u64 {
    match std::env::var_os("HEAPLINE_SOAK") {
        Some(_) => soak,
        None => gate,
    }
}

fn run(mode: &str, threads: u64, variables: &[(&str, &str)]) -> Run {
    let arguments = [mode, &threads.to_string()];
    let run = record_with(&program("crowd", Build::Release), &arguments, variables);
    assert!(run.output.status.success(), "{mode}: {}", run.stderr());
    run
}

/// What the program said about its own memory.
fn kib(run: &Run) -> u64 {
    run.stdout().trim().parse().expect("a number")
}

/// The bound of the recorder's memory with so many slots, in KiB: 1 MiB for the process,
/// 128 KiB for each slot. The tree of these programs has some 20 stacks.
fn bound_kib(slots: u64) -> u64 {
    1024 + 128 * slots
}

/// Runs the program recorded and idle; how many slots there were, and how many KiB the
/// recorder took.
fn record_a_crowd(mode: &str, threads: u64) -> (u64, u64) {
    let recorded = run(mode, threads, &[]);
    let idle = run(mode, threads, &[("HEAPLINE", "off")]);
    let summary = totals_are_the_oracles(mode, &recorded);
    assert_eq!(summary["threads"], threads + 1);
    let slots = recorded.trace().streams().len() as u64;
    let taken = kib(&recorded).saturating_sub(kib(&idle));
    for run in [recorded, idle] {
        std::fs::remove_dir_all(&run.folder).expect("ours");
    }
    (slots, taken)
}

/// Measured: 70 KiB a thread with 500 of them, 68 with 2,000.
#[test]
fn threads_that_are_all_alive() {
    let threads = threads(500, 2_000);
    let (slots, kib) = record_a_crowd("live", threads);
    assert_eq!(slots, threads + 1);
    assert!(kib <= bound_kib(slots), "{kib} KiB for {slots} slots");
}

/// Measured: 2.3 MiB with 2,000 threads, 4.3 with 20,000, in 31 to 33 slots.
#[test]
fn threads_that_follow_each_other_share_slots() {
    let (slots, kib) = record_a_crowd("short", threads(2_000, 20_000));
    assert!(slots <= GROUP + 8, "{slots} slots");
    assert!(kib <= bound_kib(slots), "{kib} KiB for {slots} slots");
}
