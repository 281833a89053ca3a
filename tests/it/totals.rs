//! Every total of `heapline summary` against the counting allocator below heapline.

use crate::support::{Build, program, record};
use crate::totals_oracle::{oracle, totals_are_the_oracles};

fn check(mode: &str, build: Build, single: bool) {
    let run = record(&program("totals", build), &[mode]);
    assert_eq!(run.stderr(), "", "nothing of ours on stderr with `quiet`");
    let summary = totals_are_the_oracles(mode, &run);
    if single {
        assert_eq!(
            summary["peak_bytes"],
            oracle(&run)["peak_bytes"],
            "{mode}: peak"
        );
    }
}

#[test]
fn one_thread() {
    check("single", Build::Release, true);
    check("single", Build::Debug, true);
}

#[test]
fn several_threads() {
    for _ in 0..3 {
        check("threads", Build::Release, false);
    }
}

#[test]
fn refused_allocations() {
    check("failing", Build::Release, true);
    let run = record(&program("totals", Build::Release), &["failing"]);
    assert!(oracle(&run)["failed_allocations"] >= 3);
}

#[test]
fn large_alignments() {
    check("aligned", Build::Release, true);
}
