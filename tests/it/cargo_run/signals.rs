//! Signals and closed pipes reach the program, and there is a report nevertheless.

use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::REPORT;
use super::fixture::Outcome;
use super::programs::programs;
use crate::processes::{BUILD_DEADLINE, Watched};

/// Starts the program that waits for a signal, and waits until it does.
fn waiting() -> (Watched, impl BufRead) {
    let mut command = programs().cargo_heapline(&["run", "--bin", "waits"]);
    command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Watched::start_within(&mut command, BUILD_DEADLINE);
    let mut stdout = BufReader::new(process.child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it prints");
    assert_eq!(line, "ready\n");
    (process, stdout)
}

/// The program's handler has run, and there is a report.
fn handled(mut process: Watched, mut stdout: impl BufRead) {
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "handled\n");
    let mut stderr = String::new();
    let mut pipe = process.child.stderr.take().expect("piped");
    pipe.read_to_string(&mut stderr).expect("text");
    assert_eq!(process.wait().code(), Some(7));
    for part in REPORT {
        assert!(stderr.contains(part), "no '{part}' in\n{stderr}");
    }
}

fn pid(process: &Watched) -> Pid {
    Pid::from_child(&process.child)
}

#[test]
fn an_interrupt_is_the_programs_to_handle() {
    let (process, stdout) = waiting();
    kill_process_group(pid(&process), Signal::INT).expect("it runs");
    handled(process, stdout);
}

#[test]
fn a_request_to_terminate_reaches_the_program() {
    let (process, stdout) = waiting();
    kill_process(pid(&process), Signal::TERM).expect("it runs");
    handled(process, stdout);
}

#[test]
fn a_reader_of_stdout_may_leave() {
    let run = |mut command: Command| {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Watched::start_within(&mut command, BUILD_DEADLINE);
        let mut first = String::new();
        let stdout = process.child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut first).expect("text");
        assert_eq!(first, "1\n");
        Outcome(process.wait_with_output())
    };
    let plain = run(programs().cargo(&["run", "--quiet", "--bin", "counts"]));
    let recorded = run(programs().cargo_heapline(&["run", "--bin", "counts"]));
    assert_eq!(plain.code(), Some(9), "the program noticed");
    assert_eq!(recorded.code(), plain.code());
    assert!(recorded.trace().is_file());
}
