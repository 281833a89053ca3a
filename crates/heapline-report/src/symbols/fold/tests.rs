//! Folding of stacks as real programs have them.

use super::*;

/// A frame as a rule sees it: the origin is told by the letter in front.
fn frame(text: &str) -> Frame {
    let (kind, function) = text.split_once(' ').unwrap_or(("?", text));
    let (origin, krate) = match kind {
        "w" => (Origin::Workspace, "app"),
        "d" => (Origin::Dependency, "dep"),
        "s" => (Origin::Standard, "std"),
        "c" => (Origin::Native, "libc.so.6"),
        "u" => (Origin::Unknown, "libc.so.6"),
        _ => (Origin::Unknown, ""),
    };
    let runtime = is_runtime(function, None);
    Frame {
        origin: if runtime { Origin::Runtime } else { origin },
        folded: is_plumbing(function, None),
        ..Frame::unknown(function.to_owned(), krate)
    }
}

fn check(stack: &[&str], expected: &[&str]) {
    let frames: Vec<Frame> = stack.iter().map(|text| frame(text)).collect();
    let frames: Vec<&Frame> = frames.iter().collect();
    let kept: Vec<&str> = fold_stack(&frames)
        .into_iter()
        .map(|at| &*frames[at].function)
        .collect();
    assert_eq!(kept, expected);
}

const START: [&str; 8] = [
    "s core::ops::function::FnOnce::call_once",
    "s std::sys::backtrace::__rust_begin_short_backtrace",
    "s std::rt::lang_start::{{closure}}",
    "s std::panic::catch_unwind::<std::rt::lang_start_internal::{closure#0}, isize>",
    "s std::rt::lang_start_internal",
    "c main",
    "u 0x2a1c9 in libc.so.6",
    "c _start",
];

#[test]
fn a_growing_vector() {
    let leaf = [
        "d heapline::allocator::record",
        "d <heapline::allocator::Heapline<A> as core::alloc::global::GlobalAlloc>::alloc",
        "s __rustc::__rust_alloc",
        "s alloc::alloc::alloc",
        "s <alloc::alloc::Global as core::alloc::Allocator>::allocate",
        "s alloc::raw_vec::RawVecInner<A>::finish_grow",
        "s <alloc::raw_vec::RawVecInner>::grow_amortized",
        "s alloc::raw_vec::RawVec<T,A>::grow_one",
        "s alloc::vec::Vec<T,A>::push_mut",
        "s alloc::vec::Vec<T,A>::push",
        "w app::fill",
        "w app::main",
    ];
    let stack: Vec<&str> = leaf.into_iter().chain(START).collect();
    check(
        &stack,
        &["alloc::vec::Vec<T,A>::push", "app::fill", "app::main"],
    );
}

#[test]
fn the_middle_stays_but_for_glue() {
    check(
        &[
            "s __rustc::__rust_alloc",
            "w app::main::{{closure}}",
            "s core::ops::function::impls::<impl core::ops::function::FnMut<A> for &mut F>::call_mut",
            "s <core::iter::adapters::map::Map<I,F> as core::iter::traits::iterator::Iterator>::fold",
            "s core::iter::traits::iterator::Iterator::sum",
            "w app::main",
        ],
        &[
            "app::main::{{closure}}",
            "<core::iter::adapters::map::Map<I,F> as core::iter::traits::iterator::Iterator>::fold",
            "core::iter::traits::iterator::Iterator::sum",
            "app::main",
        ],
    );
}

#[test]
fn threads_begin_with_their_closure() {
    check(
        &[
            "s alloc::string::String::from",
            "w app::main::{{closure}}",
            "s std::sys::backtrace::__rust_begin_short_backtrace",
            "s std::thread::lifecycle::spawn_unchecked::{{closure}}",
            "s std::panic::catch_unwind",
            "s <alloc::boxed::Box<dyn core::ops::function::FnOnce<()>> as core::ops::function::FnOnce<()>>::call_once",
            "s <std::sys::thread::unix::Thread>::new::thread_start",
            "u 0x94ac2 in libc.so.6",
            "c clone3",
        ],
        &["alloc::string::String::from", "app::main::{{closure}}"],
    );
}

#[test]
fn what_is_unknown_or_omitted_stays() {
    check(&["? [frames omitted]"], &["[frames omitted]"]);
    check(
        &["w app::f", "? [frames omitted]", "w app::main"],
        &["app::f", "[frames omitted]", "app::main"],
    );
    check(
        &["w app::compare", "c qsort_r", "w app::main"],
        &["app::compare", "qsort_r", "app::main"],
    );
}

#[test]
fn stacks_without_the_users_code_keep_one_frame() {
    check(&[], &[]);
    check(&["s __rustc::__rust_alloc"], &["__rustc::__rust_alloc"]);
    check(
        &[
            "s __rustc::__rust_alloc",
            "s alloc::sync::Arc<T>::new",
            "s std::thread::thread::Thread::new",
            "s std::rt::init",
            "s std::panic::catch_unwind",
            "s std::rt::lang_start_internal",
            "c main",
        ],
        &["std::thread::thread::Thread::new"],
    );
}

#[test]
fn plumbing_by_name() {
    let folded = [
        "__rust_alloc",
        "__rustc::__rdl_alloc",
        "alloc::alloc::exchange_malloc",
        "alloc::raw_vec::RawVecInner<A>::reserve::do_reserve_and_handle",
        "<tikv_jemallocator::Jemalloc as core::alloc::global::GlobalAlloc>::alloc",
        "core::ptr::drop_in_place<alloc::vec::Vec<u8>>",
        "<F as core::ops::function::FnOnce<A>>::call_once",
        "std::rt::lang_start",
        "__libc_start_main_impl",
        "heapline_unwind::memo::capture",
        "<heapline::scope::Guard as core::ops::drop::Drop>::drop",
    ];
    let shown = [
        "alloc::vec::Vec<T,A>::push",
        "alloc::slice::<impl [T]>::to_vec",
        "alloc::boxed::Box<T>::new",
        "std::panicking::panic_with_hook",
        "app::__rust_alloc_nothing",
        "app::alloc::alloc::f",
        "app::call::<&dyn core::ops::function::Fn<()>>",
        "heapline_array::array::Array<T>::zeros",
        "heapline::tests::records_one",
        "heapline_report::replay::replay",
    ];
    for function in folded {
        assert!(is_plumbing(function, None), "{function}");
    }
    for function in shown {
        assert!(!is_plumbing(function, None), "{function}");
    }
    assert!(!is_plumbing(
        "heapline::main",
        Some("crates/heapline-cli/main.rs")
    ));
    assert!(!is_plumbing("main", Some("src/main.c")));
    assert!(is_plumbing("main", None));
}
