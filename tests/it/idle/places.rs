//! Where a trace may be put: never over anything that is not an older trace of ours.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use heapline_trace::{Header, Trace, TraceBuilder};

use crate::cli::copy_program;
use crate::processes::{Watched, status_of};
use crate::support::{Build, fresh_folder, program};

/// A program that has ended.
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) output: Output,
}

/// Runs a program in this folder, with this in HEAPLINE.
pub(super) fn start(folder: &Path, variable: &str, mode: &str) -> Started {
    let mut command = Command::new(program("totals", Build::Release));
    command
        .arg(mode)
        .current_dir(folder)
        .env("HEAPLINE", variable)
        // As if cargo had not started this test.
        .env_remove("CARGO_MANIFEST_DIR")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let process = Watched::start(&mut command);
    Started {
        pid: process.child.id(),
        output: process.wait_with_output(),
    }
}

/// The same with the quickest of its modes, which ends well.
pub(super) fn run_in(folder: &Path, variable: &str) -> Started {
    start(folder, variable, "failing")
}

/// The names of the traces in a folder.
pub(super) fn traces_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| is_trace(&folder.join(name)))
        .collect()
}

fn is_trace(path: &Path) -> bool {
    // A pipe would not end.
    path.is_file() && header(path).is_some()
}

fn header(path: &Path) -> Option<Header> {
    let trace = Trace::open(std::fs::read(path).ok()?).ok()?;
    Some(trace.header().clone())
}

/// Records to `folder/trace`, where something lies already, and returns the name of the
/// one trace that is there then.
fn record_over(folder: &Path) -> (Started, String) {
    let run = run_in(folder, "quiet,out=trace");
    assert!(run.output.status.success());
    assert_eq!(String::from_utf8_lossy(&run.output.stderr), "");
    let traces = traces_in(folder);
    let ours =
        |name: &&String| header(&folder.join(name)).is_some_and(|header| header.pid == run.pid);
    let mut names = traces.iter().filter(ours);
    let name = names.next().expect("a trace of this process").clone();
    assert_eq!(names.next(), None);
    (run, name)
}

/// What lies at `folder/trace` is left alone; the trace is put beside it.
fn left_alone(folder: &Path) {
    let (run, name) = record_over(folder);
    assert_eq!(name, format!("trace-{}", run.pid));
}

#[test]
fn files_of_others_are_left_alone() {
    for bytes in [
        &b""[..],
        b"a text\n",
        &[b'x'; 5_000],
        b"HEAPLINE, but no trace",
    ] {
        let folder = fresh_folder("foreign");
        let path = folder.join("trace");
        std::fs::write(&path, bytes).expect("writable");
        left_alone(&folder);
        assert!(std::fs::read(&path).expect("still there") == bytes);
    }
}

#[test]
fn folders_pipes_and_devices_are_left_alone() {
    let folder = fresh_folder("folder");
    std::fs::create_dir(folder.join("trace")).expect("writable");
    left_alone(&folder);

    let folder = fresh_folder("pipe");
    let pipe = folder.join("trace");
    assert!(status_of(Command::new("mkfifo").arg(&pipe)).success());
    left_alone(&folder);
    let kind = pipe.symlink_metadata().expect("still there").file_type();
    assert!(kind.is_fifo());

    let folder = fresh_folder("device");
    let run = run_in(&folder, "quiet,out=/dev/full");
    // Who may write into /dev has the trace there.
    let _ = std::fs::remove_file(format!("/dev/full-{}", run.pid));
    assert!(run.output.status.success());
    let kind = std::fs::metadata("/dev/full")
        .expect("still there")
        .file_type();
    assert!(kind.is_char_device());
}

#[test]
fn links_are_not_followed() {
    let old = TraceBuilder::new().finish();
    for target in ["missing", "text", "old", "/dev/full"] {
        let folder = fresh_folder("link");
        std::fs::write(folder.join("text"), "a text").expect("writable");
        std::fs::write(folder.join("old"), &old).expect("writable");
        let path = folder.join("trace");
        symlink(target, &path).expect("writable");
        left_alone(&folder);
        assert_eq!(
            std::fs::read_link(&path).expect("a link"),
            Path::new(target)
        );
        assert_eq!(
            std::fs::read(folder.join("text")).expect("there"),
            b"a text"
        );
        assert!(std::fs::read(folder.join("old")).expect("there") == old);
        assert!(!folder.join("missing").exists());
    }
}

