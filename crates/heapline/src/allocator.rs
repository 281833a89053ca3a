//! The global allocator: four methods, forwarded unchanged, recorded on the way.
//!
//! Each method that makes a block goes through a naked function that does nothing
//! but hand the caller's registers on: the walk of the stack then starts in the
//! caller, without our own frames.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use std::alloc::System;

use crate::hook::{self, Caller};
use crate::{measure, state};

/// A global allocator that records every allocation with its call stack.
///
/// ```
/// #[global_allocator]
/// static ALLOC: heapline::Heapline = heapline::Heapline::system();
/// # fn main() {}
/// ```
///
/// It is idle until `HEAPLINE=on` stands in the environment, `cargo heapline run`
/// starts the program, or [`crate::start`] is called; an idle call costs one
/// relaxed load more than the inner allocator's.
#[derive(Debug)]
pub struct Heapline<A = System> {
    inner: A,
    always: bool,
}

impl Heapline<System> {
    /// Records the system's allocator.
    #[must_use]
    pub const fn system() -> Self {
        Heapline::wrapping(System)
    }
}

impl<A> Heapline<A> {
    /// Records another allocator. Blocks get no header and no padding: the inner
    /// allocator sees the same calls in the same order as without heapline.
    #[must_use]
    pub const fn wrapping(inner: A) -> Self {
        Heapline {
            inner,
            always: false,
        }
    }

    /// Records every run from the first allocation on, unless `HEAPLINE=off`.
    #[must_use]
    pub const fn always(mut self) -> Self {
        self.always = true;
        self
    }
}

// SAFETY: every call goes to the inner allocator with the caller's arguments and
// returns its answer; recording neither touches the blocks nor unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heapline<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if state::PHASE.is_idle() {
            // SAFETY: the caller's promises are passed on.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: as above.
        unsafe { shim::alloc(self, layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if state::PHASE.is_idle() {
            // SAFETY: the caller's promises are passed on.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        unsafe { shim::alloc_zeroed(self, layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !state::PHASE.is_idle() {
            measure::deallocating(layout.size());
            hook::deallocating(self.always, block, layout.size());
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if state::PHASE.is_idle() {
            // SAFETY: the caller's promises are passed on.
            return unsafe { self.inner.realloc(block, layout, new_size) };
        }
        // SAFETY: as above.
        unsafe { shim::realloc(self, block, layout.size(), layout.align(), new_size) }
    }
}

/// # Safety
/// As [`GlobalAlloc::alloc`]; size and align make a valid layout.
unsafe extern "C" fn recorded_alloc<A: GlobalAlloc>(
    heapline: &Heapline<A>,
    size: usize,
    align: usize,
    caller: Caller,
) -> *mut u8 {
    // SAFETY: both numbers come from a `Layout`.
    let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
    // SAFETY: the caller's promise.
    let block = unsafe { heapline.inner.alloc(layout) };
    measure::allocated(block, size);
    hook::allocated(heapline.always, block, size, caller, false);
    block
}

/// # Safety
/// As [`GlobalAlloc::alloc_zeroed`]; size and align make a valid layout.
unsafe extern "C" fn recorded_alloc_zeroed<A: GlobalAlloc>(
    heapline: &Heapline<A>,
    size: usize,
    align: usize,
    caller: Caller,
) -> *mut u8 {
    // SAFETY: both numbers come from a `Layout`.
    let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
    // SAFETY: the caller's promise.
    let block = unsafe { heapline.inner.alloc_zeroed(layout) };
    measure::allocated(block, size);
    hook::allocated(heapline.always, block, size, caller, true);
    block
}

/// # Safety
/// As [`GlobalAlloc::realloc`]; size and align make a valid layout.
unsafe extern "C" fn recorded_realloc<A: GlobalAlloc>(
    heapline: &Heapline<A>,
    block: *mut u8,
    size: usize,
    align: usize,
    new_size: usize,
    caller: Caller,
) -> *mut u8 {
    // SAFETY: both numbers come from a `Layout`.
    let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
    let start = hook::reallocating(heapline.always);
    // SAFETY: the caller's promise.
    let moved = unsafe { heapline.inner.realloc(block, layout, new_size) };
    measure::reallocated(moved, (size, new_size));
    hook::reallocated(start, (block, moved), (size, new_size), caller);
    moved
}

/// Hands the caller's registers on as a [`Caller`]: the stack pointer at entry, below
/// which the frame pointer is pushed.
#[cfg(target_arch = "x86_64")]
mod shim {
    use super::{Heapline, recorded_alloc, recorded_alloc_zeroed, recorded_realloc};
    use core::alloc::GlobalAlloc;
    use core::arch::naked_asm;

    // The stack at the call below: [rsp] = rbp of the caller, [rsp + 8] = return address
    // into it. Its address goes into the argument register behind the method's own.
    macro_rules! shim {
        ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $target:ident, $register:literal) => {
            $(#[$doc])*
            #[unsafe(naked)]
            pub(super) unsafe extern "sysv64" fn $name<A: GlobalAlloc>(
                heapline: &Heapline<A>,
                $($argument: $type),*
            ) -> *mut u8 {
                naked_asm!(
                    ".cfi_startproc",
                    "push rbp",
                    ".cfi_adjust_cfa_offset 8",
                    ".cfi_rel_offset rbp, 0",
                    concat!("mov ", $register, ", rsp"),
                    "call {target}",
                    "pop rbp",
                    ".cfi_adjust_cfa_offset -8",
                    ".cfi_restore rbp",
                    "ret",
                    ".cfi_endproc",
                    target = sym $target::<A>,
                )
            }
        };
    }

    shim!(
        /// # Safety
        /// As [`GlobalAlloc::alloc`].
        alloc(size: usize, align: usize) -> recorded_alloc, "rcx"
    );
    shim!(
        /// # Safety
        /// As [`GlobalAlloc::alloc_zeroed`].
        alloc_zeroed(size: usize, align: usize) -> recorded_alloc_zeroed, "rcx"
    );
    shim!(
        /// # Safety
        /// As [`GlobalAlloc::realloc`].
        realloc(block: *mut u8, size: usize, align: usize, new_size: usize) -> recorded_realloc, "r9"
    );
}

/// Where no shim is written the walk starts here, and reports fold our frames.
#[cfg(not(target_arch = "x86_64"))]
mod shim {
    use super::{Caller, Heapline, recorded_alloc, recorded_alloc_zeroed, recorded_realloc};
    use core::alloc::GlobalAlloc;

    pub(super) unsafe fn alloc<A: GlobalAlloc>(
        heapline: &Heapline<A>,
        size: usize,
        align: usize,
    ) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { recorded_alloc(heapline, size, align, Caller::unknown()) }
    }

    pub(super) unsafe fn alloc_zeroed<A: GlobalAlloc>(
        heapline: &Heapline<A>,
        size: usize,
        align: usize,
    ) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { recorded_alloc_zeroed(heapline, size, align, Caller::unknown()) }
    }

    pub(super) unsafe fn realloc<A: GlobalAlloc>(
        heapline: &Heapline<A>,
        block: *mut u8,
        size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { recorded_realloc(heapline, block, size, align, new_size, Caller::unknown()) }
    }
}
