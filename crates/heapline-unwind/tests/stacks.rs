//! Stacks of ordinary programs: every frame is libgcc's, at the first capture
//! and when the memo is warm.
#![allow(unsafe_code, clippy::unwrap_used)]

mod common;

use std::cell::RefCell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::Recorder;
use heapline_unwind::Memo;

thread_local! {
    static RECORDER: RefCell<Recorder> = RefCell::new(Recorder::new(4096));
}

/// Checks the stack here; the number of its frames.
#[inline(never)]
fn check() -> usize {
    RECORDER.with_borrow_mut(|recorder| {
        recorder.unwinder.set_memo(Memo::Verify);
        let depth = recorder.check();
        assert_eq!(recorder.unwinder.mismatches(), 0);
        depth
    })
}

/// Some check on the way was made: the tests' own guard against dead code.
fn checks() -> u64 {
    RECORDER.with_borrow(|recorder| recorder.unwinder.counters().captures)
}

#[test]
fn repeated_captures() {
    for _ in 0..10 {
        assert!(check() > 5);
    }
    let counters = RECORDER.with_borrow(|recorder| recorder.unwinder.counters());
    assert_eq!((counters.captures, counters.memo_hits), (10, 9));
}

#[test]
fn closures_and_generics() {
    #[inline(never)]
    fn apply<F: Fn(u64) -> u64>(function: F, times: u64) -> u64 {
        (0..black_box(times)).map(&function).sum()
    }
    #[inline(never)]
    fn sized<const BYTES: usize>() -> u64 {
        let bytes = black_box([1_u8; BYTES]);
        check();
        bytes.iter().map(|&byte| u64::from(byte)).sum()
    }
    let base = black_box(7);
    let sum = apply(
        |number| {
            check();
            apply(
                |inner| {
                    check();
                    inner + number + base
                },
                2,
            )
        },
        3,
    );
    assert_eq!(sum, 3 * (1 + 14) + 2 * 3);
    assert_eq!(sized::<8>() + sized::<100>() + sized::<5_000>(), 5_108);
    assert_eq!(checks(), 12);
}

#[test]
fn inlined_five_deep() {
    #[inline(always)]
    fn fifth(number: u64) -> u64 {
        check();
        number + 1
    }
    #[inline(always)]
    fn fourth(number: u64) -> u64 {
        fifth(number) + fifth(number)
    }
    #[inline(always)]
    fn third(number: u64) -> u64 {
        fourth(number) * 2
    }
    #[inline(always)]
    fn second(number: u64) -> u64 {
        third(number) + third(number + 1)
    }
    #[inline(never)]
    fn first(number: u64) -> u64 {
        second(number) + 1
    }
    assert_eq!(first(black_box(1)), 21);
    assert_eq!(checks(), 4);
}

#[test]
fn trait_objects() {
    trait Shape {
        fn area(&self) -> f64;
    }
    struct Square(f64);
    struct Scaled(f64, Box<dyn Shape>);
    impl Shape for Square {
        fn area(&self) -> f64 {
            check();
            self.0 * self.0
        }
    }
    impl Shape for Scaled {
        fn area(&self) -> f64 {
            self.0 * self.1.area() + check() as f64 * 0.0
        }
    }
    let shapes: Vec<Box<dyn Shape>> = vec![
        Box::new(Square(2.0)),
        Box::new(Scaled(3.0, Box::new(Scaled(2.0, Box::new(Square(1.0)))))),
    ];
    let area: f64 = black_box(&shapes).iter().map(|shape| shape.area()).sum();
    assert_eq!(area, 10.0);
    assert_eq!(checks(), 4);
}

#[test]
fn iterator_chains() {
    let found: Vec<u64> = (0..black_box(40_u64))
        .filter(|number| number % 3 == 0)
        .flat_map(|number| {
            check();
            (0..number % 4).map(move |inner| number * 10 + inner)
        })
        .take_while(|&number| number < 300)
        .inspect(|_| {
            check();
        })
        .collect();
    assert!(found.len() > 10);
    let mut words = ["d", "b", "c", "a"];
    words.sort_by(|left, right| {
        check();
        left.cmp(right)
    });
    assert!(checks() > 30);
}

#[test]
fn recursion() {
    #[inline(never)]
    fn descend(depth: u64) -> u64 {
        if depth.is_multiple_of(250) {
            check();
        }
        let below = if depth == 0 { 0 } else { descend(depth - 1) };
        if depth.is_multiple_of(500) {
            check();
        }
        black_box(below) + 1
    }
    assert_eq!(descend(black_box(2_000)), 2_001);
    assert_eq!(checks(), 14);
}

#[test]
fn threads() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..20 {
                    check();
                }
                checks()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 20);
    }
}

#[test]
fn drop_glue() {
    struct Noisy(#[allow(dead_code)] u64);
    impl Drop for Noisy {
        fn drop(&mut self) {
            check();
        }
    }
    struct Pair(#[allow(dead_code)] Noisy, #[allow(dead_code)] Box<Noisy>);
    drop(black_box(vec![
        Some(Pair(Noisy(1), Box::new(Noisy(2)))),
        None,
        Some(Pair(Noisy(3), Box::new(Noisy(4)))),
    ]));
    assert_eq!(checks(), 4);
}

#[test]
fn panics_that_are_unwound_and_caught() {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            check();
        }
    }
    #[inline(never)]
    fn fail(depth: u64) -> u64 {
        let _guard = Guard;
        if depth == 0 {
            resume_unwind(Box::new("deep"));
        }
        fail(depth - 1) + black_box(1)
    }
    for round in 0..50 {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            check();
            fail(black_box(round % 7))
        }));
        assert!(caught.is_err());
        check();
    }
    assert_eq!(
        checks(),
        50 * 2 + (0..50).map(|round| round % 7 + 1).sum::<u64>()
    );
}

#[test]
fn callbacks_from_c() {
    extern "C" fn compare(left: *const libc::c_void, right: *const libc::c_void) -> libc::c_int {
        check();
        // SAFETY: qsort gives pointers to two elements of the array below.
        let (left, right) = unsafe { (*left.cast::<i32>(), *right.cast::<i32>()) };
        left.cmp(&right) as libc::c_int
    }
    let mut numbers: Vec<i32> = (0..100).map(|number| number * 37 % 101).collect();
    // SAFETY: the array has that many elements of that size.
    unsafe {
        libc::qsort(
            numbers.as_mut_ptr().cast(),
            numbers.len(),
            size_of::<i32>(),
            Some(compare),
        );
    }
    assert!(numbers.is_sorted());
    assert!(checks() > 300);
}

#[test]
fn thread_exit() {
    struct AtExit;
    impl Drop for AtExit {
        fn drop(&mut self) {
            let mut recorder = Recorder::new(4096);
            recorder.check();
        }
    }
    thread_local!(static AT_EXIT: AtExit = const { AtExit });
    std::thread::spawn(|| AT_EXIT.with(|_| ())).join().unwrap();
}
