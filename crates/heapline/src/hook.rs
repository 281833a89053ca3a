//! The four events of the allocator, on their way into the calling thread's recorder.
//!
//! Order within each: enter (nothing of ours re-enters) → stamp → stack → record.
//! No lock is held at any point, and nothing here allocates through ourselves,
//! panics, or calls the loader.
#![allow(unsafe_code)]

use heapline_trace::HeaderField;
use heapline_unwind::Registers;

use crate::sink::{self, Failure};
use crate::thread_state::{Counters, Entered, enter, enter_instead};
use crate::{deciding, state};

/// The registers of the function that called the allocator, as the shim left them.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Caller(*const [u64; 2]);

impl Caller {
    /// For targets without a shim.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) const fn unknown() -> Self {
        Caller(core::ptr::null())
    }

    /// The caller's state right behind its call.
    #[inline]
    fn registers(self) -> Registers {
        if self.0.is_null() {
            return Registers::current();
        }
        // SAFETY: the shim's frame, which is still on the stack: frame pointer, then
        // return address.
        let [bp, ip] = unsafe { *self.0 };
        Registers {
            ip,
            sp: self.0 as u64 + 16,
            bp,
        }
    }
}

/// The current recording, decided upon at the process's first allocation.
#[inline]
fn current(always: bool) -> Option<u32> {
    match state::load() {
        state::IDLE => None,
        state::UNDECIDED | state::STARTING => deciding::decide(always),
        recording => Some(recording),
    }
}

/// Enters the current recording.
#[inline]
fn enter_current(always: bool) -> Option<Entered> {
    let recording = current(always)?;
    enter(recording).or_else(|| enter_instead(recording))
}

/// A block was allocated, or refused.
#[inline]
pub(crate) fn allocated(always: bool, block: *mut u8, bytes: usize, caller: Caller, zeroed: bool) {
    let Some(mut entered) = enter_current(always) else {
        return;
    };
    if block.is_null() {
        sink::count(HeaderField::FailedAllocations);
        return;
    }
    let recorder = entered.recorder();
    let stamp = recorder.stamp(state::threaded());
    let done = recorder
        .capture(caller.registers())
        .and_then(|node| recorder.alloc(stamp, block as u64, bytes as u64, node, zeroed));
    let counters = entered.counters();
    Counters::add(&counters.allocations, 1);
    Counters::add(&counters.allocated_bytes, bytes as u64);
    leave(entered, done);
}

/// A block is about to be freed.
#[inline]
pub(crate) fn deallocating(always: bool, block: *mut u8, bytes: usize) {
    let Some(mut entered) = enter_current(always) else {
        return;
    };
    let recorder = entered.recorder();
    let stamp = recorder.stamp(state::threaded());
    let done = recorder.dealloc(stamp, block as u64);
    let counters = entered.counters();
    Counters::add(&counters.deallocations, 1);
    Counters::add(&counters.deallocated_bytes, bytes as u64);
    leave(entered, done);
}

/// When a reallocation began, if it is to be recorded.
pub(crate) struct ReallocStart {
    recording: u32,
    stamp: u64,
}

/// A block is about to be reallocated.
#[inline]
pub(crate) fn reallocating(always: bool) -> Option<ReallocStart> {
    let mut entered = enter_current(always)?;
    let stamp = entered.recorder().stamp(state::threaded());
    let recording = entered.recording();
    Some(ReallocStart { recording, stamp })
}

/// A block was reallocated, or that was refused: then nothing happened to the old one.
#[inline]
pub(crate) fn reallocated(
    start: Option<ReallocStart>,
    (old, new): (*mut u8, *mut u8),
    (old_bytes, new_bytes): (usize, usize),
    caller: Caller,
) {
    let Some(start) = start else { return };
    let Some(mut entered) = enter(start.recording) else {
        return;
    };
    if new.is_null() {
        sink::count(HeaderField::FailedAllocations);
        return;
    }
    let recorder = entered.recorder();
    let stamp = recorder.stamp(state::threaded());
    let done = recorder.capture(caller.registers()).and_then(|node| {
        recorder.realloc(
            (start.stamp, stamp),
            (old as u64, new as u64),
            new_bytes as u64,
            node,
        )
    });
    let counters = entered.counters();
    Counters::add(&counters.reallocations, 1);
    Counters::add(&counters.reallocated_bytes, new_bytes as u64);
    Counters::add(&counters.replaced_bytes, old_bytes as u64);
    leave(entered, done);
}

/// Ends the recording if the trace failed.
#[inline]
fn leave(entered: Entered, done: Result<(), Failure>) {
    if let Err(failure) = done {
        entered.fail(failure);
    }
    drop(entered);
}
