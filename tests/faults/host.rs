//! T07, T26, T29, T31, T32, T37, T50, T53 and T57: what a program can see of its recorder,
//! and what the recorder sees of the program.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use heapline_trace::Record;
use serde_json::Value;

use crate::check::{self, Expected};
use crate::run::{Ended, Plan};
use crate::{is_soak, say, skip};

/// Looks at something, recorded and not.
#[track_caller]
fn both(what: &str, times: u64) -> [Ended; 2] {
    let arguments = [what, &times.to_string()];
    let run = Plan::new("host", &arguments).run();
    run.succeeds();
    let plain = Plan::new("host", &arguments).unrecorded().run();
    plain.succeeds();
    [run, plain]
}

fn number(run: &Ended) -> u64 {
    run.stdout.trim().parse().expect("a number")
}

/// T26: a handler that allocates wherever it interrupts. What it does inside the recorder
/// is skipped and counted, all else is recorded: together it is what the inner allocator
/// was asked for.
#[test]
fn t26_signal_handlers() {
    let milliseconds = if is_soak() { "20000" } else { "500" };
    let run = Plan::new("signals", &[milliseconds]).run();
    run.succeeds();
    let bytes = std::fs::read(run.folder.join("counts")).expect("counts");
    let (operations, in_handler) = bytes.split_at(8);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let (operations, in_handler) = (word(operations), word(in_handler));
    let trace = run.trace();
    let (recorded, skipped) = (check::events(&trace), trace.header().skipped_events);
    say(&format!(
        "{operations} operations, {in_handler} in the handler, {skipped} skipped"
    ));
    assert_eq!(recorded + skipped, operations);
    assert!(skipped > 0 && skipped < in_handler);
    let quality = &run.summary()["quality"];
    for name in ["order_anomalies", "lost_blocks", "lost_stacks"] {
        assert_eq!(quality[name], 0, "{quality}");
    }
    assert_eq!(quality["skipped_events"], skipped);
    assert_eq!(quality["exact"], false);
    run.tidy();
}

/// T27: what a constructor does before `main` is recorded; the variable is known by then.
#[test]
fn t27_before_main() {
    let run = Plan::new("host", &["zeroed", "1"]).run();
    run.succeeds();
    let trace = run.trace();
    let [stream] = trace.streams() else {
        panic!("{} streams", trace.streams().len());
    };
    let records = trace
        .records(stream)
        .map(|record| record.expect("no damage"));
    let mut events = records.filter_map(|record| match record {
        Record::Alloc { bytes, address, .. } => Some((bytes, address)),
        Record::Dealloc { address, .. } => Some((0, address)),
        _ => None,
    });
    let (bytes, address) = events.next().expect("an event");
    assert_eq!(bytes, 7_001);
    assert_eq!(events.next(), Some((0, address)));
    run.tidy();
}

/// T27: what threads do while another one has the trace opened is counted, and in the header
/// of that trace. A large environment makes the opening take a while.
#[test]
fn t27_threads_before_main() {
    let filler = "x".repeat(120_000);
    let mut all_skipped = 0;
    for _ in 0..if is_soak() { 1_000 } else { 20 } {
        let mut plan = Plan::new("early_threads", &[]);
        for number in 0..8 {
            plan = plan.variable(&format!("FILLER{number}"), &filler);
        }
        let run = plan.run();
        run.succeeds();
        let operations = words(&run.folder.join("oracle"));
        let trace = run.trace();
        let skipped = trace.header().skipped_events;
        assert_eq!(operations, [check::events(&trace) + skipped]);
        all_skipped += skipped;
        run.tidy();
    }
    say(&format!("{all_skipped} skipped"));
    assert!(all_skipped > 0);
}

/// T29: a thread with the smallest stack there is, 16 KiB. Measured: 4,840 bytes of it
/// without heapline, 11,000 with; what gimli needs to read an unwind table is most of it.
#[test]
fn t29_small_stacks() {
    for times in [1, 100_000] {
        let [run, plain] = both("stack", times);
        let (bytes, without) = (number(&run), number(&plain));
        assert!(bytes <= without + 8_192, "{bytes} bytes, {without} without");
        assert_eq!(run.summary()["quality"]["exact"], true);
        run.tidy();
        plain.tidy();
    }
}

/// 1 KiB, and what the switches of the tests take.
const LEFT_BYTES: u64 = 1_280;

/// T29: threads with 1 KiB left above a page that nothing may touch, while block after block
/// is written out. Stacks are whole where the unwind tables of all frames were read before;
/// there is no room to read them, so that the first ones are cut and counted.
#[test]
fn t29_near_the_guard() {
    for (what, is_known) in [("guard again", true), ("guard", false)] {
        let [run, plain] = both(what, LEFT_BYTES);
        let quality = &run.summary()["quality"];
        assert_eq!(quality["exact"], true, "{quality}");
        assert_eq!(quality["cut_stacks"] == 0, is_known, "{quality}");
        assert!(quality["events"].as_u64() >= Some(40_000), "{quality}");
        plain.tidy();
        run.tidy();
    }
}

