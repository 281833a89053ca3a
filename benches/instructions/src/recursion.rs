//! A recursion over a binary tree that nobody keeps: nearly every event has a stack
//! of its own.

use std::hint::black_box;

use crate::{EVENTS, Random};

/// Calls `event` once for each node of a tree that depends on the seed.
pub(crate) fn run(seed: u64, event: &mut dyn FnMut()) {
    visit(u64::from(EVENTS), &mut Random::new(seed), event);
}

/// A tree of so many nodes. One side gets up to a quarter of them.
fn visit(nodes: u64, random: &mut Random, event: &mut dyn FnMut()) {
    if nodes == 0 {
        return;
    }
    event();
    let small = random.below(nodes.div_ceil(4));
    let large = nodes - 1 - small;
    let (left, right) = if random.number() & 1 == 0 {
        (small, large)
    } else {
        (large, small)
    };
    visit(left, random, event);
    visit(right, random, event);
    // Keeps the second call from becoming a jump.
    black_box(nodes);
}
