//! `heapline pack`: every report is the same before and after, and who may pack what.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::processes::{Watched, status_of, wait_until};
use crate::support::{Build, Run, fresh_folder, heapline, program, record};

/// Every report there is, with the options that read the trace another time or in
/// another way.
const REPORTS: [&[&str]; 9] = [
    &["summary"],
    &["summary", "--format", "json"],
    &["lines", "--all"],
    &["lines", "--all", "--format", "json"],
    &["profile"],
    &["flamegraph", "--folded"],
    &["flamegraph", "--folded", "--full", "--at", "1ms"],
    &["flamegraph", "--folded", "--metric", "temporary"],
    &["flamegraph"],
];

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn reports(trace: &Path) -> Vec<Output> {
    let report = |words: &&[&str]| {
        let mut arguments = words.to_vec();
        arguments.push(text(trace));
        heapline(&arguments)
    };
    REPORTS.iter().map(report).collect()
}

/// What `heapline info` says of it, but for the line that it is packed.
fn info(trace: &Path) -> (String, Option<String>) {
    let output = heapline(&["info", text(trace)]);
    let all = String::from_utf8(output.stdout).expect("UTF-8");
    let (packed, rest): (Vec<&str>, Vec<&str>) = all
        .lines()
        .partition(|line| line.trim_start().starts_with("Packed "));
    (rest.join("\n"), packed.first().map(|&line| line.to_owned()))
}

/// Packs a trace; returns the line that says so.
fn pack(trace: &Path) -> String {
    let output = heapline(&["pack", text(trace)]);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(output.stdout, b"");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

/// All reports of a trace, packed and not.
fn is_the_same_packed(trace: &Path) {
    let before = (reports(trace), info(trace));
    let raw_bytes = trace.metadata().expect("there").len();
    let line = pack(trace);
    let packed_bytes = trace.metadata().expect("there").len();
    assert!(packed_bytes < raw_bytes, "{line}");
    for ((before, after), report) in before.0.iter().zip(reports(trace)).zip(REPORTS) {
        assert!(*before == after, "{report:?} of {}", trace.display());
    }
    let after = info(trace);
    assert_eq!(before.1.0, after.0);
    assert_eq!(before.1.1, None);
    let packed = after.1.expect("it says that it is packed");
    assert!(
        packed.contains(" to ") && packed.contains("group"),
        "{packed}"
    );
}

#[test]
fn reports_are_the_same_of_packed_traces() {
    for (name, mode) in [
        ("totals", Some("single")),
        ("totals", Some("threads")),
        ("lines", None),
        ("profiled", Some("tables")),
        ("stacks", None),
    ] {
        let arguments: Vec<&str> = mode.into_iter().collect();
        let run = record(&program(name, Build::Release), &arguments);
        is_the_same_packed(&run.trace);
    }
}

/// Starts a program that works until it is killed, and waits until it has begun to.
fn start(folder: &Path) -> Watched {
    let notes = folder.join("notes");
    let trace = folder.join("trace.heapline");
    let child = Watched::start(
        Command::new(program("killed", Build::Release))
            .arg("2")
            .env("HEAPLINE", format!("quiet,out={}", trace.display()))
            .env("ORACLE", &notes),
    );
    let has_begun = || {
        let notes = std::fs::read(&notes).unwrap_or_default();
        // Both threads have filled several stages.
        notes.len() >= 16 && notes[..16].chunks(8).all(|count| count[1..] != [0; 7])
    };
    wait_until(has_begun);
    child
}

#[test]
fn a_trace_is_packed_once_its_program_was_killed() {
    let folder = fresh_folder("packed");
    let trace = folder.join("trace.heapline");
    let child = start(&folder);
    let output = heapline(&["pack", text(&trace)]);
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    child.kill();
    assert_eq!(output.status.code(), Some(1), "{refused}");
    assert!(refused.contains("still runs"), "{refused}");
    assert_eq!(refused.lines().count(), 1, "{refused}");
    is_the_same_packed(&trace);
}

#[test]
fn a_trace_is_packed_once() {
    let run = record(&program("totals", Build::Release), &["failing"]);
    assert!(pack(&run.trace).starts_with("heapline: packed "));
    let bytes = std::fs::read(&run.trace).expect("there");
    assert!(pack(&run.trace).ends_with(" is packed already\n"));
    assert!(std::fs::read(&run.trace).expect("there") == bytes);
}

#[test]
fn a_packed_trace_is_one_of_a_finished_program() {
    let run = record(&program("totals", Build::Release), &["failing"]);
    pack(&run.trace);
    let before = info(&run.trace);
    // The next program with the same `out=` takes its place, as that of a raw one.
    let again = status_of(
        Command::new(program("totals", Build::Release))
            .arg("failing")
            .env("HEAPLINE", format!("quiet,out={}", run.trace.display()))
            .env("ORACLE", run.folder.join("oracle")),
    );
    assert!(again.success());
    let after = info(&run.trace);
    assert!(before.1.is_some() && after.1.is_none());
    assert_ne!(before.0, after.0);
}

/// A program that can go, as on another machine, and its trace.
fn recorded_elsewhere() -> (PathBuf, Run) {
    let folder = fresh_folder("elsewhere");
    let moved = folder.join("profiled");
    std::fs::copy(program("profiled", Build::Release), &moved).expect("copied");
    let run = record(&moved, &["tables"]);
    (moved, run)
}

#[test]
fn a_packed_trace_carries_its_symbols() {
    let (program, run) = recorded_elsewhere();
    let before = reports(&run.trace);
    let beside = run.trace.with_extension("symbols");
    assert!(beside.exists());
    pack(&run.trace);
    assert!(!beside.exists());
    std::fs::remove_file(&program).expect("ours");
    for (before, after) in before.iter().zip(reports(&run.trace)) {
        assert!(*before == after);
    }
    assert!(!beside.exists(), "nothing was looked up");
    let (_, packed) = info(&run.trace);
    assert!(packed.expect("a line").ends_with(" of symbols"));
}

#[test]
fn without_source_nothing_tells_of_the_machine() {
    let (program, run) = recorded_elsewhere();
    let rows = |path: &Path| {
        let output = heapline(&["lines", "--all", "--format", "json", text(path)]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        json["rows"].as_array().expect("rows").clone()
    };
    let whole = rows(&run.trace);
    let output = run.folder.join("given.heapline");
    let said = heapline(&["pack", "--no-source", "-o", text(&output), text(&run.trace)]);
    assert_eq!(said.status.code(), Some(0));
    assert!(run.trace.with_extension("symbols").exists());
    let given = rows(&output);
    assert_eq!(given.len(), whole.len());
    for (given, whole) in given.iter().zip(&whole) {
        assert!(whole["source"].is_string() || !whole["file"].is_string());
        assert!(given["source"].is_null(), "{given}");
        for key in ["function", "line", "allocations", "live_at_peak_bytes"] {
            assert_eq!(given[key], whole[key]);
        }
    }
    let (header, _) = info(&output);
    let folder = text(program.parent().expect("a folder"));
    assert!(info(&run.trace).0.contains(folder));
    assert!(
        !header.contains(folder) && header.contains("profiled"),
        "{header}"
    );
}
