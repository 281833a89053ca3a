//! T10, T12 and T33: children while threads allocate; recordings that come and go.

use std::time::Duration;

use heapline_trace::Record;

use crate::check::{self, Expected};
use crate::is_soak;
use crate::run::{Ended, Plan, summary_of, trace_of};

/// The bytes that children of the storm ask for.
fn is_a_childs(bytes: u64) -> bool {
    (100..1_100).contains(&bytes)
}

/// T10, and the raw calls of T11: children that allocate and end, made by `fork` and by
/// system calls of which the C library knows nothing. None of what they do is in the trace.
#[test]
fn t10_forks() {
    let (times, blocks) = if is_soak() {
        ("201", "1000000")
    } else {
        ("21", "20000")
    };
    let run = Plan::new("fault", &["fork", times, blocks, "4"]).run();
    run.succeeds();
    assert_eq!(run.log().notes[0].to_string(), times);
    check::complete(&run, "exit");
    let trace = run.trace();
    let main = trace.streams().iter().find(|stream| {
        let mut records = trace.records(stream);
        let first = records.next().expect("a record").expect("no damage");
        matches!(first, Record::Thread { ref name, .. } if name == b"fault")
    });
    let main = main.expect("the thread that forks");
    let allocations = trace
        .records(main)
        .filter(|record| matches!(record, Ok(Record::Alloc { bytes, .. }) if is_a_childs(*bytes)));
    let blocks: u64 = blocks.parse().expect("a number");
    assert!((allocations.count() as u64) < blocks);
    run.tidy();
}

/// T12: programs that are started, half of them with a closure that allocates before the
/// exec. They have the same variables, and must not touch their parent's trace.
#[test]
fn t12_spawns() {
    let times = if is_soak() { 500 } else { 30 };
    let run = Plan::new("fault", &["spawn", &times.to_string(), "4"]).run();
    run.succeeds();
    check::complete(&run, "exit");
    let entries = std::fs::read_dir(&run.folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let children: Vec<String> = names
        .filter(|name| name.starts_with("trace.heapline-"))
        .collect();
    assert_eq!(children.len(), times);
    for child in children {
        assert_eq!(
            summary_of(&run.folder.join(child))["quality"]["end"],
            "exit"
        );
    }
    run.tidy();
}

/// How often each line of the profiled function was executed.
fn executions(trace: &heapline_trace::Trace<Vec<u8>>) -> Vec<u64> {
    let [table] = trace.scopes() else {
        panic!("{} tables", trace.scopes().len());
    };
    table.executions.clone()
}

/// T11, as far as it is asked for: a child that starts a recording of its own.
#[test]
fn t11_a_child_that_records() {
    for (fault, in_parent) in [("child records", 4), ("child records alone", 2)] {
        let run = Plan::new("fault", &[fault]).run();
        run.succeeds();
        let (trace, child) = (run.trace(), trace_of(&run.folder.join("child")));
        let mut log = run.log();
        let all = log.workers;
        log.workers[8..10].fill((0, 0));
        let found = check::workers(&trace, &log, Expected::AllThatReturned);
        check::nothing_is_wrong(&run.summary()["quality"], &found);
        log.workers = all;
        log.workers[..8].fill((0, 0));
        let found = check::workers(&child, &log, Expected::AllThatReturned);
        assert!(found[8] > 6_000 && found[9] == found[8]);
        let summary = summary_of(&run.folder.join("child"));
        assert_eq!(summary["threads"], 3);
        assert_eq!(summary["quality"]["exact"], true, "{summary}");
        assert!(executions(&trace).iter().all(|count| *count == in_parent));
        assert!(executions(&child).iter().all(|count| *count == 2));
        run.tidy();
    }
}

/// T33: recordings that two threads start and stop while others allocate. Descriptors and
/// mappings do not pile up, and the last trace is of the last recording alone.
#[test]
fn t33_start_and_stop() {
    let times = if is_soak() { "10000" } else { "300" };
    let run = Plan::new("fault", &["toggle", times, "4"])
        .unrecorded()
        .within(Duration::from_secs(600))
        .run();
    assert!(run.status.success(), "{}", run.stderr);
    last_trace_is_right(&run);
    let notes = run.log().notes;
    let started = notes[0];
    assert!(started >= times.parse().expect("a number"), "{started}");
    let [files, maps, files_after, maps_after] = notes[1..5] else {
        panic!("four notes");
    };
    assert!(files_after <= files + 1, "{}", run.stdout);
    // Each thread has tables; each recording none.
    assert!(maps_after <= maps + 100, "{}", run.stdout);
    run.tidy();
}

#[track_caller]
fn last_trace_is_right(run: &Ended) {
    let path = run.folder.join("last");
    let quality = &summary_of(&path)["quality"];
    assert_eq!(quality["end"], "stopped", "{quality}");
    assert!(quality["stop_reason"].is_null(), "{quality}");
    for name in [
        "order_anomalies",
        "lost_blocks",
        "lost_stacks",
        "skipped_events",
    ] {
        assert_eq!(quality[name], 0, "{quality}");
    }
    assert!(quality["events"].as_u64() > Some(10_000), "{quality}");
    assert!(executions(&trace_of(&path)).iter().all(|count| *count == 1));
}
