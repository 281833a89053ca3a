//! The table of faults: each is held by tests that are there, and each test stands in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::root;

/// The checklist's numbers.
const FAULTS: [std::ops::RangeInclusive<u32>; 6] =
    [1..=40, 50..=57, 60..=63, 70..=79, 80..=85, 90..=95];

/// One row of the table.
struct Row {
    fault: u32,
    /// What stands between backticks in the last column.
    tests: Vec<String>,
    /// Why there is none, or why not for all of it.
    reason: Option<String>,
}

fn rows() -> Vec<Row> {
    let table = super::text("tests/faults/main.rs");
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("//! | T"));
    let row = |row: &str| {
        let columns: Vec<&str> = row.split(" | ").collect();
        let [fault, _, tests] = columns[..] else {
            panic!("three columns: {row}");
        };
        let tests = tests.strip_suffix(" |").expect("an end");
        let (names, reason) = match tests.split_once("none: ") {
            Some((names, reason)) => (names, Some(reason.to_owned())),
            None => (tests, None),
        };
        let names = names.split('`').skip(1).step_by(2);
        Row {
            fault: fault.parse().expect("a number"),
            tests: names.map(str::to_owned).collect(),
            reason,
        }
    };
    rows.map(row).collect()
}

/// The file that a name begins with: a module of the suite, a file of these tests, or one of
/// a crate's.
fn file(path: &str) -> PathBuf {
    let relative = match path.split_once('/') {
        None => format!("tests/faults/{path}.rs"),
        Some(("it" | "fuzz", _)) => format!("tests/{path}"),
        Some(_) => format!("crates/{path}"),
    };
    root().join(relative)
}

fn has_function(text: &str, name: &str) -> bool {
    text.contains(&format!("fn {name}("))
}

#[test]
fn every_fault_is_held_by_tests_that_are_there() {
    let rows = rows();
    let faults: Vec<u32> = rows.iter().map(|row| row.fault).collect();
    let expected: Vec<u32> = FAULTS.into_iter().flatten().collect();
    assert_eq!(faults, expected);
    for row in &rows {
        let has_reason = row.reason.as_ref().is_some_and(|reason| reason.len() > 10);
        assert!(!row.tests.is_empty() || has_reason, "T{:02}", row.fault);
        for name in &row.tests {
            let (path, function) = name.split_once("::").expect("FILE::FUNCTION");
            let text = std::fs::read_to_string(file(path));
            let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(has_function(&text, function), "{name} is not there");
        }
    }
}

#[test]
fn every_test_of_the_suite_names_its_fault_and_stands_there() {
    let rows: BTreeMap<u32, Row> = rows().into_iter().map(|row| (row.fault, row)).collect();
    let mut checked = 0;
    for entry in std::fs::read_dir(root().join("tests/faults")).expect("a folder") {
        let path = entry.expect("readable").path();
        let module = path.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("text");
        for (attribute, function) in text.lines().zip(text.lines().skip(1)) {
            if attribute != "#[test]" {
                continue;
            }
            let name = function
                .strip_prefix("fn ")
                .and_then(|rest| rest.split_once('('));
            let (name, _) = name.unwrap_or_else(|| panic!("{module}: {function}"));
            let fault = name.strip_prefix('t').and_then(|rest| rest.split_once('_'));
            let fault = fault.and_then(|(digits, _)| digits.parse::<u32>().ok());
            let fault = fault.unwrap_or_else(|| panic!("{module}::{name} names no fault"));
            let row = rows.get(&fault).expect("a fault of the checklist");
            let full = format!("{module}::{name}");
            assert!(
                row.tests.contains(&full),
                "{full} is not in the row of T{fault:02}"
            );
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}
