//! Child processes of the tests, each with a deadline: one that hangs is a failure, and not
//! a run without an end.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than any program here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Longer than what a soak makes them do.
pub(crate) const LONG_DEADLINE: Duration = Duration::from_secs(900);

/// Longer than all programs take to compile.
pub(crate) const BUILD_DEADLINE: Duration = Duration::from_secs(1_800);

/// A child, which is killed with its own children when its time is over, or when its test
/// fails before it has ended.
pub(crate) struct Watched {
    pub(crate) child: Child,
    watchdog: Watchdog,
}

impl Watched {
    pub(crate) fn start(command: &mut Command) -> Watched {
        Watched::start_within(command, DEADLINE)
    }

    pub(crate) fn start_within(command: &mut Command, deadline: Duration) -> Watched {
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{command:?} does not start: {error}");
        });
        let watchdog = Watchdog::over(&child, deadline, format!("{command:?}"));
        Watched { child, watchdog }
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        let status = self.child.wait().expect("ours");
        self.watchdog.end();
        status
    }

    pub(crate) fn wait_with_output(self) -> Output {
        let output = self.child.wait_with_output().expect("ours");
        self.watchdog.end();
        output
    }

    pub(crate) fn kill(mut self) -> ExitStatus {
        self.child.kill().expect("it is there");
        self.wait()
    }
}

/// Runs a command to its end.
pub(crate) fn status_of(command: &mut Command) -> ExitStatus {
    Watched::start(command).wait()
}

/// The same with all that it writes.
pub(crate) fn output_of(command: &mut Command) -> Output {
    output_within(command, DEADLINE)
}

pub(crate) fn output_within(command: &mut Command, deadline: Duration) -> Output {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Watched::start_within(command, deadline).wait_with_output()
}

/// Waits for something that another process does.
#[track_caller]
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "not so after {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A thread that kills a process unless it is told in time that it has ended.
struct Watchdog {
    ended: Sender<()>,
    thread: JoinHandle<bool>,
    what: String,
}

impl Watchdog {
    fn over(child: &Child, deadline: Duration, what: String) -> Watchdog {
        let (ended, has_ended) = channel();
        let pid = Pid::from_child(child);
        let watch = move || {
            let in_time = has_ended.recv_timeout(deadline).is_ok();
            if !in_time {
                kill_with_children(pid);
            }
            in_time
        };
        Watchdog {
            ended,
            thread: std::thread::spawn(watch),
            what,
        }
    }

    #[track_caller]
    fn end(self) {
        // It does not listen any more if the time was over.
        let _ = self.ended.send(());
        let in_time = self.thread.join().expect("no panic");
        assert!(in_time, "not done in time: {}", self.what);
    }
}

/// The youngest first: whoever loses its parent gets another one and is not found.
fn kill_with_children(pid: Pid) {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    for task in tasks.into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children"));
        let children = children.unwrap_or_default();
        let numbers = children.split_whitespace();
        let children = numbers.filter_map(|number| Pid::from_raw(number.parse().ok()?));
        children.for_each(kill_with_children);
    }
    let _ = kill_process(pid, Signal::KILL);
}

#[test]
fn a_child_that_hangs_is_killed_with_its_own() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "sleep 1000 & echo $!; wait"])
        .stdout(Stdio::piped());
    let mut watched = Watched::start_within(&mut command, Duration::from_millis(500));
    let mut stdout = watched.child.stdout.take().expect("piped");
    // Ends with the grandchild, which has the pipe, too.
    let text = std::io::read_to_string(&mut stdout).expect("text");
    let grandchild = text.trim().parse().ok().and_then(Pid::from_raw);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watched.wait()));
    let message = caught.expect_err("it was late");
    let message = message.downcast_ref::<String>().expect("a text");
    assert!(message.starts_with("not done in time: "), "{message}");
    let process = format!("/proc/{}/stat", grandchild.expect("a number"));
    wait_until(|| {
        let stat = std::fs::read_to_string(&process);
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    });
}
