//! Recorded stacks against the `backtrace` crate's, frame by frame, in four builds.

use std::collections::HashMap;

use crate::support::{Build, program, record, stacked_allocations};
use heapline_trace::{FrameAddress, NodeId};

fn check(build: Build) {
    let run = record(&program("stacks", build), &[]);
    assert!(run.output.status.success(), "{}", run.stderr());
    let recorded: HashMap<u64, _> = stacked_allocations(&run.trace())
        .into_iter()
        .map(|stacked| (stacked.bytes, stacked))
        .collect();
    let mut compared = 0;
    for line in run.stdout().lines() {
        let mut words = line.split(' ');
        let bytes: u64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .expect("bytes come first");
        let mut expected: Vec<u64> = words
            .map(|word| u64::from_str_radix(word, 16).expect("an address"))
            .collect();
        // libgcc ends a stack with a null address.
        expected.retain(|&address| address != 0);
        let stacked = &recorded[&bytes];
        assert_eq!(
            stacked.root,
            NodeId::COMPLETE,
            "{build:?}: block of {bytes} bytes was cut"
        );
        let frames: Vec<u64> = stacked
            .frames
            .iter()
            .map(|frame| match frame {
                FrameAddress::Return(address) | FrameAddress::Exact(address) => *address,
                FrameAddress::Omitted => panic!("no stack is that deep"),
            })
            .collect();
        compare(build, bytes, &frames, &expected);
        compared += 1;
    }
    assert!(compared > 40, "{compared} stacks compared");
}

/// Both walks pass `probe`, each at an instruction of its own, with what they called
/// there further in. From its caller outwards all must be equal.
fn compare(build: Build, bytes: u64, frames: &[u64], expected: &[u64]) {
    let common = frames
        .iter()
        .rev()
        .zip(expected.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let inside = frames.len() - common;
    // In the caller's own frame: `probe`, and at opt-level 0 `alloc::alloc` and the
    // allocator's methods below it.
    let allowed = if build == Build::Debug { 5 } else { 1 };
    assert!(
        (1..=allowed).contains(&inside),
        "{build:?}, block of {bytes} bytes: {inside} innermost frames differ\nrecorded {frames:x?}\nexpected {expected:x?}"
    );
}

#[test]
fn stacks_of_a_release_build_are_exact() {
    check(Build::Release);
}

#[test]
fn stacks_with_frame_pointers_are_exact() {
    check(Build::FramePointers);
}

#[test]
fn stacks_without_optimisation_are_exact() {
    check(Build::Debug);
}

#[test]
fn stacks_of_fat_lto_and_abort_are_exact() {
    check(Build::FatLto);
}
