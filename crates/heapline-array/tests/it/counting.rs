//! An allocator that counts the bytes of the calling thread, as the tests' truth of what
//! an operation allocates.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a recording hears of is what was counted. Miri cannot run the recorder.
#[cfg(not(miri))]
static INNER: heapline::Heapline = heapline::Heapline::system();
#[cfg(miri)]
static INNER: std::alloc::System = std::alloc::System;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

// SAFETY: every call is handed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller's.
        let block = unsafe { INNER.alloc(layout) };
        if !block.is_null() {
            count(layout.size() as isize);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller's.
        let block = unsafe { INNER.alloc_zeroed(layout) };
        if !block.is_null() {
            count(layout.size() as isize);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller's.
        unsafe { INNER.dealloc(block, layout) };
        count(-(layout.size() as isize));
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as the caller's.
        let new = unsafe { INNER.realloc(block, layout, bytes) };
        if !new.is_null() {
            count(bytes as isize - layout.size() as isize);
        }
        new
    }
}

/// Bytes beyond those that lived before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// At the end.
    pub(crate) kept: isize,
    /// At most.
    pub(crate) peak: isize,
}

/// Runs something and counts what this thread allocates meanwhile.
pub(crate) fn measure<T>(run: impl FnOnce() -> T) -> (T, Usage) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = run();
    let usage = Usage {
        kept: LIVE.get() - before,
        peak: PEAK.get() - before,
    };
    (result, usage)
}

/// Bytes that ndarray keeps on the heap for shape and strides of dynamic dimension.
pub(crate) fn dims_nbytes(ndim: usize) -> isize {
    if ndim > 4 { 16 * ndim as isize } else { 0 }
}
