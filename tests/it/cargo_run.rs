//! `cargo heapline run` and `test`: the program is as it would be without, and then
//! there is a report, however the program ended.

pub(crate) mod fixture;
mod programs;

mod builds;
mod signals;
mod wishes;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::processes::{BUILD_DEADLINE, Watched};
use crate::support::heapline;
use fixture::{Fixture, Outcome, target};
use programs::programs;

/// The words that every report begins its parts with.
const REPORT: [&str; 4] = [
    "Quality: ",
    "  Peak  ",
    "Memory by source line",
    "\ntrace  ",
];

#[test]
fn stdin_and_stdout_are_the_programs_own() {
    // Bytes that are no text, and more than a pipe holds.
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| ((n * 7) >> 3) as u8).collect();
    let run = |command: &mut Command| {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Watched::start_within(command, BUILD_DEADLINE);
        let mut stdin = process.child.stdin.take().expect("piped");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                stdin.write_all(&bytes).expect("it reads");
                drop(stdin);
            });
            process.wait_with_output()
        })
    };
    let arguments = ["run", "--quiet", "--bin", "copy"];
    let plain = run(&mut programs().cargo(&arguments));
    let recorded = run(&mut programs().cargo_heapline(&["run", "--bin", "copy"]));
    assert_eq!(plain.status.code(), Some(0));
    assert_eq!(plain.stdout.len(), bytes.len() + 1);
    assert!(plain.stdout == recorded.stdout, "stdout is byte-identical");
    assert_eq!(recorded.status.code(), Some(0));
    assert!(
        plain.stderr.is_empty(),
        "nothing is recorded by plain cargo"
    );
}

/// Whether a line table has the line that keeps 100,000 bytes, with its text.
fn has_row(text: &str) -> bool {
    let mut rows = text
        .lines()
        .filter(|line| line.ends_with("let kept = keep(100_000);"));
    rows.any(|row| row.contains("97.7 KiB") && row.contains("main"))
}

/// Whether a trace was packed, with nothing left beside it.
fn is_packed(trace: &Path) -> bool {
    let info = heapline(&["info", trace.to_str().expect("a plain path")]);
    let stdout = String::from_utf8_lossy(&info.stdout).into_owned();
    let name = trace.file_name().expect("a file").to_string_lossy();
    let entries = std::fs::read_dir(trace.parent().expect("a folder")).expect("readable");
    let is_left = entries.flatten().any(|entry| {
        let other = entry.file_name().to_string_lossy().into_owned();
        other.contains(&*name) && other.contains("packing")
    });
    stdout.contains("\n  Packed ") && !is_left
}

/// Runs the program that ends as told, plainly and recorded.
fn ends(how: &str) -> (Outcome, Outcome) {
    let arguments = ["--bin", "ends", "--", how];
    let plain = [&["run", "--quiet"], &arguments[..]].concat();
    let recorded = [&["run"], &arguments[..]].concat();
    let plain = Outcome::of(&mut programs().cargo(&plain));
    let recorded = Outcome::of(&mut programs().cargo_heapline(&recorded));
    assert_eq!(plain.code(), recorded.code(), "{how}");
    assert_eq!(plain.signal(), recorded.signal(), "{how}");
    assert_eq!(plain.0.stdout, recorded.0.stdout, "{how}");
    assert_eq!(plain.complaints(), [""; 0]);
    for part in REPORT {
        let stderr = recorded.stderr();
        assert!(stderr.contains(part), "{how}: no '{part}' in\n{stderr}");
    }
    assert!(is_packed(&recorded.trace()), "{how}");
    (plain, recorded)
}

#[test]
fn exit_codes_are_passed_on() {
    let (_, recorded) = ends("three");
    assert_eq!(recorded.code(), Some(3));
    assert!(recorded.stderr().contains("clean exit"));
    let (plain, recorded) = ends("panic");
    assert_eq!(recorded.code(), Some(101));
    let message = "as asked";
    assert!(plain.stderr().contains(message) && recorded.stderr().contains(message));
}

