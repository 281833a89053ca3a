//! The command `heapline`: what it says and how it ends, for good and for bad traces.

mod damaged;
mod flame_graphs;
mod json;
mod output;
mod symbols;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::processes::{output_of, status_of};
use crate::support::{Build, Run, fresh_folder, heapline, program, record};

/// A trace that all tests may look at.
fn sample() -> &'static Path {
    static SAMPLE: OnceLock<Run> = OnceLock::new();
    let run = SAMPLE.get_or_init(|| record(&program("totals", Build::Release), &["threads"]));
    assert!(run.output.status.success());
    &run.trace
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// What a command that works writes to stdout; it says nothing else.
fn works(arguments: &[&str]) -> String {
    stdout_of(heapline(arguments), arguments)
}

fn stdout_of(output: Output, arguments: &[&str]) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    assert_eq!(stderr, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a command that fails with this code says: nothing on stdout, on stderr one line
/// in heapline's name.
fn fails(output: Output, code: i32) -> String {
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(output.stdout, b"", "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let message = stderr.strip_prefix("heapline: ").expect("in our name");
    message.trim_end().to_owned()
}

/// `heapline` in a folder where cargo's target folder is empty.
fn heapline_in(folder: &Path, arguments: &[&str]) -> Output {
    std::fs::create_dir_all(folder.join("target")).expect("writable");
    output_of(
        Command::new(env!("CARGO_BIN_EXE_heapline"))
            .args(arguments)
            .current_dir(folder)
            .env_remove("CARGO_TARGET_DIR"),
    )
}

/// A copy of a program in a folder of its own, recorded there.
fn recorded_copy() -> (PathBuf, Run) {
    let copy = fresh_folder("copy").join("app");
    copy_program("totals", &copy);
    let run = record(&copy, &["failing"]);
    assert!(run.output.status.success());
    (copy, run)
}

/// Copies a program in a process of its own: what another thread starts meanwhile would
/// have the copy open for writing, and so it could not be started.
pub(crate) fn copy_program(name: &str, to: &Path) {
    let mut command = Command::new("cp");
    command.arg(program(name, Build::Release)).arg(to);
    assert!(status_of(&mut command).success());
}
