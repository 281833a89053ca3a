//! Every stack of whole programs walked twice, with the memo and without: they are the
//! same, capture by capture.

use std::collections::HashMap;

use heapline_trace::{FrameAddress, Record};

use crate::support::{Build, Run, program, record_with, stacked_allocations};

const COMPARE: (&str, &str) = ("HEAPLINE_VERIFY_STACKS", "compare");
const WITHOUT_MEMO: (&str, &str) = ("HEAPLINE_VERIFY_STACKS", "off");

/// Workloads of the program `captures`, and how often to do each for some 200,000 captures.
const WORKLOADS: [(&str, u64); 7] = [
    ("calls", 150),
    ("panics", 2_000),
    ("threads", 40),
    ("callbacks", 200),
    ("signals", 3_000),
    ("stacks", 30_000),
    ("libraries", 60),
];

fn is_soak() -> bool {
    std::env::var_os("HEAPLINE_SOAK").is_some()
}

/// Runs a program with its stacks compared; how many were.
fn compared(name: &str, build: Build, arguments: &[&str]) -> u64 {
    let run = record_with(&program(name, build), arguments, &[COMPARE]);
    assert!(run.output.status.success(), "{name}: {}", run.stderr());
    let trace = run.trace();
    let header = trace.header();
    assert_eq!(
        header.mismatched_stacks, 0,
        "{build:?} {name} {arguments:?}: of {} stacks",
        header.verified_stacks
    );
    let captures = captures(&run);
    // One that ended while the modules changed is not repeated.
    assert!(
        header.verified_stacks <= captures && captures <= header.verified_stacks + captures / 1_000,
        "{build:?} {name} {arguments:?}: {} of {captures} stacks compared",
        header.verified_stacks
    );
    std::fs::remove_dir_all(&run.folder).expect("ours");
    header.verified_stacks
}

/// Events that have a stack.
fn captures(run: &Run) -> u64 {
    let trace = run.trace();
    let records = trace
        .streams()
        .iter()
        .flat_map(|stream| trace.records(stream));
    let has_stack =
        |record: &Record| matches!(record, Record::Alloc { .. } | Record::Realloc { .. });
    records
        .map(|record| record.expect("no damage"))
        .filter(has_stack)
        .count() as u64
}

fn captures_in(build: Build, divisor: u64) -> u64 {
    let workloads = WORKLOADS
        .iter()
        .filter(|(name, _)| !(build == Build::FatLto && *name == "panics"));
    let run = |&(name, times): &(&str, u64)| {
        let times = (times / divisor).to_string();
        compared("captures", build, &[name, &times])
    };
    workloads.map(run).sum()
}

#[test]
fn a_million_stacks_are_the_same_with_the_memo_and_without() {
    let rounds = if is_soak() { 10 } else { 1 };
    let total: u64 = (0..rounds).map(|_| captures_in(Build::Release, 1)).sum();
    assert!(total >= rounds * 1_000_000, "{total} captures");
}

#[test]
fn so_they_are_in_other_builds() {
    for build in [Build::FramePointers, Build::Debug, Build::FatLto] {
        let divisor = if is_soak() { 1 } else { 20 };
        let total = captures_in(build, divisor);
        assert!(total * divisor >= 800_000, "{build:?}: {total} captures");
    }
}

#[test]
fn so_they_are_in_programs_with_an_oracle_of_their_own() {
    for build in [
        Build::Release,
        Build::FramePointers,
        Build::Debug,
        Build::FatLto,
    ] {
        assert!(compared("stacks", build, &[]) > 150);
    }
    for (mode, least) in [("single", 8_000), ("threads", 20_000), ("aligned", 200)] {
        let captures = compared("totals", Build::Release, &[mode]);
        assert!(captures > least, "{mode}: {captures}");
    }
}

/// The stacks of the program `stacks`, by the bytes that stand for its probes.
fn stacks(run: &Run) -> HashMap<u64, usize> {
    let allocations = stacked_allocations(&run.trace()).into_iter();
    let probes = allocations.filter(|stacked| stacked.bytes > 1_000_000);
    let frames = |frames: &[FrameAddress]| frames.len();
    probes
        .map(|stacked| (stacked.bytes, frames(&stacked.frames)))
        .collect()
}

#[test]
fn without_the_memo_stacks_are_as_deep() {
    let program = program("stacks", Build::Release);
    let run = |variables: &[(&str, &str)]| record_with(&program, &[], variables);
    let (with, without) = (run(&[]), run(&[WITHOUT_MEMO]));
    assert_eq!(stacks(&with), stacks(&without));
    assert!(stacks(&with).len() > 40);
    for run in [with, without] {
        assert_eq!(run.trace().header().verified_stacks, 0);
    }
}