/// T31: a thread that is to be cancelled ends where it may, not in the recorder's calls.
#[test]
fn t31_cancelled_threads() {
    let rounds = if is_soak() { 10_000_000 } else { 100_000 };
    let [run, plain] = both("cancel", rounds);
    let found = check::workers(&run.trace(), &run.log(), Expected::AllThatReturned);
    assert!(found[0] > 2 * rounds, "{found:?}");
    run.tidy();
    plain.tidy();
}

/// T32: errno is what it was behind every call, also where blocks are written out, and where
/// that fails.
#[test]
fn t32_errno() {
    let times = if is_soak() { 1_000_000 } else { 50_000 };
    for run in both("errno", times) {
        run.tidy();
    }
    let limited = Plan::new("host", &["errno", &times.to_string()])
        .variable("HEAPLINE", "quiet,max_file=500000,out=trace.heapline")
        .run();
    limited.succeeds();
    let reason = limited.trace().header().stop_reason;
    assert_eq!(reason, heapline_trace::StopReason::FileSize);
    limited.tidy();
}

/// T37: every address is the same as without heapline, there is no thread of ours, and the
/// process may do what only one without threads may.
#[test]
fn t37_nothing_moves() {
    let times = if is_soak() { "1000000" } else { "100000" };
    let script = "exec setarch --addr-no-randomize \"$@\"";
    let plan = || Plan::shell(script, "host", &["addresses", times]);
    let run = plan().run();
    let plain = plan().unrecorded().run();
    if plain.stderr.contains("setarch") {
        let reason = format!("setarch may not: {}", plain.stderr);
        return skip("t37_nothing_moves", &reason);
    }
    run.succeeds();
    assert_eq!(run.stdout, plain.stdout);
    assert!(run.stdout.contains(" 1 threads"), "{}", run.stdout);
    assert_eq!(run.summary()["quality"]["exact"], true);
    run.tidy();
    plain.tidy();
}

/// T50: random reallocations, in place, moved, shrunk and remapped; after each event the
/// bytes that live are the model's.
#[test]
fn t50_reallocations_against_a_model() {
    let times = if is_soak() { 1_000_000 } else { 100_000 };
    let run = Plan::new("host", &["model", &times.to_string()]).run();
    run.succeeds();
    let model = words(&run.folder.join("model"));
    assert_eq!(model.len() as u64, times);
    let trace = run.trace();
    let [stream] = trace.streams() else {
        panic!("{} streams", trace.streams().len());
    };
    let records = trace
        .records(stream)
        .map(|record| record.expect("no damage"));
    let mut records =
        records.skip_while(|record| !matches!(record, Record::Alloc { bytes: 999_983, .. }));
    assert!(records.next().is_some(), "the marker");
    let mut blocks = std::collections::HashMap::new();
    let (mut live, mut in_place, mut moved) = (0, 0, 0);
    let mut model = model.into_iter();
    for record in records {
        match record {
            Record::Alloc { address, bytes, .. } => {
                assert_eq!(blocks.insert(address, bytes), None);
                live += bytes;
            }
            Record::Dealloc { address, .. } => {
                // The marker comes last.
                let Some(bytes) = blocks.remove(&address) else {
                    break;
                };
                live -= bytes;
            }
            Record::Realloc {
                old_address,
                address,
                bytes,
                ..
            } => {
                live -= blocks.remove(&old_address).expect("it lives");
                assert_eq!(blocks.insert(address, bytes), None);
                live += bytes;
                *if old_address == address {
                    &mut in_place
                } else {
                    &mut moved
                } += 1;
            }
            _ => continue,
        }
        assert_eq!(Some(live), model.next());
    }
    assert_eq!(model.next(), None);
    assert!(in_place > 1_000 && moved > 1_000, "{in_place} {moved}");
    run.tidy();
}

fn words(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).expect("a file");
    let words = bytes.chunks_exact(8);
    words
        .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
        .collect()
}

/// T53: zeroed memory that nobody touches takes none.
#[test]
fn t53_zeroed_memory_stays_lazy() {
    let [run, plain] = both("zeroed", 4 << 30);
    let (recorded, without) = (number(&run), number(&plain));
    assert!(
        recorded < without + 1024,
        "{recorded} KiB, {without} without"
    );
    let has_it = |record: Record| matches!(record, Record::Alloc { bytes, zeroed: true, .. } if bytes == 4 << 30);
    let trace = run.trace();
    let mut records = trace
        .streams()
        .iter()
        .flat_map(|stream| trace.records(stream));
    assert!(records.any(|record| has_it(record.expect("no damage"))));
    run.tidy();
    plain.tidy();
}

