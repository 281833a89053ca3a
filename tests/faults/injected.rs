//! T40: each system call of the recorder and its unwinder fails in turn, alone or with all behind it.

use heapline_trace::{EndState, StopReason, Trace};

use crate::check::{self, Expected};
use crate::run::{Plan, sum_of};
use crate::{is_soak, say};

/// About as many calls as a run makes; how many depends on how its threads take turns.
const CALLS: u32 = 300;
/// So many in a row that change nothing are beyond them.
const BEYOND: u32 = 20;

/// EPERM, ENOENT, EINTR, EIO, EBADF, EAGAIN, ENOMEM, EACCES, EINVAL, EFBIG, ENOSPC, ENOSYS,
/// EDQUOT.
const ERRNOS: [u32; 13] = [1, 2, 4, 5, 9, 11, 12, 13, 22, 27, 28, 38, 122];
const EINTR: u32 = 4;

const ARGUMENTS: [&str; 3] = ["rounds", "2", "4000"];

/// What became of a recording.
#[derive(Debug, Default, PartialEq)]
struct Outcomes {
    complete: u32,
    stopped: u32,
    none: u32,
}

impl Outcomes {
    fn ended_early(&self) -> u32 {
        self.stopped + self.none
    }

    fn add(&mut self, sum: &str, call: u32, errno: u32, all_behind: bool) {
        let fail = format!("{call},{errno}{}", if all_behind { ",on" } else { "" });
        let plan = Plan::new("fault", &ARGUMENTS).aloud();
        let run = plan.variable("HEAPLINE_FAIL", &fail).run();
        assert!(
            run.status.success(),
            "{fail}: {} {}",
            run.status,
            run.stderr
        );
        assert_eq!(run.stdout, sum, "{fail}");
        let is_ours = |line: &str| line.starts_with("heapline: ");
        assert!(run.stderr.lines().all(is_ours), "{fail}: {}", run.stderr);
        let bytes = std::fs::read(run.trace_path()).unwrap_or_default();
        let Ok(trace) = Trace::open(bytes) else {
            self.none += 1;
            return run.tidy();
        };
        let log = run.log();
        check::workers(&trace, &log, Expected::Beginning);
        // The call that fails may be the one for a thread's name.
        let done = log.done();
        let header = trace.header();
        assert_eq!(header.skipped_events, 0, "{fail}");
        if header.stop_reason == StopReason::None {
            assert!(check::events(&trace) >= done, "{fail}");
            assert_eq!(header.end_state, EndState::Exit, "{fail}");
            self.complete += 1;
        } else {
            assert_eq!(header.end_state, EndState::Stopped, "{fail}");
            self.stopped += 1;
        }
        run.tidy();
    }
}

/// Has this call fail, alone and with all behind it; in the gate in one way of many.
fn fail(call: u32, sum: &str, outcomes: &mut Outcomes) {
    let turn = (call as usize * 5) % ERRNOS.len();
    let errnos = if is_soak() {
        &ERRNOS
    } else {
        &ERRNOS[turn..=turn]
    };
    for &errno in errnos {
        outcomes.add(sum, call, errno, false);
        // A call that is interrupted for ever is one that never ends.
        if errno != EINTR && (is_soak() || call.is_multiple_of(4)) {
            outcomes.add(sum, call, errno, true);
        }
    }
}

#[test]
fn t40_every_system_call_fails_in_turn() {
    let sum = sum_of("fault", &ARGUMENTS);
    let mut outcomes = Outcomes::default();
    let (mut call, mut without_effect) = (0, 0);
    while call < CALLS || without_effect < BEYOND {
        call += 1;
        let before = outcomes.ended_early();
        fail(call, &sum, &mut outcomes);
        let has_effect = outcomes.ended_early() > before;
        without_effect = if has_effect { 0 } else { without_effect + 1 };
        assert!(call < 2 * CALLS, "{without_effect}");
    }
    say(&format!("{outcomes:?}"));
    let Outcomes {
        complete,
        stopped,
        none,
    } = outcomes;
    assert!(complete > 20 && stopped > 20 && none > 5);
}

/// A start that fails leaves an older trace as it was, and nothing beside it.
#[test]
fn t40_a_failed_start_replaces_nothing() {
    let run = Plan::new("fault", &["rounds", "1", "10"]).run();
    let old = std::fs::read(run.trace_path()).expect("a trace");
    run.tidy();
    let (mut failed, mut replaced) = (0, 0);
    for call in 1..=60 {
        let plan = Plan::new("fault", &["rounds", "1", "10"]).aloud();
        let path = plan.folder().join("trace.heapline");
        std::fs::write(&path, &old).expect("writable");
        const ENOSPC: u32 = 28;
        let plan = plan.variable("HEAPLINE_FAIL", &format!("{call},{ENOSPC}"));
        let run = plan.run();
        let has_failed = run.stderr.contains("not recording");
        let is_old = std::fs::read(&path).expect("there") == old;
        failed += u32::from(has_failed);
        replaced += u32::from(!is_old);
        assert!(is_old || !has_failed, "{call}: {}", run.stderr);
        let others: Vec<_> = run
            .traces_of_children()
            .into_iter()
            .filter(|(path, _)| {
                let bytes = std::fs::read(path).expect("readable");
                Trace::open(bytes).is_err()
            })
            .collect();
        // What cannot be unlinked stays.
        assert!(!has_failed || others.is_empty(), "{call}: {others:?}");
        run.tidy();
    }
    say(&format!(
        "{failed} failed, {replaced} replaced the older one"
    ));
    assert!(failed >= 3 && replaced >= 10);
}
