//! Which frames nobody wants to see: plumbing by name, and runs by where they stand.
//!
//! Two rules, neither of which depends on the order in which stacks are met:
//!
//! 1. *Plumbing* is hidden wherever it stands: the tables below. It is the flag
//!    [`Frame::folded`].
//! 2. [`fold_stack`] looks at a whole stack. Towards the leaf, a run of standard library
//!    frames is one call of the user's: only its outermost frame stays (`Vec::push`, not
//!    what grows the buffer inside). Towards the root, everything that merely got the
//!    user's first function called goes away. In the middle all stays: a closure inside
//!    `Iterator::map` inside `sort_by` is how the user's code works.

use super::demangle::crate_of;
use super::frame::{Frame, Origin};

/// Who hands out memory. Names begin with these.
const ALLOCATOR_PREFIXES: [&str; 14] = [
    "__rust_alloc",
    "__rust_dealloc",
    "__rust_realloc",
    "__rust_no_alloc",
    "__rg_",
    "__rdl_",
    "__rustc::__rust_",
    "__rustc::__rg_",
    "__rustc::__rdl_",
    "std::alloc::",
    "<std::alloc::System as",
    "std::sys::alloc::",
    "core::alloc::global::GlobalAlloc::",
    "<alloc::alloc::Global",
];

/// What containers do to get memory. Names begin with these.
const CONTAINER_PREFIXES: [&str; 5] = [
    "alloc::alloc::",
    "alloc::raw_vec::",
    "<alloc::raw_vec::",
    "core::alloc::Allocator::",
    "alloc::boxed::box_new_uninit",
];

/// Implementations of the allocator traits. Names hold these.
const ALLOCATOR_IMPLEMENTATIONS: [&str; 3] = [
    " as core::alloc::global::GlobalAlloc>::",
    " as core::alloc::Allocator>::",
    " as alloc::alloc::GlobalAlloc>::",
];

/// What the compiler puts around calls and drops. Names begin with these.
const GLUE_PREFIXES: [&str; 6] = [
    "core::ops::function::",
    "core::ptr::drop_in_place",
    "core::ptr::drop_glue",
    "__rust_try",
    "std::panicking::catch_unwind",
    "std::panicking::try",
];

/// What starts programs and threads. Names begin with these.
const START_PREFIXES: [&str; 9] = [
    "std::rt::",
    "std::sys::backtrace::__rust_begin_short_backtrace",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
    "test::__rust_begin_short_backtrace",
    "__libc_start_",
    "__GI___clone",
    "std::thread::lifecycle::spawn_unchecked",
    "std::thread::Builder::spawn_unchecked",
    "<std::thread::builder::Builder>::spawn_unchecked",
];

/// The same, whole names: the C library's.
const START_NAMES: [&str; 7] = [
    "_start",
    "start_thread",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "_dl_start_user",
];

/// The recorder's crates.
const RECORDER_CRATES: [&str; 3] = ["heapline", "heapline_unwind", "heapline_trace"];

/// Libraries whose frames at the root of a stack only start threads.
const C_LIBRARIES: [&str; 5] = ["libc.so", "libc-", "ld-linux", "ld-musl", "libpthread"];

/// Whether a frame is plumbing wherever it stands.
pub(crate) fn is_plumbing(function: &str, file: Option<&str>) -> bool {
    is_runtime(function, file)
        || begins(function, &CONTAINER_PREFIXES)
        || begins(function, &GLUE_PREFIXES)
        || is_call_through_trait(function)
}

/// Whether a frame belongs to what starts programs and hands out memory.
pub(crate) fn is_runtime(function: &str, file: Option<&str>) -> bool {
    let c_entry = function == "main" && file.is_none();
    c_entry
        || begins(function, &ALLOCATOR_PREFIXES)
        || ALLOCATOR_IMPLEMENTATIONS
            .iter()
            .any(|part| function.contains(part))
        || begins(function, &START_PREFIXES)
        || function.contains("::thread_start")
        || START_NAMES.contains(&function)
        || is_recorder(function, file)
}

/// The indices of the frames to show, of a stack with the innermost frame first.
///
/// At least one, unless there are none: a stack without any code of the user's keeps
/// the outermost frame that says more than that a program or a thread was started.
#[must_use]
pub fn fold_stack(frames: &[&Frame]) -> Vec<usize> {
    let Some(outermost) = frames
        .iter()
        .rposition(|frame| !only_calls_user_code(frame))
    else {
        return without_user_code(frames);
    };
    let leaf_run = frames
        .iter()
        .take_while(|frame| frame.folded || is_standard(frame))
        .count();
    let entry = (0..leaf_run)
        .rev()
        .find(|&at| frames.get(at).is_some_and(|frame| !frame.folded));
    let rest = frames.iter().enumerate().take(outermost + 1).skip(leaf_run);
    entry
        .into_iter()
        .chain(rest.filter(|(_, frame)| !frame.folded).map(|(at, _)| at))
        .collect()
}

fn without_user_code(frames: &[&Frame]) -> Vec<usize> {
    let telling = frames.iter().rposition(|frame| {
        !frame.folded && is_standard(frame) && !only_calls_closures(&frame.function)
    });
    let any = || frames.iter().rposition(|frame| !frame.folded);
    telling
        .or_else(any)
        .or(frames.len().checked_sub(1))
        .into_iter()
        .collect()
}

fn only_calls_user_code(frame: &Frame) -> bool {
    let c_library = matches!(frame.origin, Origin::Native | Origin::Unknown)
        && begins(&frame.krate, &C_LIBRARIES);
    frame.folded || is_standard(frame) || c_library
}

fn is_standard(frame: &Frame) -> bool {
    matches!(frame.origin, Origin::Standard | Origin::Runtime)
}

/// What stands between a thread's start and its closure.
fn only_calls_closures(function: &str) -> bool {
    begins(
        function,
        &[
            "std::panic::catch_unwind",
            "std::panicking::",
            "<core::panic::unwind_safe::",
        ],
    )
}

/// `<F as core::ops::function::FnOnce<A>>::call_once`: the closure itself follows.
fn is_call_through_trait(function: &str) -> bool {
    let calls = [">::call", ">::call_mut", ">::call_once"];
    function.starts_with('<')
        && function.contains(" as core::ops::function::Fn")
        && calls.iter().any(|call| function.ends_with(call))
}

/// The recorder in this process: not its tests, nor the program `heapline`.
fn is_recorder(function: &str, file: Option<&str>) -> bool {
    let recorder = crate_of(function).is_some_and(|name| RECORDER_CRATES.contains(&name));
    recorder
        && !function.contains("::tests::")
        && !file.is_some_and(|file| file.contains("heapline-cli/"))
}

fn begins(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests;
