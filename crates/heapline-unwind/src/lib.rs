//! The call stack of the current thread as return addresses: exact, fast, and
//! without frame pointers.
//!
//! Made for a heap profiler's hook. While a capture runs it does not allocate,
//! lock, panic, or call the C library or the loader, and leaves `errno` alone.
//!
//! # How
//!
//! 1. [`Registers`] of the frame to start with: the caller's, handed over by the
//!    hook, or [`Registers::current`].
//! 2. *Rules*: how to leave a frame, eight bytes for each return address, found
//!    in the module's unwind tables (`.eh_frame`) once and then kept. One step
//!    is one look-up and one or two loads.
//! 3. *The memo*: what the last walk went through. A walk that meets a
//!    remembered frame compares the words that were read further out, instead
//!    of stepping there. `memo.rs` has the proof that this is exact, and the
//!    conditions.
//! 4. Frames become nodes of a tree, from the outermost inwards; the capture's
//!    result is the innermost node's number. A remembered frame has its node
//!    already. New nodes are told to the caller's [`StackLog`].
//!
//! Modules and the bounds of the stack come from the kernel's own list of
//! mappings, read by system call.
//!
//! # What the caller owes
//!
//! - One [`Unwinder`] for each thread. It may be handed to another thread after
//!   [`Unwinder::forget_stack`].
//! - A [`StackLog`] and [`Pages`] that neither allocate nor lock.
//! - Registers of a frame that is still on the stack.
//!
//! # What it promises
//!
//! Frames that are given are right. A stack whose end was not reached says so
//! and why, by [`StackEnd::Cut`] at its root. Other stacks (coroutines, signal
//! handlers on their own stack) are walked to their end, and further if they
//! lead back to the stack the thread was started on.
//!
//! One case is left open: a library that is unloaded and another one loaded at
//! its place between two looks at the list, at a return address whose rule is
//! kept, is walked by the old rule.
//!
//! # What it costs
//!
//! | for each | |
//! |---|---|
//! | frame that is stepped | a look-up in the rule table, one or two loads, and its node |
//! | remembered frame | one or two loads, compared |
//! | new return address | a binary search in the module's tables |
//! | first use of a module, unknown address, other stack | a read of the list of mappings |
//!
//! Measured on a 2-core x86-64 virtual machine, for an allocation with its
//! deallocation in a loop, heapline's time stamps and records included (the bare
//! pair takes 10 ns):
//!
//! | frames | added | with frame pointers |
//! |---|---|---|
//! | 13 | 45 ns | 55 ns |
//! | 30 | 50 ns | 62 ns |
//! | 70 | 63 ns | 87 ns |
//! | 200 | 111 ns | 168 ns |
//!
//! Frame pointers make it dearer: each saved one is a word more to compare. There is
//! no walk of its own for such code, since rules tell for every address whether bp is
//! a frame pointer there, and following a rule costs less than what is saved.
//!
//! In programs that parse (JSON, Rust sources) a capture steps two to three frames
//! and compares some twenty words.
//!
//! On targets other than 64-bit x86 Linux, [`Unwinder`] has the same interface
//! and asks the `backtrace` crate ([`MODE`]).

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

// The interface.
mod registers;

mod counters;
mod mode;
mod pages;
mod stack_log;

// A walk, from the top down.
mod capture;
mod walk;

mod branches;
mod depth_limit;
mod memo;
mod node_tree;
mod read_list;

// Rules.
mod code;
mod rule;
mod rule_table;

mod cfi;
mod expression;

// What is mapped.
mod elf;
mod maps;
mod module_map;
mod stack_bounds;
mod stack_memory;

mod records;

#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_pointer_width = "64"
))]
#[doc(hidden)]
pub mod kernel;
#[cfg(not(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
)))]
#[path = "no_sys.rs"]
mod sys;
#[cfg(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
))]
mod sys;

// Where there are no rules.
mod fallback;

// So that the tests' common files also serve the tests inside.
#[cfg(test)]
extern crate self as heapline_unwind;
#[cfg(test)]
mod tests;

pub use capture::Unwinder;
pub use counters::Counters;
pub use mode::{MODE, Memo, Mode};
pub use pages::Pages;
pub use registers::Registers;
pub use stack_log::{CutReason, FIRST_NODE, FrameAddress, LOST_NODE, Module, StackEnd, StackLog};