/// T57: ends of blocks from before the recording are counted as such, and nothing else.
#[test]
fn t57_blocks_from_before() {
    let run = Plan::new("host", &["late", "1000"]).unrecorded().run();
    assert!(run.status.success(), "{}", run.stderr);
    let summary = run.summary();
    let quality = &summary["quality"];
    assert_eq!(quality["unknown_deallocations"], 1_000, "{quality}");
    assert_eq!(quality["order_anomalies"], 0, "{quality}");
    assert_eq!(summary["reallocations"], 500);
    assert_eq!(summary["deallocations"], 1_000);
    assert_eq!(summary["live_at_end_bytes"], 0);
    run.tidy();
}

/// T56: wrong layouts at deallocation. Bytes are those of the allocations, so that what is
/// freed is what was there.
#[test]
fn t56_wrong_layouts() {
    let bare = Plan::new("host", &["wrong layouts", "00000"]).run();
    let run = Plan::new("host", &["wrong layouts", "10000"]).run();
    bare.succeeds();
    run.succeeds();
    let (before, after) = (bare.summary(), run.summary());
    let more = |name: &str| {
        let number = |summary: &Value| summary[name].as_i64().expect("a number");
        number(&after) - number(&before)
    };
    assert_eq!(more("allocated_bytes"), 10_000 * 1_000);
    assert_eq!(more("reallocated_bytes"), 5_000 * 2_000);
    assert_eq!(more("deallocated_bytes"), 5_000 * (1_000 + 2_000));
    assert_eq!(more("live_at_end_bytes"), 0);
    assert_eq!(after["quality"]["exact"], true, "{after}");
    bare.tidy();
    run.tidy();
}

/// T35: no /proc, from which the variable and the maps are read. The program is what it is
/// without a recorder, and makes no trace.
#[test]
fn t35_no_proc() {
    let script = "unshare -m sh -c 'mount --make-rprivate / && umount -l /proc || exit 77
                  exec \"$@\"' sh \"$@\" || exit";
    let run = Plan::shell(script, "host", &["errno", "1000"]).run();
    if run.status.code() == Some(77) || run.stderr.contains("unshare") {
        skip("t35_no_proc", "nothing may be unmounted");
        return run.tidy();
    }
    run.succeeds();
    assert!(!run.trace_path().exists());
    run.tidy();
}

/// T07: more memory than a control group has. The kernel ends the program where it would
/// have ended it, and the trace says what took the memory.
#[test]
fn t07_out_of_memory() {
    let bytes = 64 << 20;
    let script = format!(
        "for top in /sys/fs/cgroup/memory /sys/fs/cgroup; do
           group=$top/heapline-$$
           mkdir $group 2>/dev/null || continue
           for limit in memory.limit_in_bytes memory.max; do
             [ -w $group/$limit ] && echo {bytes} >$group/$limit && made=$group && break 2
           done
           rmdir $group
         done
         [ \"$made\" ] || exit 77
         (echo 0 >$made/cgroup.procs; exec \"$@\")
         code=$?
         rmdir $made
         exit $code"
    );
    let plan = || Plan::shell(&script, "host", &["leak", "0"]);
    let run = plan().run();
    if run.status.code() == Some(77) {
        return skip("t07_out_of_memory", "no right to make a control group");
    }
    let plain = plan().unrecorded().run();
    for run in [&run, &plain] {
        let killed = run.status.code() == Some(128 + 9) || run.status.signal() == Some(9);
        assert!(killed, "{}: {}", run.status, run.stderr);
    }
    let (had, without) = (run.log().notes[0], plain.log().notes[0]);
    say(&format!("{had} MiB, {without} without"));
    assert!(had <= 64 && had * 10 >= without * 9, "{had} {without}");
    let summary = run.summary();
    assert_eq!(summary["quality"]["end"], "killed");
    assert_eq!(summary["quality"]["exact"], true);
    let live = summary["live_at_end_bytes"].as_u64().expect("a number");
    assert!((had << 20..(had + 2) << 20).contains(&live), "{live}");
    run.tidy();
    plain.tidy();
}

/// T18: a program with more rights than who starts it does as if there were no variable: it could
/// be made to write anywhere.
#[test]
fn t18_foreign_rights_and_the_variable() {
    let run = |mode: &str| {
        let script = format!(
            "cp \"$1\" secure && chmod {mode} secure && chmod 777 . && shift
             exec setpriv --reuid=65534 --clear-groups ./secure \"$@\""
        );
        Plan::shell(&script, "host", &["errno", "1000"]).run()
    };
    let plain = run("755");
    if !plain.status.success() || !plain.trace_path().exists() {
        let reason = format!("no root or no setpriv: {}", plain.stderr);
        skip("t18_foreign_rights_and_the_variable", &reason);
        return plain.tidy();
    }
    let secure = run("4755");
    secure.succeeds();
    assert!(!secure.trace_path().exists());
    assert_eq!(secure.traces_of_children().len(), 0);
    plain.tidy();
    secure.tidy();
}
