//! T10, T12 and T33: children while threads allocate; recordings that come and go.

use std::time::Duration;

use heapline_trace::Record;

use crate::check::{self, Expected};
use crate::processes::wait_until;
use crate::run::{Ended, Plan, summary_of, summary_of_all, trace_of};
use crate::{is_soak, say};

/// The bytes that children of the storm ask for, and nobody else.
fn is_a_childs(bytes: u64) -> bool {
    (5_101..6_101).contains(&bytes)
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
    assert_eq!(requests(&run.trace()), 0);
    run.tidy();
}

/// T10: a thread that forks while the program's first allocation is under way. Whatever the
/// child finds half done, it can record. A large environment makes that take a while.
#[test]
fn t10_forks_before_main() {
    let filler = "x".repeat(120_000);
    let mut children = 0;
    for run in 0..if is_soak() { 400 } else { 20 } {
        let plan = Plan::new("early_forks", &[]);
        let mut plan = if run % 2 == 0 { plan } else { plan.following() };
        for number in 0..8 {
            plan = plan.variable(&format!("FILLER{number}"), &filler);
        }
        let run = plan.within(Duration::from_secs(60)).run();
        run.succeeds();
        children += run.stdout.trim().parse::<u32>().expect("a number");
        let traces = run.traces_of_children().into_iter().map(|(path, _)| path);
        for trace in traces.chain([run.trace_path()]) {
            assert_eq!(trace_of(&trace).header().skipped_events, 0);
        }
        run.tidy();
    }
    say(&format!("{children} children"));
}

/// T12: programs that are started, half of them with a closure that allocates before the
/// exec. They have the same variables, and must not touch their parent's trace.
#[test]
fn t12_spawns() {
    let times = if is_soak() { 500 } else { 30 };
    let run = Plan::new("fault", &["spawn", &times.to_string(), "4"]).run();
    run.succeeds();
    check::complete(&run, "exit");
    let children = run.traces_of_children();
    assert_eq!(children.len(), times);
    for (child, _) in children {
        assert_eq!(summary_of(&child)["quality"]["end"], "exit");
    }
    run.tidy();
}

/// T12 with `follow_forks`: the closure's allocations are in a trace of their own, and the
/// program that is started then, in the same process, takes another name.
#[test]
fn t12_spawns_that_follow() {
    let run = Plan::new("fault", &["spawn", "30", "4"]).following().run();
    run.succeeds();
    check::complete(&run, "exit");
    let children = run.traces_of_children();
    assert_eq!(children.len(), 45);
    let mut ends: Vec<String> = Vec::new();
    for (child, name) in children {
        let trace = trace_of(&child);
        let process = trace.header().pid.to_string();
        let program_is_second = name == format!("{process}-2");
        assert!(program_is_second || name == process, "{name} of {process}");
        let arguments = trace.header().command();
        let is_closure = arguments[1] == "spawn";
        assert!(!is_closure || requests(&trace) == 100);
        assert!(!(is_closure && program_is_second));
        let end = summary_of(&child)["quality"]["end"].to_string();
        ends.push(format!("{} {end} {program_is_second}", arguments[1]));
    }
    ends.sort();
    ends.dedup();
    let expected = [
        r#"nothing "exit" false"#,
        r#"nothing "exit" true"#,
        r#"spawn "killed" false"#,
    ];
    assert_eq!(ends, expected);
    run.tidy();
}

/// Blocks that children of the storm have asked for and freed.
fn requests(trace: &heapline_trace::Trace<Vec<u8>>) -> usize {
    let streams = trace.streams().iter();
    let records = streams.flat_map(|stream| trace.records(stream));
    let mut live = std::collections::HashSet::new();
    let mut freed = 0;
    for record in records {
        match record.expect("no damage") {
            Record::Alloc { bytes, address, .. } if is_a_childs(bytes) => {
                assert!(live.insert(address));
            }
            Record::Dealloc { address, .. } => freed += usize::from(live.remove(&address)),
            _ => {}
        }
    }
    freed
}

/// T11: children of every kind of a program whose other threads allocate; each has all
/// that it did in a trace of its own, and nothing else.
#[test]
fn t11_forks_that_follow() {
    let (times, blocks) = (if is_soak() { 2_001 } else { 201 }, 300);
    let run = Plan::new(
        "fault",
        &["fork", &times.to_string(), &blocks.to_string(), "4"],
    )
    .following()
    .within(Duration::from_secs(300))
    .run();
    run.succeeds();
    check::complete(&run, "exit");
    let parent = run.trace().header().pid;
    let children = run.traces_of_children();
    assert_eq!(children.len(), times);
    for (child, name) in children {
        let trace = trace_of(&child);
        let header = trace.header();
        assert_eq!((header.pid.to_string(), header.parent_pid), (name, parent));
        assert_eq!(header.skipped_events, 0);
        assert_eq!(requests(&trace), blocks);
        assert_eq!(check::events(&trace), 2 * blocks as u64);
    }
    run.tidy();
}