#[test]
fn deaths_by_a_signal_are_reported_and_passed_on() {
    for (how, signal) in [("abort", Signal::ABORT), ("kill", Signal::KILL)] {
        let (_, recorded) = ends(how);
        assert_eq!(recorded.signal(), Some(signal.as_raw()), "{how}");
        let stderr = recorded.stderr();
        assert!(stderr.contains(", killed, "), "{how}: {stderr}");
        assert!(has_row(&stderr), "{how}: {stderr}");
    }
}

#[test]
fn a_program_without_heapline_is_told_how_to_get_it() {
    let outcome = Outcome::of(&mut programs().cargo_heapline(&["run", "--bin", "plain"]));
    assert_eq!(outcome.code(), Some(5), "the program's own code");
    assert_eq!(outcome.stdout(), "plain\n");
    let stderr = outcome.stderr();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let program = target().join("debug/plain");
    assert!(stderr.starts_with(&format!("heapline: {} recorded nothing", program.display())));
    for line in [
        "#[global_allocator]",
        "static ALLOC: heapline::Heapline = heapline::Heapline::system();",
    ] {
        assert!(stderr.contains(line), "{stderr}");
    }
}

#[test]
fn the_report_has_all_its_parts() {
    let (_, recorded) = ends("well");
    let stderr = recorded.stderr();
    // `#[profile]`, in memory_profiler's layout.
    let table = "\
Filename: src/bin/ends.rs

Line #    Mem usage    Increment  Occurrences   Line Contents
=============================================================
";
    assert!(stderr.contains(table), "{stderr}");
    let increment = "    0.095 MiB           1       let mut kept = Vec::with_capacity(bytes);";
    assert!(stderr.contains(increment), "{stderr}");
    // The line table, with the text of the line.
    assert!(has_row(&stderr), "{stderr}");
    // The files, in cargo's target folder.
    let trace = recorded.trace();
    assert_eq!(trace.parent(), Some(&*target().join("heapline")));
    assert_eq!(
        recorded.path("flame graph"),
        Some(trace.with_extension("svg"))
    );
    let picture = std::fs::read_to_string(trace.with_extension("svg")).expect("a picture");
    assert!(
        picture.contains("ends, live at the peak: 99."),
        "{picture:.5000}"
    );
    // Symbols are in the trace by now.
    assert!(!trace.with_extension("symbols").exists());
}

#[test]
fn stored_symbols_outlive_binary_and_sources() {
    let source = programs::KEEPS.replace("PROGRAM", "outlived");
    let fixture = Fixture::new(
        "outlived",
        &[
            ("Cargo.toml", &programs::manifest("outlived")),
            ("src/main.rs", &source),
        ],
    );
    let recorded = Outcome::of(&mut fixture.cargo_heapline(&["run"]));
    let trace = recorded.trace();
    std::fs::remove_file(target().join("debug/outlived")).expect("it was built");
    fixture.write("src/main.rs", &source.replace("kept", "renamed"));
    let trace = trace.to_str().expect("a plain path");
    for command in ["lines", "profile"] {
        let output = heapline(&[command, trace]);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success());
        let kept = "let mut kept = Vec::with_capacity(bytes);";
        assert!(stdout.contains(kept), "{command}: {stdout}");
        for wrong in ["renamed", "the binary is gone", "source changed"] {
            assert!(!stdout.contains(wrong), "{command}: {stdout}");
        }
    }
}

#[test]
fn other_subcommands_are_refused() {
    let help = Outcome::of(&mut programs().command(
        env!("CARGO_BIN_EXE_cargo-heapline"),
        &["heapline", "--help"],
    ));
    assert_eq!((help.code(), help.stderr().as_str()), (Some(0), ""));
    assert!(
        help.stdout()
            .contains("Usage: cargo heapline run|test|bench ")
    );
    let mut command = programs().cargo_heapline(&["build"]);
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code(), Some(2));
    assert_eq!(
        outcome.stderr(),
        "heapline: cargo heapline needs run, test or bench, and got 'build'\n"
    );
    let outcome = Outcome::of(&mut programs().cargo_heapline(&["run", "--bin", "none"]));
    assert_eq!(outcome.code(), Some(101), "cargo's own code");
    assert_eq!(outcome.complaints(), [""; 0]);
}
