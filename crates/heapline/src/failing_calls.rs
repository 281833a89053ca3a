//! System calls of the recorder and its unwinder that fail when a test wants it, behind the feature
//! `test-switches`.
//!
//! | variable | |
//! |---|---|
//! | `HEAPLINE_FAIL=NUMBER,ERRNO` | the recorder's system call of this number fails so, counted from 1 |
//! | `HEAPLINE_FAIL=NUMBER,ERRNO,on` | it and all behind it do |

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use heapline_unwind::kernel;

use crate::environment;

/// Which system call fails, counted down to it; 0 from the failure on.
static CALLS_LEFT: AtomicU32 = AtomicU32::new(UNREAD);
/// In place of a count: the environment has not been asked, is being asked, has said no.
const UNREAD: u32 = u32::MAX;
const READING: u32 = u32::MAX - 1;
const NEVER: u32 = u32::MAX - 2;
static FAILS_WITH: AtomicI32 = AtomicI32::new(0);
static FAILS_ON: AtomicBool = AtomicBool::new(false);

/// Has all system calls ask [`failure`].
pub(crate) fn install() {
    if kernel::FAILURE.get().is_none() {
        install_now();
    }
}

#[cold]
fn install_now() {
    kernel::FAILURE.get_or_init(|| failure);
}

/// The number of the error that the system call which is about to be made fails with, if
/// it is to.
fn failure() -> Option<i32> {
    if CALLS_LEFT.load(Ordering::Relaxed) == NEVER {
        return None;
    }
    counted_down()
}

#[cold]
fn counted_down() -> Option<i32> {
    if CALLS_LEFT.load(Ordering::Relaxed) == UNREAD {
        read();
    }
    let count_down = |left: u32| (left < NEVER && left > 0).then(|| left - 1);
    let counted = CALLS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down);
    let fails = match counted {
        Ok(left) => left == 1,
        Err(left) => left == 0 && FAILS_ON.load(Ordering::Relaxed),
    };
    fails.then(|| FAILS_WITH.load(Ordering::Relaxed))
}

#[cold]
fn read() {
    CALLS_LEFT.store(READING, Ordering::Relaxed);
    let calls = environment::with_test_variable(b"HEAPLINE_FAIL", |value| {
        let mut words = core::str::from_utf8(value?).ok()?.split(',');
        let calls: u32 = words.next()?.parse().ok()?;
        FAILS_WITH.store(words.next()?.parse().ok()?, Ordering::Relaxed);
        FAILS_ON.store(words.next().is_some(), Ordering::Relaxed);
        Some(calls)
    });
    CALLS_LEFT.store(calls.unwrap_or(NEVER), Ordering::Relaxed);
}
