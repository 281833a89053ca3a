//! The user's own HEAPLINE, and where the files go.

use std::path::Path;
use std::process::Command;

use super::fixture::Outcome;
use super::has_row;
use super::programs::programs;
use crate::cli::copy_program;
use crate::support::{fresh_folder, heapline};

/// Runs a program with this in HEAPLINE.
fn with_variable(program: &str, value: &str) -> Outcome {
    Outcome::of(
        programs()
            .cargo_heapline(&["run", "--bin", program])
            .env("HEAPLINE", value),
    )
}

#[test]
fn the_users_words_are_added() {
    let outcome = with_variable("ends", "frames=200,colour=red");
    let trace = outcome.trace();
    let info = heapline(&["info", trace.to_str().expect("a plain path")]);
    let info = String::from_utf8_lossy(&info.stdout);
    assert!(info.contains("at most 200 frames"), "{info}");
    assert_eq!(
        outcome.complaints(),
        ["heapline: HEAPLINE has no key 'colour'; skipped"]
    );
}

#[test]
fn words_that_prevent_a_trace_are_named() {
    let outcome = with_variable("ends", "off");
    assert_eq!(outcome.code(), Some(0));
    let [line] = &outcome.complaints()[..] else {
        panic!("{}", outcome.stderr());
    };
    assert!(
        line.ends_with("was not recorded: HEAPLINE says off"),
        "{line}"
    );

    let outcome = with_variable("ends", "frames=many");
    assert_eq!(outcome.code(), Some(0));
    let [first, second] = &outcome.complaints()[..] else {
        panic!("{}", outcome.stderr());
    };
    assert_eq!(
        first,
        "heapline: HEAPLINE's frames must be a number of at least 128; not recording"
    );
    assert!(
        second.contains("has heapline but left no trace"),
        "{second}"
    );
}

#[test]
fn the_trace_may_go_elsewhere_and_old_ones_are_not_taken_for_new() {
    let folder = fresh_folder("elsewhere");
    let trace = folder.join("a,b.heapline");
    let value = format!("out={}", trace.to_string_lossy().replace(',', "\\,"));
    let outcome = with_variable("ends", &value);
    assert_eq!(outcome.trace(), trace);
    let outcome = with_variable("plain", &value);
    assert_eq!(outcome.path("trace"), None);
    assert!(outcome.complaints()[0].contains("recorded nothing"));
    assert_eq!(with_variable("ends", &value).trace(), trace, "replaced");

    let value = format!("out={}/%e-%t-%p%%", folder.display());
    let trace = with_variable("ends", &value).trace();
    assert_eq!(trace.parent(), Some(&*folder));
    assert!(is_numbered(&trace), "{}", trace.display());
}

/// `ends-TIME-PID%`.
fn is_numbered(trace: &Path) -> bool {
    let name = trace.file_name().expect("a name").to_string_lossy();
    let parts: Vec<&str> = name.split('-').collect();
    parts[0] == "ends"
        && parts[1].parse::<u64>().is_ok()
        && parts[2]
            .strip_suffix('%')
            .is_some_and(|pid| pid.parse::<u32>().is_ok())
}

#[test]
fn files_that_cannot_be_written_do_not_take_the_report_away() {
    let folder = fresh_folder("in-the-way");
    for name in ["a.symbols", "a.svg"] {
        std::fs::create_dir(folder.join(name)).expect("writable");
    }
    let trace = folder.join("a.heapline");
    let outcome = with_variable("ends", &format!("out={}", trace.display()));
    assert_eq!(outcome.code(), Some(0));
    assert_eq!(outcome.trace(), trace);
    assert_eq!(outcome.path("flame graph"), None);
    assert!(has_row(&outcome.stderr()));
    let complaints = outcome.complaints();
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(complaints[0].contains("cannot write") && complaints[0].contains("a.svg"));
    assert!(complaints[1].contains("a.symbols"), "{complaints:?}");

    // Nor is the trace overwritten, whatever its name.
    let trace = folder.join("trace.svg");
    let outcome = with_variable("ends", &format!("out={}", trace.display()));
    assert_eq!(
        outcome.path("flame graph"),
        Some(folder.join("trace.svg.svg"))
    );
    let info = heapline(&["info", trace.to_str().expect("a plain path")]);
    assert!(info.status.success());
}

#[test]
fn a_target_folder_that_cargo_did_not_make_is_known() {
    // A mounted one, say: cargo puts no CACHEDIR.TAG into it.
    let folder = fresh_folder("mounted").join("target");
    let program = folder.join("debug/app");
    std::fs::create_dir_all(folder.join("debug")).expect("writable");
    std::fs::write(folder.join(".rustc_info.json"), "{}").expect("writable");
    copy_program("totals", &program);
    let mut runner = Command::new(env!("CARGO_BIN_EXE_cargo-heapline"));
    runner.arg("--heapline-runner").arg(program).arg("failing");
    // What is printed is relative where it lies below the current folder.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let outcome = Outcome::of(runner.current_dir(root).env_remove("HEAPLINE"));
    let trace = root.join(outcome.trace());
    assert_eq!(trace.parent(), Some(&*folder.join("heapline")));
}
