//! Environment variables of this repository's own tests, behind the feature
//! `test-switches`: stacks without the memo or compared with it, stamps without the
//! processor's counter or its order.
//!
//! | variable | |
//! |---|---|
//! | `HEAPLINE_VERIFY_STACKS=compare` | every stack is walked twice; the trace's header counts differences |
//! | `HEAPLINE_VERIFY_STACKS=off` | no memo: every frame is stepped |
//! | `HEAPLINE_CLOCK=monotonic` | stamps as on machines without a trustworthy counter |
//! | `HEAPLINE_CLOCK=plain` | stamps that no load holds back, for tests that must notice |
//! | `HEAPLINE_FAIL=NUMBER,ERRNO` | the recorder's system call of this number fails so, counted from 1 |
//! | `HEAPLINE_FAIL=NUMBER,ERRNO,on` | it and all behind it do |

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use heapline_unwind::Memo;

use crate::environment;
use crate::sys::Errno;

const UNREAD: u32 = 0;
const KNOWN: u32 = 1;
const COMPARE: u32 = 2;
const WITHOUT_MEMO: u32 = 4;
const WITHOUT_COUNTER: u32 = 8;
const PLAIN_STAMPS: u32 = 16;

/// What the environment said; threads that read it at the same time read the same.
static SWITCHES: AtomicU32 = AtomicU32::new(UNREAD);

#[inline]
fn switches() -> u32 {
    match SWITCHES.load(Ordering::Relaxed) {
        UNREAD => read(),
        known => known,
    }
}

#[cold]
fn read() -> u32 {
    let stacks = environment::with_test_variable(b"HEAPLINE_VERIFY_STACKS", |value| match value {
        Some(b"compare") => COMPARE,
        Some(b"off") => WITHOUT_MEMO,
        _ => 0,
    });
    let clock = environment::with_test_variable(b"HEAPLINE_CLOCK", |value| match value {
        Some(b"monotonic") => WITHOUT_COUNTER,
        Some(b"plain") => PLAIN_STAMPS,
        _ => 0,
    });
    let read = KNOWN | stacks | clock;
    SWITCHES.store(read, Ordering::Relaxed);
    read
}

/// Which system call fails, counted down to it; `UNREAD` and `READING` at first, 0 from
/// the failure on.
static CALLS_LEFT: AtomicU32 = AtomicU32::new(UNREAD_CALLS);
const UNREAD_CALLS: u32 = u32::MAX;
const READING: u32 = u32::MAX - 1;
const NEVER: u32 = u32::MAX - 2;
static FAILS_WITH: AtomicI32 = AtomicI32::new(0);
static FAILS_ON: AtomicBool = AtomicBool::new(false);

/// What the system call that is about to be made fails with, if it is to.
pub(crate) fn failure() -> Option<Errno> {
    if CALLS_LEFT.load(Ordering::Relaxed) == UNREAD_CALLS {
        read_failure();
    }
    let count_down = |left: u32| (left < NEVER && left > 0).then(|| left - 1);
    let counted = CALLS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down);
    let fails = match counted {
        Ok(left) => left == 1,
        Err(left) => left == 0 && FAILS_ON.load(Ordering::Relaxed),
    };
    fails.then(|| Errno(FAILS_WITH.load(Ordering::Relaxed)))
}

#[cold]
fn read_failure() {
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

/// How recorders are to use their memo.
pub(crate) fn memo() -> Memo {
    match switches() & (COMPARE | WITHOUT_MEMO) {
        COMPARE => Memo::Verify,
        WITHOUT_MEMO => Memo::Off,
        _ => Memo::On,
    }
}

/// Whether the processor's counter is to be left alone.
pub(crate) fn without_counter() -> bool {
    switches() & WITHOUT_COUNTER != 0
}

/// Whether stamps are to be as early as the processor likes.
#[inline]
pub(crate) fn stamps_are_plain() -> bool {
    switches() & PLAIN_STAMPS != 0
}