#[test]
fn finished_traces_are_replaced() {
    let folder = fresh_folder("finished");
    for _ in 0..3 {
        let (_, name) = record_over(&folder);
        assert_eq!(name, "trace");
        assert_eq!(traces_in(&folder).len(), 1);
    }
    // Of a program that was killed, too.
    let mut killed = TraceBuilder::new();
    // Above the largest pid that there is.
    killed.header.pid = 1 << 23;
    std::fs::write(folder.join("trace"), killed.finish()).expect("writable");
    assert_eq!(record_over(&folder).1, "trace");
}

#[test]
fn traces_of_running_programs_are_left_alone() {
    let (folder, bytes) = trace_of_this_process("running", 0);
    left_alone(&folder);
    assert!(std::fs::read(folder.join("trace")).expect("there") == bytes);
}

#[test]
fn a_reused_process_id_keeps_no_trace() {
    let (folder, _) = trace_of_this_process("reused", 1);
    let (_, name) = record_over(&folder);
    assert_eq!(name, "trace");
}

/// The trace of a process with this one's id, that started so many clock ticks later.
fn trace_of_this_process(name: &str, later: u64) -> (PathBuf, Vec<u8>) {
    let folder = fresh_folder(name);
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a process has one");
    let behind_name = stat.rsplit(") ").next().expect("fields");
    let start = behind_name.split(' ').nth(19).expect("the 22nd field");
    let mut trace = TraceBuilder::new();
    trace.header.pid = std::process::id();
    trace.header.process_start_time = start.parse::<u64>().expect("a number") + later;
    let bytes = trace.finish();
    std::fs::write(folder.join("trace"), &bytes).expect("writable");
    (folder, bytes)
}

#[test]
fn only_the_user_may_read_it() {
    let folder = fresh_folder("mode");
    let binary = program("totals", Build::Release);
    let status = status_of(
        Command::new("sh")
            .args(["-c", "umask 0; exec \"$0\" failing"])
            .arg(binary)
            .current_dir(&folder)
            .env("HEAPLINE", "quiet,out=trace"),
    );
    assert!(status.success());
    let mode = std::fs::metadata(folder.join("trace"))
        .expect("a trace")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn paths_may_have_the_pid_the_name_and_the_time() {
    let seconds = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs()
    };
    let folder = fresh_folder("pattern");
    let before = seconds();
    let run = run_in(&folder, r"quiet,out=%e\,%p@%t%%.trace");
    let after = seconds();
    let [name] = &traces_in(&folder)[..] else {
        panic!("not one trace");
    };
    let (start, time) = name.split_once('@').expect("an @");
    assert_eq!(start, format!("totals,{}", run.pid));
    let time: u64 = time
        .strip_suffix("%.trace")
        .and_then(|time| time.parse().ok())
        .expect("seconds");
    assert!((before..=after).contains(&time), "{before} {time} {after}");
}

#[test]
fn under_cargo_it_goes_to_the_target_folder() {
    let folder = fresh_folder("under-cargo");
    let target = folder.join("target");
    let binary = target.join("debug/app");
    std::fs::create_dir_all(target.join("debug")).expect("writable");
    std::fs::write(
        target.join("CACHEDIR.TAG"),
        "Signature: 8a477f597d28d172789f06886806bc55",
    )
    .expect("writable");
    copy_program("totals", &binary);
    let run = |by_cargo: bool| {
        let mut command = Command::new(&binary);
        command
            .arg("failing")
            .current_dir(&folder)
            .env("HEAPLINE", "on,quiet");
        command.env_remove("CARGO_MANIFEST_DIR");
        if by_cargo {
            command.env("CARGO_MANIFEST_DIR", &folder);
        }
        assert!(status_of(&mut command).success());
    };
    run(true);
    assert_eq!(traces_in(&target.join("heapline")).len(), 1);
    assert_eq!(traces_in(&folder).len(), 0);
    run(false);
    assert_eq!(traces_in(&target.join("heapline")).len(), 1);
    assert_eq!(traces_in(&folder).len(), 1);
}
