//! Unsafe functions and blocks. The marks inside them are safe calls.

#![deny(warnings)]

extern crate self as heapline;

#[path = "../it/private.rs"]
pub mod __private;

use __private::take_log;

/// # Safety
///
/// `pointer` points to a number.
#[heapline_macros::profile]
unsafe fn read(pointer: *const u32) -> u32 {
    let number = unsafe {
        let number = *pointer;
        number
    };
    number
}

fn main() {
    let number = 7;
    assert_eq!(unsafe { read(&raw const number) }, 7);
    assert_eq!(take_log(), "( 2 3 4 5 ~2 6 7 )");
}
