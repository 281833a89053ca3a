//! T13, T15, T34, T36, T52: where disk, memory or the kernel give no more, recording
//! stops with its reason and the program goes on.

use std::time::Duration;

use crate::check::{self, Expected};
use crate::processes::{LONG_DEADLINE, output_within};
use crate::run::{Ended, Plan, sum_of};
use crate::{is_soak, say, skip};

/// The program did its work, and its trace is a true beginning of it that says why it
/// is no more.
#[track_caller]
fn stopped_early(run: &Ended, reason: &str, sum: &str) {
    assert!(run.status.success(), "{}: {}", run.status, run.stderr);
    assert_eq!(run.stdout, sum);
    let said = format!("heapline: recording stopped: {reason}; the program goes on");
    let last = run.stderr.lines().last().expect("a line");
    assert_eq!(last, said, "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
    let (trace, log) = (run.trace(), run.log());
    let found = check::workers(&trace, &log, Expected::Beginning);
    let done = log.done();
    let recorded = found.iter().sum::<u64>();
    assert!(recorded < done, "{recorded} of {done}");
    let quality = &run.summary()["quality"];
    assert_eq!(quality["exact"], false, "{quality}");
    assert_eq!(quality["stop_reason"], reason, "{quality}");
    check::nothing_is_wrong(quality, &found);
}

/// Bytes of a small file system, and of a trace's largest pieces.
const SMALL_BYTES: u64 = 4 << 20;
const PIECE_BYTES: u64 = 64 << 10;

/// Runs a program on a small file system, with a script beside it; what is free there then.
/// `None` where that cannot be made.
fn on_a_small_disk(test: &str, beside: &str) -> Option<u64> {
    let arguments = ["rounds", "4", "200000"];
    let script = format!(
        "mkdir small && mount -t tmpfs -o size={SMALL_BYTES} none small || exit 77
         HEAPLINE=out=$FOLDER/small/trace.heapline \"$@\" & program=$!
         {beside}
         wait $program; code=$?; cp small/trace.heapline .
         stat --file-system --format=%a small >free; exit $code"
    );
    let script = format!("unshare --mount sh -c '{script}' sh \"$@\"");
    let run = Plan::shell(&script, "fault", &arguments).run();
    if run.status.code() == Some(77) || run.stderr.contains("unshare") {
        skip(test, &format!("no right to mount: {}", run.stderr));
        return None;
    }
    stopped_early(&run, "disk full", &sum_of("fault", &arguments));
    let free = std::fs::read_to_string(run.folder.join("free")).expect("written");
    let free_bytes = free.trim().parse::<u64>().expect("a number") * 4096;
    run.tidy();
    Some(free_bytes)
}

/// T13: a file system that the trace would fill. A tenth of it stays free, but for what
/// several threads take at once.
#[test]
fn t13_disk_floor() {
    let Some(free) = on_a_small_disk("t13_disk_floor", ":") else {
        return;
    };
    let floor = SMALL_BYTES / 10;
    let range = floor - 4 * PIECE_BYTES..=floor + 4 * PIECE_BYTES;
    assert!(range.contains(&free), "{free} bytes of {range:?}");
}

/// T13: a file system that others fill.
#[test]
fn t13_disk_full() {
    let fill = "while ! [ -s small/trace.heapline ]; do :; done
        dd if=/dev/zero of=small/fill bs=64k 2>/dev/null";
    if let Some(free) = on_a_small_disk("t13_disk_full", fill) {
        assert_eq!(free, 0);
    }
}

/// T13 on a file system that copies on write: there a full disk is SIGBUS where a page of
/// a stage is rewritten that was on the disk already, unless the trace is rewritten in
/// place. Before it was, 3 of 3 runs died of it.
#[test]
fn t13_disk_full_under_copy_on_write() {
    if !is_soak() {
        return;
    }
    let script = r#"
        command -v mkfs.btrfs && mkdir small && truncate -s 150M image || exit 77
        mkfs.btrfs -q image && mount -o loop image small || exit 77
        HEAPLINE=out=$FOLDER/small/trace.heapline "$@" & program=$!
        sleep 0.05
        dd if=/dev/zero of=small/fill bs=64k
        for n in 1 2 3 4 5 6 7 8 9 10; do
          sync -f small
          dd if=/dev/zero of=small/fill$n bs=4k count=2000
        done
        wait $program; echo $? >code; cp small/trace.heapline ."#;
    let script = format!("unshare --mount sh -c '{script}' sh \"$@\" 2>&1");
    for _ in 0..10 {
        let run = Plan::shell(&script, "fault", &["rounds", "4", "4000000"]).run();
        if run.status.code() == Some(77) {
            let reason = format!("no mkfs.btrfs or no right to mount: {}", run.stdout);
            return skip("t13_disk_full_under_copy_on_write", &reason);
        }
        let code = std::fs::read_to_string(run.folder.join("code")).expect("written");
        assert_eq!(code, "0\n", "{}", run.stdout);
        let (trace, log) = (run.trace(), run.log());
        let found = check::workers(&trace, &log, Expected::Beginning);
        let quality = &run.summary()["quality"];
        assert_eq!(quality["stop_reason"], "disk full", "{quality}");
        check::nothing_is_wrong(quality, &found);
        run.tidy();
    }
}

/// T15: the limit on a file's bytes, beyond which the kernel would kill; from the start,
/// or put there later, below what is there already.
#[test]
fn t15_file_size_limit() {
    let arguments = ["rounds", "4", "100000"];
    let sum = sum_of("fault", &arguments);
    let script = "ulimit -f 2048; exec \"$@\"";
    let run = Plan::shell(script, "fault", &arguments).aloud().run();
    stopped_early(&run, "file size limit reached", &sum);
    let length = std::fs::metadata(run.trace_path()).expect("a trace").len();
    assert!((900 << 10..=1 << 20).contains(&length), "{length} bytes");
    run.tidy();

    let arguments = ["limit", "file bytes, later", "4", "100000"];
    let run = Plan::new("fault", &arguments).aloud().run();
    stopped_early(&run, "file size limit reached", &sum);
    run.tidy();
}

/// T15: the line that says so has nobody who reads it.
#[test]
fn t15_and_stderr_is_a_closed_pipe() {
    let script = "{ \"$@\" 2>&1 >sum; echo $? >code; } | head -n 1";
    let arguments = ["limit", "file bytes, later", "4", "100000"];
    let run = Plan::shell(script, "fault", &arguments).aloud().run();
    let read = |name: &str| std::fs::read_to_string(run.folder.join(name)).expect("written");
    assert_eq!(read("code"), "0\n");
    assert_eq!(read("sum"), sum_of("fault", &["rounds", "4", "100000"]));
    let quality = &run.summary()["quality"];
    assert_eq!(quality["stop_reason"], "file size limit reached");
    run.tidy();
}

/// T15: no bytes at all, not even for the line that says so.
#[test]
fn t15_no_file_may_grow() {
    let script = "ulimit -f 0; exec \"$@\" >/dev/null";
    let run = Plan::shell(script, "fault", &["end", "_exit", "0", "0"]).aloud();
    std::fs::write(run.folder().join("oracle"), [0; 4096]).expect("writable");
    let run = run.run();
    assert_eq!(run.status.code(), Some(4), "{}: {}", run.status, run.stderr);
    assert_eq!(run.stderr, "");
    run.tidy();
}

/// T34: system calls refused from some moment on.
#[test]
fn t34_refused_system_calls() {
    let arguments = ["limit", "system calls", "4", "100000"];
    let run = Plan::new("fault", &arguments).aloud().run();
    let sum = sum_of("fault", &["rounds", "2", "100000"]);
    stopped_early(&run, "the trace could not be written", &sum);
    run.tidy();
}

/// T36: all memory is to be locked, and little may be.
#[test]
fn t36_locked_memory() {
    without_memory("locked memory");
}

/// The recorder may have little of something that the program can do without.
fn without_memory(limit: &str) {
    let arguments = ["limit", limit, "8", "100000"];
    let run = Plan::new("fault", &arguments).aloud().run();
    let plain = Plan::new("fault", &arguments).unrecorded().run();
    plain.succeeds();
    stopped_early(&run, "no memory for the recorder", &plain.stdout);
    run.tidy();
}

/// T36: what the recorder maps is not locked, so that the program may lock as much as ever.
#[test]
fn t36_the_recorder_locks_nothing() {
    let run = Plan::new("fault", &["limit", "all locked", "4", "5000"]).run();
    if run.stderr.contains("mlockall") {
        let reason = format!("no right to lock memory: {}", run.stderr);
        return skip("t36_the_recorder_locks_nothing", &reason);
    }
    run.succeeds();
    check::complete(&run, "exit");
    let [mappings, locked, ..] = run.log().notes[..] else {
        panic!("two notes");
    };
    // The root, and for each thread its state and its stage at least.
    assert!(mappings > 8, "{mappings}");
    assert_eq!(locked, 0, "of {mappings}");
    run.tidy();
}

/// T52: no address space for more threads' states.
#[test]
fn t52_address_space() {
    without_memory("address space");
}

/// T14, as far as one disk shows it: the longest allocation, which pays for a full stage,
/// beside the longest one without recording. Nothing is lost meanwhile.
#[test]
fn t14_stalls() {
    let (rounds, pairs) = if is_soak() {
        (5, 20_000_000_u64)
    } else {
        (1, 200_000)
    };
    for threads in [1, 2] {
        for _ in 0..rounds {
            let arguments = [threads.to_string(), pairs.to_string()];
            let arguments = arguments.each_ref().map(String::as_str);
            let bare = Plan::new("stalls", &arguments).unrecorded().run();
            let run = Plan::new("stalls", &arguments).run();
            run.succeeds();
            let summary = run.summary();
            assert_eq!(summary["quality"]["exact"], true, "{summary}");
            assert!(summary["allocations"].as_u64() >= Some(threads * pairs));
            assert!(summary["deallocations"].as_u64() >= Some(threads * pairs));
            let megabytes = std::fs::metadata(run.trace_path()).expect("a trace").len() >> 20;
            say(&format!(
                "{threads} threads, {pairs} pairs each, {megabytes} MiB; longest allocation in ns, \
                 and how many beyond 20, 100, 1,000, 10,000 us: {} without recording: {}",
                run.stdout.trim(),
                bare.stdout.trim()
            ));
            bare.tidy();
            run.tidy();
        }
    }
}

/// T91 in small: a trace that is larger than all memory that its reader may have.
#[test]
fn t91_a_trace_larger_than_memory() {
    let (pairs, limit_kib) = if is_soak() {
        ("300000000", 100 << 10)
    } else {
        ("12000000", 64 << 10)
    };
    let run = Plan::new("stalls", &["1", pairs])
        .within(Duration::from_secs(600))
        .run();
    run.succeeds();
    let bytes = std::fs::metadata(run.trace_path()).expect("a trace").len();
    assert!(bytes > limit_kib << 10, "{bytes}");
    let script = format!("ulimit -v {limit_kib}; exec \"$@\"");
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_heapline")])
        .args(["summary", "--format", "json"])
        .arg(run.trace_path());
    let output = output_within(&mut command, LONG_DEADLINE);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(summary["allocations"].as_u64() >= pairs.parse().ok());
    assert_eq!(summary["quality"]["exact"], true, "{summary}");
    say(&format!(
        "{} MiB read in {} MiB",
        bytes >> 20,
        limit_kib >> 10
    ));
    run.tidy();
}
