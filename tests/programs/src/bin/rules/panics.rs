//! Panics on whose way down memory is asked for and given back.

use std::hint::black_box;
use std::panic::{catch_unwind, panic_any, set_hook};

/// Asks for memory when it is dropped, as a panic takes the stack down.
struct Grows(Vec<u64>);

impl Drop for Grows {
    fn drop(&mut self) {
        let text = black_box(format!("{:?}", self.0));
        self.0.extend(text.bytes().map(u64::from));
    }
}

#[inline(never)]
fn fall(depth: u64, number: u64) -> u64 {
    let grows = Grows(vec![depth; 4]);
    if depth == 0 {
        panic_any(number);
    }
    fall(depth - 1, number) + black_box(&grows).0.len() as u64
}

/// Panics that are caught, with a hook that asks for memory.
pub(crate) fn panics(times: u64) {
    set_hook(Box::new(|information| {
        black_box(format!("{:?}", information.location()));
    }));
    for number in 0..times {
        let caught = catch_unwind(|| fall(number % 7, number));
        let thrown = caught.expect_err("it panics");
        assert_eq!(thrown.downcast_ref(), Some(&number));
    }
}
