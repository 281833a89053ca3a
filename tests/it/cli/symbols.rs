//! Binaries and sources that are not what they were: a note with a remedy each, and no
//! wrong names.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{copy_program, recorded_copy, text, works};
use crate::cargo_run::fixture::{Fixture, Outcome};
use crate::processes::status_of;

/// Each text command has the note once, on a line of its own.
fn noted(trace: &Path, file: &Path, note: &str) {
    for command in ["summary", "lines"] {
        let stdout = works(&[command, text(trace)]);
        let expected = format!("{}: {note}", file.display());
        let lines = stdout.lines().filter(|line| line.contains(&expected));
        assert_eq!(lines.count(), 1, "{command}: no '{expected}' in\n{stdout}");
    }
}

fn strip(binary: &Path, options: &[&str]) {
    let status = status_of(Command::new("strip").args(options).arg(binary));
    assert!(status.success());
}

#[test]
fn a_binary_that_is_gone() {
    let (binary, run) = recorded_copy();
    std::fs::remove_file(&binary).expect("ours");
    noted(
        &run.trace,
        &binary,
        "the binary is gone: put the recorded build back there, or record again by `cargo heapline run`, which keeps its symbols",
    );
}

#[test]
fn what_one_command_has_looked_up_the_next_one_has() {
    let (binary, run) = recorded_copy();
    let trace = text(&run.trace);
    let before = works(&["lines", trace]);
    std::fs::remove_file(&binary).expect("removed");
    assert_eq!(works(&["lines", trace]), before);
    std::fs::remove_file(run.trace.with_extension("symbols")).expect("it was stored");
    assert_ne!(works(&["lines", trace]), before);
}

#[test]
fn a_stripped_binary() {
    let (binary, run) = recorded_copy();
    strip(&binary, &[]);
    noted(
        &run.trace,
        &binary,
        "stripped of its symbols: run it by `cargo heapline run`, or set debug = 1 and strip = \"none\" in the profile",
    );
}

#[test]
fn a_binary_without_debug_information() {
    let (binary, run) = recorded_copy();
    strip(&binary, &["--strip-debug"]);
    noted(
        &run.trace,
        &binary,
        "built without debug information: run it by `cargo heapline run`, or set debug = 1 in the profile",
    );
}

#[test]
fn a_binary_of_another_build() {
    let (binary, run) = recorded_copy();
    copy_program("stacks", &binary);
    noted(
        &run.trace,
        &binary,
        "rebuilt since the recording (build ids differ), its symbols are not used: put the recorded build back, or record again",
    );
    let stdout = works(&["lines", "--all", text(&run.trace)]);
    assert!(!stdout.contains("stacks.rs"), "{stdout}");
}

#[test]
fn a_source_changed_since_the_build() {
    let (binary, run) = recorded_copy();
    let totals = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/src/bin/totals.rs");
    let texts = || -> Vec<Value> {
        let rows: Value =
            serde_json::from_str(&works(&["lines", "--format", "json", text(&run.trace)]))
                .expect("JSON");
        let rows = rows["rows"].as_array().expect("rows").iter();
        rows.filter(|row| {
            row["file"]
                .as_str()
                .is_some_and(|file| file.ends_with("totals.rs"))
        })
        .map(|row| row["source"].clone())
        .collect()
    };
    assert!(
        texts()
            .iter()
            .any(|text| text.as_str().is_some_and(|text| text.contains("black_box")))
    );
    // As if the file had been edited after the build, and nothing been stored before.
    std::fs::remove_file(run.trace.with_extension("symbols")).expect("it was stored");
    let built = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options()
        .write(true)
        .open(&binary)
        .expect("ours");
    file.set_modified(built).expect("ours");
    drop(file);
    let stdout = works(&["lines", text(&run.trace)]);
    let note = format!(
        "{}: source changed since the build, its text is not shown: record again, or name the old sources by --source-root DIR",
        totals.display()
    );
    assert_eq!(stdout.matches(&note).count(), 1, "{stdout}");
    assert!(!texts().is_empty() && texts().iter().all(Value::is_null));
}

#[test]
fn sources_that_are_elsewhere() {
    let source = "\
//! Keeps some bytes.
#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();
fn main() {
    let kept = vec![7_u8; 5_000];
    println!(\"{}\", kept.len());
}
";
    let manifest = "\
[package]
name = \"moved\"
version = \"0.1.0\"
edition = \"2024\"
[workspace]
[dependencies]
heapline = { path = \"PATH_OF_HEAPLINE\" }
";
    let fixture = Fixture::new(
        "moved",
        &[("Cargo.toml", manifest), ("src/main.rs", source)],
    );
    let trace = fixture.folder.join("trace.heapline");
    let mut run = fixture.cargo(&["run", "--quiet"]);
    run.env("HEAPLINE", format!("quiet,out={}", trace.display()));
    // Nothing but the program records: no build script has heapline in it.
    assert_eq!(Outcome::of(&mut run).stdout(), "5000\n");
    let old = fixture.folder.join("src");
    let new = fixture.folder.join("old/src");
    std::fs::create_dir_all(fixture.folder.join("old")).expect("ours");
    std::fs::rename(&old, &new).expect("ours");
    noted_missing(&trace, &old.join("main.rs"));

    let root = fixture.folder.join("old");
    let stdout = works(&["lines", text(&trace), "--source-root", text(&root)]);
    assert!(stdout.contains("let kept = vec![7_u8; 5_000];"), "{stdout}");
    assert!(!stdout.contains("source is missing"), "{stdout}");
}

fn noted_missing(trace: &Path, source: &Path) {
    let stdout = works(&["lines", text(trace)]);
    let note = format!(
        "{}: source is missing: name the workspace by --source-root DIR",
        source.display()
    );
    assert_eq!(stdout.matches(&note).count(), 1, "no '{note}' in\n{stdout}");
    assert!(!stdout.contains("let kept"), "{stdout}");
}
