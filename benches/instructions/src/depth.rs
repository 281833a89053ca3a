//! A stack of so many calls of three functions whose frames differ in size.

use std::hint::black_box;

/// Calls `innermost` from the last of so many calls.
pub(crate) fn run(calls: u32, innermost: &mut dyn FnMut()) {
    small_frame(calls, innermost);
}

// Each function does something after its call, so that none is folded into another.

#[inline(never)]
fn small_frame(calls: u32, innermost: &mut dyn FnMut()) -> u32 {
    match calls {
        0 | 1 => innermost(),
        _ => _ = black_box(middle_frame(calls - 1, innermost)),
    }
    calls
}

#[inline(never)]
fn middle_frame(calls: u32, innermost: &mut dyn FnMut()) -> u32 {
    let locals = black_box([calls; 12]);
    match calls {
        0 | 1 => innermost(),
        _ => _ = black_box(large_frame(calls - 1, innermost)),
    }
    locals[7]
}

#[inline(never)]
fn large_frame(calls: u32, innermost: &mut dyn FnMut()) -> u32 {
    let locals = black_box([calls; 50]);
    match calls {
        0 | 1 => innermost(),
        _ => _ = black_box(small_frame(calls - 1, innermost)),
    }
    locals[31]
}
