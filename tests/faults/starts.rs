//! Starts and stops where they are unusual: in signal handlers (T33), without the counter
//! (T62), beside programs that are in another namespace (T17).

use heapline_trace::{ClockMode, EndState};

use crate::run::{Plan, trace_of};
use crate::{check, is_soak, say, skip};

/// T33: `stop` in a handler of the thread that starts, records and stops.
#[test]
fn t33_stop_in_a_handler() {
    let times = if is_soak() { 20_000 } else { 500 };
    let run = Plan::new("started", &["stopped in a handler", &times.to_string()])
        .variable("HEAPLINE", "quiet,off")
        .run();
    run.succeeds();
    let stopped: u64 = run.stdout.trim().parse().expect("a number");
    assert!(stopped > 0, "no signal came in time");
    say(&format!("{stopped} of {times} stopped in the handler"));
    assert_eq!(run.trace().header().end_state, EndState::Stopped);
    check::nothing_is_wrong(&run.summary()["quality"], &[]);
    run.tidy();
}

/// T62: the program has forbidden itself the counter; stamps are the kernel's then.
#[test]
fn t62_the_counter_is_forbidden() {
    let run = Plan::new("started", &["without the counter", "1000"])
        .variable("HEAPLINE", "quiet,off")
        .run();
    run.succeeds();
    assert_eq!(run.trace().header().clock_mode, ClockMode::Monotonic);
    let summary = run.summary();
    assert_eq!(summary["allocations"], 1_000, "{summary}");
    check::nothing_is_wrong(&summary["quality"], &[]);
    run.tidy();
}

/// T17: a program whose process id is of another namespace runs, and another one is told to
/// record to the same path.
#[test]
fn t17_one_path_in_two_namespaces() {
    let script = r#"
        unshare --pid --fork --kill-child --mount-proc "$@" end never 0 1 & first=$!
        while kill -0 $first && ! [ -s trace.heapline ]; do sleep 0.01; done
        sleep 0.1
        "$@" rounds 1 10; echo $? >code
        kill -9 $first"#;
    let run = Plan::shell(script, "fault", &[]).run();
    if run.stderr.contains("unshare") {
        let reason = format!("no right to make a namespace: {}", run.stderr);
        return skip("t17_one_path_in_two_namespaces", &reason);
    }
    let code = std::fs::read_to_string(run.folder.join("code")).expect("written");
    assert_eq!(code, "0\n", "{}", run.stderr);
    let beside = run.traces_of_children();
    assert_eq!(beside.len(), 1, "{beside:?}");
    let first = run.trace();
    assert_eq!(first.header().end_state, EndState::Running);
    assert_eq!(trace_of(&beside[0].0).header().end_state, EndState::Exit);
    assert!(run.summary()["allocations"].as_u64() > Some(0));
    run.tidy();
}
