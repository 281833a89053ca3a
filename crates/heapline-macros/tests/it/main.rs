//! What `#[profile]` makes of a function, checked against a runtime that writes
//! down the calls it gets (`private.rs`).
//!
//! This crate calls itself `heapline`, so that the expansion finds its runtime
//! here. Lints are strict: the expansion must not cause any.

#![deny(warnings, clippy::pedantic)]
// What the tests try out is not always how one would write it.
#![allow(
    clippy::let_and_return,
    clippy::match_bool,
    clippy::needless_late_init,
    clippy::never_loop,
    clippy::semicolon_if_nothing_returned,
    clippy::single_match,
    clippy::type_complexity
)]

extern crate self as heapline;

#[path = "private.rs"]
pub mod __private;

mod blocks;
mod branches;
mod closures;
mod conditional;
mod drops;
mod expressions;
mod leaving;
mod loops;
mod signatures;
mod straight;

pub use heapline_macros::profile;

use __private::{note, take_log};

/// Runs `program` and compares the calls it made with `expected`.
///
/// Lines count from the attribute, which is line 0:
/// `(` the function is entered, `[5` a closure is entered whose body begins on
/// line 5, `)` either is left, `5` line 5 begins, `~5` line 5 goes on. Words are
/// notes of the program itself.
#[track_caller]
fn check<T>(program: impl FnOnce() -> T, expected: &str) -> T {
    let _ = take_log();
    let result = program();
    assert_eq!(take_log(), expected);
    result
}

/// A value whose end is noted.
struct Local(&'static str);

impl Drop for Local {
    fn drop(&mut self) {
        note(self.0);
    }
}
