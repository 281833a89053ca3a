//! A bare loop: allocate a block of 64 bytes and free it, under so many frames of three
//! different functions.

use std::hint::black_box;

/// Allocations, each with its deallocation.
const PAIRS: u64 = 3_000_000;

const BLOCK_BYTES: usize = 64;

pub(super) fn run(depth: u32) -> u64 {
    small_frame(depth)
}

/// The frames have different sizes, and each does something after its call, so that
/// none of them is folded into another.
#[inline(never)]
fn small_frame(depth: u32) -> u64 {
    match depth.checked_sub(1) {
        Some(0) | None => work(),
        Some(rest) => black_box(middle_frame(rest)) + 1,
    }
}

#[inline(never)]
fn middle_frame(depth: u32) -> u64 {
    let locals = black_box([u64::from(depth); 6]);
    match depth.checked_sub(1) {
        Some(0) | None => work(),
        Some(rest) => black_box(large_frame(rest)) + locals[2] / locals[3],
    }
}

#[inline(never)]
fn large_frame(depth: u32) -> u64 {
    let locals = black_box([u64::from(depth); 25]);
    match depth.checked_sub(1) {
        Some(0) | None => work(),
        Some(rest) => black_box(small_frame(rest)) + locals[7] / locals[20],
    }
}

#[inline(never)]
fn work() -> u64 {
    let mut sum = 0;
    for pair in 0..PAIRS {
        let mut block: Vec<u8> = black_box(Vec::with_capacity(BLOCK_BYTES));
        block.push(pair as u8);
        sum += u64::from(block[0]);
    }
    sum
}
