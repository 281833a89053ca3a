//! The line table against a program that knows what each of its lines allocates.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{Build, Run, heapline, program, record};

const FILE: &str = "tests/programs/src/bin/lines.rs";

/// Columns in the order in which the program prints them.
const COLUMNS: [&str; 8] = [
    "allocations",
    "allocated_bytes",
    "reallocations",
    "reallocated_bytes",
    "live_at_peak_bytes",
    "live_at_end_bytes",
    "temporary_allocations",
    "max_live_bytes",
];

/// Rows by line.
type Rows = BTreeMap<u64, [u64; 8]>;

fn json(run: &Run, arguments: &[&str]) -> Value {
    let trace = run.trace.to_str().expect("a plain path");
    let output = heapline(&[arguments, &["--format", "json", trace]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A row's numbers, and nothing else in their place.
fn numbers(row: &Value) -> [u64; 8] {
    COLUMNS.map(|column| row[column].as_u64().expect(column))
}

/// The program's rows, each line once and with its own text beside it.
fn rows(table: &Value) -> Rows {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE));
    let text: Vec<String> = text.expect("there").lines().map(str::to_owned).collect();
    let mut rows = Rows::new();
    for row in table["rows"].as_array().expect("rows") {
        assert_eq!(row["file"], FILE);
        let line = row["line"].as_u64().expect("a line");
        assert_eq!(row["source"], text[line as usize - 1].trim());
        assert_eq!(row["crate"], "lines");
        let twice = rows.insert(line, numbers(row));
        assert_eq!(twice, None, "line {line} has two rows");
    }
    rows
}

/// The program's statements of one kind.
fn stated(output: &str, table: &str) -> Rows {
    let mut rows = Rows::new();
    for line in output.lines() {
        let mut words = line.split(' ');
        if words.next() == Some(table) {
            let mut numbers = words.map(|word| word.parse().expect("a number"));
            let line = numbers.next().expect("a line");
            rows.insert(
                line,
                std::array::from_fn(|_| numbers.next().expect("eight")),
            );
        }
    }
    rows
}

fn compare(build: Build, table: &str, found: &Rows, stated: &Rows) {
    for line in found.keys().chain(stated.keys()) {
        assert_eq!(
            found.get(line),
            stated.get(line),
            "{build:?}, {table}, line {line}: {COLUMNS:?}, found and stated"
        );
    }
}

fn check(build: Build) {
    let run = record(&program("lines", build), &[]);
    assert!(run.output.status.success(), "{}", run.stderr());
    let output = run.stdout();

    let inclusive = rows(&json(&run, &["lines"]));
    compare(
        build,
        "inclusive",
        &inclusive,
        &stated(&output, "inclusive"),
    );
    assert!(inclusive.len() > 60, "{} rows", inclusive.len());

    // The program has no dependency that allocates: these are all the rows there are.
    let own = rows(&json(&run, &["lines", "--own", "--all"]));
    compare(build, "own", &own, &stated(&output, "own"));
    sums_are_the_summary(&run, &own);
}

/// What has no row was allocated by the runtime before `main`, which has counted it.
fn sums_are_the_summary(run: &Run, own: &Rows) {
    let output = run.stdout();
    let line = |name: &str| -> Vec<u64> {
        let line = output.lines().find_map(|line| line.strip_prefix(name));
        let words = line.expect("printed").split_whitespace();
        words.map(|word| word.parse().expect("a number")).collect()
    };
    let (start, peak) = (line("start "), line("peak "));
    let sum = |column: usize| own.values().map(|row| row[column]).sum::<u64>();
    let summary = json(run, &["summary"]);
    for (name, sum) in [
        ("allocations", start[0] + sum(0)),
        ("allocated_bytes", start[1] + sum(1)),
        ("reallocations", sum(2)),
        ("reallocated_bytes", sum(3)),
        ("peak_bytes", start[2] + sum(4)),
        ("peak_bytes", start[2] + peak[0]),
        ("temporary_allocations", sum(6)),
    ] {
        assert_eq!(summary[name], sum, "{name}");
    }
    // The runtime may give its own blocks back after `main`.
    let live_at_end = summary["live_at_end_bytes"].as_u64().expect("a number");
    assert!((sum(5)..=start[2] + sum(5)).contains(&live_at_end));
    assert_eq!(summary["quality"]["exact"], true);
    assert_eq!(summary["quality"]["missing_symbols"], 0);
}

#[test]
fn lines_of_a_release_build_have_exactly_their_bytes() {
    check(Build::Release);
}

#[test]
fn lines_with_frame_pointers_have_exactly_their_bytes() {
    check(Build::FramePointers);
}

#[test]
fn lines_without_optimisation_have_exactly_their_bytes() {
    check(Build::Debug);
}

#[test]
fn lines_of_fat_lto_and_abort_have_exactly_their_bytes() {
    check(Build::FatLto);
}
