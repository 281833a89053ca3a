//! T01 to T08: however a program ends, it ends as without heapline, and every operation
//! that had returned is in its trace.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use crate::check::{self, Expected};
use crate::processes::{LONG_DEADLINE, wait_until};
use crate::run::{Ended, Plan, summary_of};
use crate::support::Build;
use crate::{is_soak, say};

/// T01: SIGKILL at random moments, by the parent and by the program itself; with one
/// thread and with several that reallocate in one pool.
#[test]
fn t01_sigkill() {
    let kills = if is_soak() { 200 } else { 12 };
    let mut operations = 0;
    let mut in_flight = 0;
    for kill in 0..kills {
        let workers = ["1", "2", "8"][kill as usize % 3];
        let mut running = Plan::new("fault", &["end", "never", "0", workers]).start();
        // Spread over the start and several flushes of the stages.
        std::thread::sleep(Duration::from_micros(1_000 + kill * 7_919 % 60_000));
        running.kill();
        let run = running.wait();
        assert_eq!(run.status.signal(), Some(9));
        if run.log().workers[0].1 > 0 {
            let summary = check::complete(&run, "killed");
            in_flight += summary["quality"]["reallocations_in_flight"]
                .as_u64()
                .unwrap_or(0);
            operations += run.log().done();
        }
        run.tidy();
    }
    say(&format!(
        "{kills} kills, {operations} operations, {in_flight} reallocations in flight"
    ));
    assert!(operations > 10_000 * kills / 2, "{operations} operations");
    ends("kill", Build::Release, "killed");
}

/// T09: a program whose threads reallocate in one pool is stopped at random moments: then
/// its trace has all that returned, and what is said of it is right.
#[test]
fn t09_stopped_meanwhile() {
    let stops = if is_soak() { 60 } else { 12 };
    let running = Plan::new("fault", &["end", "never", "10000", "4"])
        .within(LONG_DEADLINE)
        .start();
    wait_until(|| running.log().done() > 0);
    for stop in 0..stops {
        std::thread::sleep(Duration::from_micros(1_000 + stop * 7_919 % 30_000));
        running.stop();
        let log = running.log();
        let found = check::workers(&running.trace(), &log, Expected::AllThatReturned);
        let quality = &summary_of(&running.trace_path())["quality"];
        assert_eq!(quality["end"], "running", "{quality}");
        check::nothing_is_wrong(quality, &found);
        running.go_on();
        wait_until(|| running.log().done() > log.done());
    }
    let operations = running.log().done();
    say(&format!("{stops} stops, {operations} operations"));
    running.end();
}

/// Ends a program in this way, recorded and not: the same end, and a complete trace.
#[track_caller]
fn ends(how: &str, build: Build, end: &str) -> Ended {
    let arguments = ["end", how, "30000", "4"];
    let run = Plan::built("fault", build, &arguments).run();
    let plain = Plan::built("fault", build, &arguments).unrecorded().run();
    assert_eq!(run.status, plain.status, "{how}: {}", run.stderr);
    assert_eq!(run.stdout, plain.stdout, "{how}");
    assert_eq!(
        without_numbers(&run.stderr),
        without_numbers(&plain.stderr),
        "{how}"
    );
    assert!(!plain.folder.join("trace.heapline").exists());
    check::complete(&run, end);
    plain.tidy();
    run
}

/// Thread ids differ from run to run.
fn without_numbers(text: &str) -> String {
    text.replace(|letter: char| letter.is_ascii_digit(), "")
}

/// T02: `abort`, and a panic where panics abort.
#[test]
fn t02_abort() {
    let run = ends("abort", Build::Release, "killed");
    assert_eq!(run.status.signal(), Some(6));
    run.tidy();
    let run = ends("panic", Build::FatLto, "killed");
    assert_eq!(run.status.signal(), Some(6));
    assert!(run.stderr.contains("as asked"), "{}", run.stderr);
    run.tidy();
    let run = ends("panic", Build::Release, "exit");
    assert_eq!(run.status.code(), Some(101));
    run.tidy();
}

/// T03: `exit` in a thread while others allocate.
#[test]
fn t03_exit_in_a_thread() {
    let run = ends("exit in a thread", Build::Release, "exit");
    assert_eq!(run.status.code(), Some(3));
    run.tidy();
}

/// T04: ends that run no handlers.
#[test]
fn t04_exits_without_handlers() {
    for (how, code) in [("_exit", 4), ("exit_group", 4), ("quick_exit", 5)] {
        let run = ends(how, Build::Release, "killed");
        assert_eq!(run.status.code(), Some(code));
        run.tidy();
    }
}

/// T05 and T28: return from `main` while detached threads run; handlers allocate.
#[test]
fn t05_return_from_main() {
    let run = ends("return", Build::Release, "exit");
    assert_eq!(run.status.code(), Some(0));
    let trace = run.trace();
    let records = trace
        .streams()
        .iter()
        .flat_map(|stream| trace.records(stream));
    let records: Vec<_> = records.map(|record| record.expect("no damage")).collect();
    // What `atexit` and `.fini_array` run.
    for wanted in [5_001, 5_003] {
        let is_there = records.iter().any(|record| {
            matches!(record, heapline_trace::Record::Alloc { bytes, .. } if *bytes == wanted)
        });
        assert!(is_there, "{wanted}");
    }
    run.tidy();
}

/// T06: the program's own crashes, with the messages that Rust writes about them.
#[test]
fn t06_crashes() {
    for (how, signal) in [
        ("null", 11),
        ("overflow", 6),
        ("illegal", 4),
        ("bus", 7),
        ("fpe", 8),
    ] {
        let run = ends(how, Build::Release, "killed");
        assert_eq!(run.status.signal(), Some(signal), "{how}");
        let overflowed = run.stderr.contains("has overflowed its stack");
        assert_eq!(overflowed, how == "overflow", "{}", run.stderr);
        run.tidy();
    }
}

/// T08: signals whose default is to end the program.
#[test]
fn t08_signals() {
    for (how, signal) in [("term", 15), ("int", 2), ("hup", 1), ("pipe", 13)] {
        let run = ends(how, Build::Release, "killed");
        assert_eq!(run.status.signal(), Some(signal), "{how}");
        run.tidy();
    }
}

/// T01 once more, as a counter-check: a log that is one operation ahead is noticed.
#[test]
fn t01_a_missing_operation_is_noticed() {
    let run = Plan::new("fault", &["rounds", "2", "500"]).run();
    run.succeeds();
    check::complete(&run, "exit");
    let trace = run.trace();
    let check = |change: fn(&mut (u64, u64))| {
        let mut log = run.log();
        change(&mut log.workers[1]);
        std::panic::catch_unwind(|| check::workers(&trace, &log, Expected::AllThatReturned))
    };
    assert!(check(|_| {}).is_ok());
    assert!(check(|(begun, done)| (*begun, *done) = (*begun + 1, *done + 1)).is_err());
    run.tidy();
}
