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

use core::sync::atomic::{AtomicU32, Ordering};

use heapline_unwind::Memo;

use crate::environment;

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
