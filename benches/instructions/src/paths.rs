//! 4,096 stacks: 12 calls, each to one of two functions.

use std::hint::black_box;

use crate::{EVENTS, Random};

const CALLS: u32 = 12;

/// Calls `event` at the end of every path, in random order, again and again.
pub(crate) fn run(event: &mut dyn FnMut()) {
    let paths = shuffled();
    for path in paths.iter().cycle().take(EVENTS as usize) {
        call(*path, CALLS, event);
    }
}

/// All paths; an array, so that nothing is allocated that would be counted.
fn shuffled() -> [u32; 1 << CALLS] {
    let mut paths = std::array::from_fn(|path| path as u32);
    let mut random = Random::new(0);
    for last in (1..paths.len()).rev() {
        paths.swap(last, random.below(last as u64 + 1) as usize);
    }
    paths
}

/// The lowest bit of `path` says which function is called.
#[inline(always)]
fn call(path: u32, calls: u32, event: &mut dyn FnMut()) {
    if path & 1 == 0 {
        left(path >> 1, calls - 1, event);
    } else {
        right(path >> 1, calls - 1, event);
    }
}

#[inline(never)]
fn left(path: u32, calls: u32, event: &mut dyn FnMut()) {
    match calls {
        0 => event(),
        _ => call(path, calls, event),
    }
    // Keeps the call from becoming a jump.
    black_box(path);
}

#[inline(never)]
fn right(path: u32, calls: u32, event: &mut dyn FnMut()) {
    let locals = black_box([path; 8]);
    match calls {
        0 => event(),
        _ => call(path, calls, event),
    }
    black_box(locals);
}