/// T11: a child that outlives its parent has its trace beside the parent's, wherever it has
/// gone, and does not replace that one, which is finished.
#[test]
fn t11_daemons() {
    let run = Plan::new("fault", &["daemon"])
        .variable("HEAPLINE", "quiet,follow_forks,out=trace.heapline")
        .run();
    run.succeeds();
    wait_until(|| run.log().notes[1] != 0);
    let [parent, child] =
        [run.trace_path(), run.traces_of_children()[0].0.clone()].map(|path| trace_of(&path));
    assert_eq!(parent.header().command()[1], "daemon");
    assert_eq!(u64::from(child.header().pid), run.log().notes[0]);
    assert_eq!(child.header().parent_pid, parent.header().pid);
    assert_eq!((requests(&parent), requests(&child)), (0, 100));
    run.tidy();
}

/// T11: four generations. Each trace is exact but for the blocks that its process had from
/// its parent, and together they are one family.
#[test]
fn t11_families() {
    let run = Plan::new("fault", &["family"]).following().run();
    run.succeeds();
    let log = run.log();
    let mut traces = vec![run.trace_path()];
    let mut parent = std::process::id();
    for (generation, &process) in log.notes[..4].iter().enumerate() {
        if generation > 0 {
            traces.push(run.folder.join(format!("trace.heapline-{process}")));
        }
        let trace = trace_of(&traces[generation]);
        let header = trace.header();
        assert_eq!(
            (u64::from(header.pid), header.parent_pid),
            (process, parent)
        );
        parent = header.pid;
        let mut own = run.log();
        let is_own = |worker| worker / 2 == generation;
        let lines = own.workers.iter_mut().enumerate();
        for (_, line) in lines.filter(|(worker, _)| !is_own(*worker)) {
            *line = (0, 0);
        }
        let found = check::workers(&trace, &own, Expected::AllThatReturned);
        assert!(found[2 * generation] > 4_000);
        let summary = summary_of(&traces[generation]);
        let mut quality = summary["quality"].clone();
        assert_eq!(quality["end"], "exit");
        assert_eq!(quality["exact"], true, "{quality}");
        // Fifty blocks, their list, and one that the runtime frees at the exit.
        let inherited = if generation == 0 { 0 } else { 52 };
        assert_eq!(quality["unknown_deallocations"], inherited, "{quality}");
        quality["unknown_deallocations"] = 0.into();
        check::nothing_is_wrong(&quality, &found);
        assert!(executions(&trace).iter().all(|count| *count == 1));
    }
    one_family(&traces, &log.notes[..4]);
    run.tidy();
}

/// The summary of all traces, in whatever order they are named, is that of each, the
/// parents first, and its sums are theirs.
fn one_family(traces: &[std::path::PathBuf], processes: &[u64]) {
    let mut mixed = traces.to_vec();
    mixed.rotate_left(2);
    let family = summary_of_all(&mixed);
    let members = family["processes"].as_array().expect("a list");
    assert_eq!(members.len(), traces.len());
    for ((member, trace), process) in members.iter().zip(traces).zip(processes) {
        let mut alone = summary_of(trace);
        let object = alone.as_object_mut().expect("an object");
        object.remove("schema");
        object.insert("trace".to_owned(), trace.to_str().into());
        assert_eq!(*member, alone);
        assert_eq!(member["pid"], *process);
    }
    let together = family["together"].as_object().expect("an object");
    for (name, sum) in together {
        let name = match name.as_str() {
            "peak_bytes_at_most" => "peak_bytes",
            name => name,
        };
        let parts = members
            .iter()
            .map(|member| member[name].as_u64().expect("a number"));
        assert_eq!(*sum, parts.sum::<u64>(), "{name}");
    }
    assert!(together["live_at_end_bytes"].as_u64() > Some(4 * 50 * 5_000));
    assert_eq!(family["exact"], true);
}

/// How often each line of the profiled function was executed.
fn executions(trace: &heapline_trace::Trace<Vec<u8>>) -> Vec<u64> {
    let [table] = trace.scopes() else {
        panic!("{} tables", trace.scopes().len());
    };
    table.executions.clone()
}

/// T11: a child that starts a recording of its own.
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

/// T33: forks while another thread starts and stops. What that thread locks is free in the
/// child, which makes a recording of its own.
#[test]
fn t33_forks_meanwhile() {
    let times = if is_soak() { "10000" } else { "300" };
    let run = Plan::new("host", &["toggled forks", times])
        .variable("HEAPLINE", "quiet,off")
        .within(Duration::from_secs(600))
        .run();
    run.succeeds();
    for name in ["toggled", "child"] {
        let summary = summary_of(&run.folder.join(name));
        assert_eq!(summary["quality"]["end"], "stopped", "{summary}");
    }
    run.tidy();
}
