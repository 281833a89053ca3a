//! T82: libraries that are unloaded and loaded at each other's place.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::processes::status_of;
use crate::support::{Build, fresh_folder, heapline, program, record};

/// How often each library comes.
const TIMES: u64 = 200;

/// Compiles a library whose function calls its argument from a frame of so many bytes.
fn library(folder: &Path, name: &str, frame_bytes: u32) -> PathBuf {
    let source = folder.join(format!("{name}.c"));
    let code = format!(
        "void {name}(void (*call)(void)) {{ volatile char frame[{frame_bytes}]; frame[0] = 1; \
         call(); frame[1] = frame[0]; }}"
    );
    std::fs::write(&source, code).expect("writable");
    let library = folder.join(format!("lib{name}.so"));
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-g", "-o"])
        .args([&library, &source]);
    assert!(status_of(&mut compiler).success());
    library
}

/// Allocated bytes by function, and the quality.
fn bytes_by_function(trace: &Path) -> (HashMap<String, u64>, Value) {
    let path = trace.to_str().expect("a plain path");
    let output = heapline(&["lines", "--all", "--format", "json", path]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut bytes = HashMap::new();
    for row in json["rows"].as_array().expect("rows") {
        let function = row["function"].as_str().expect("text").to_owned();
        let row = row["allocated_bytes"].as_u64().expect("a number");
        *bytes.entry(function).or_default() += row;
    }
    (bytes, json["quality"].clone())
}

#[test]
fn stacks_are_those_of_the_library_that_was_there() {
    let folder = fresh_folder("replaced");
    let names = ["first", "second"];
    let mut arguments = vec![(2 * TIMES).to_string()];
    // The code of both is equally long, so that they share return addresses; what the stack
    // looks like there differs.
    for (name, frame_bytes) in names.into_iter().zip([2_000, 3_000]) {
        let path = library(&folder, name, frame_bytes);
        arguments.push(path.to_str().expect("a plain path").to_owned());
        arguments.push(name.to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = record(&program("replaced", Build::Release), &arguments);
    assert!(run.output.status.success(), "{}", run.stderr());
    let same: u64 = run.stdout().trim().parse().expect("a number");
    assert!(same > TIMES, "the loader put them apart: {same}");
    let (bytes, quality) = bytes_by_function(&run.trace);
    assert_eq!(bytes["first"], TIMES * 10_001, "{bytes:?}");
    assert_eq!(bytes["second"], TIMES * 20_001, "{bytes:?}");
    assert_eq!(quality["ambiguous_stacks"], 2 * TIMES);
    assert_eq!(quality["cut_stacks"], 0);
}
