//! Signals and closed pipes reach the program, and there is a report nevertheless.

use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::REPORT;
use super::fixture::Outcome;
use super::programs::programs;

/// Starts the program that waits for a signal, and waits until it does.
fn waiting() -> (Child, impl BufRead) {
    let mut child = programs()
        .cargo_heapline(&["run", "--bin", "waits"])
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it prints");
    assert_eq!(line, "ready\n");
    (child, stdout)
}

/// The program's handler has run, and there is a report.
fn handled(mut child: Child, mut stdout: impl BufRead) {
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "handled\n");
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().expect("piped");
    pipe.read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("a child").code(), Some(7));
    for part in REPORT {
        assert!(stderr.contains(part), "no '{part}' in\n{stderr}");
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

#[test]
fn an_interrupt_is_the_programs_to_handle() {
    let (child, stdout) = waiting();
    kill_process_group(pid(&child), Signal::INT).expect("it runs");
    handled(child, stdout);
}

#[test]
fn a_request_to_terminate_reaches_the_program() {
    let (child, stdout) = waiting();
    kill_process(pid(&child), Signal::TERM).expect("it runs");
    handled(child, stdout);
}

#[test]
fn a_reader_of_stdout_may_leave() {
    let run = |mut command: Command| {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut first).expect("text");
        assert_eq!(first, "1\n");
        Outcome(child.wait_with_output().expect("a child"))
    };
    let plain = run(programs().cargo(&["run", "--quiet", "--bin", "counts"]));
    let recorded = run(programs().cargo_heapline(&["run", "--bin", "counts"]));
    assert_eq!(plain.code(), Some(9), "the program noticed");
    assert_eq!(recorded.code(), plain.code());
    assert!(recorded.trace().is_file());
}
