//! What `measure` says is what a log of all calls to the allocator adds up to.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::RefCell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use heapline::{Config, Heapline, Usage, measure};

/// One call that succeeded.
#[derive(Clone, Copy)]
enum Call {
    Allocate(usize),
    Deallocate(usize),
    Reallocate(usize, usize),
}

/// Calls that a thread can log.
const ROOM: usize = 1 << 16;

thread_local! {
    /// The calls of this thread, while it logs.
    static LOG: RefCell<Option<Vec<Call>>> = const { RefCell::new(None) };
}

struct Logging;

#[global_allocator]
static ALLOCATOR: Logging = Logging;

static INNER: Heapline = Heapline::system();

fn log(call: Call) {
    // Not while the log itself is made.
    let _ = LOG.try_with(|log| {
        if let Ok(mut log) = log.try_borrow_mut()
            && let Some(log) = &mut *log
            && log.len() < ROOM
        {
            log.push(call);
        }
    });
}

// SAFETY: every call is handed on as it is.
unsafe impl GlobalAlloc for Logging {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller's.
        let block = unsafe { INNER.alloc(layout) };
        if !block.is_null() {
            log(Call::Allocate(layout.size()));
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller's.
        let block = unsafe { INNER.alloc_zeroed(layout) };
        if !block.is_null() {
            log(Call::Allocate(layout.size()));
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        log(Call::Deallocate(layout.size()));
        // SAFETY: as the caller's.
        unsafe { INNER.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as the caller's.
        let new = unsafe { INNER.realloc(block, layout, bytes) };
        if !new.is_null() {
            log(Call::Reallocate(layout.size(), bytes));
        }
        new
    }
}

/// What a stretch of the log adds up to.
fn sum(calls: &[Call]) -> Usage {
    let mut usage = Usage::default();
    let (mut now, mut most) = (0_i64, 0);
    for call in calls {
        now += match *call {
            Call::Allocate(bytes) => {
                usage.allocations += 1;
                usage.allocated_bytes += bytes as u64;
                bytes as i64
            }
            Call::Deallocate(bytes) => {
                usage.deallocations += 1;
                usage.deallocated_bytes += bytes as u64;
                -(bytes as i64)
            }
            Call::Reallocate(old, new) => {
                usage.reallocations += 1;
                usage.reallocated_bytes += new as u64;
                new as i64 - old as i64
            }
        };
        most = most.max(now);
    }
    usage.kept_bytes = now;
    usage.peak_bytes = most as u64;
    usage
}

fn logged() -> usize {
    LOG.with_borrow(|log| log.as_ref().map_or(0, Vec::len))
}

/// Runs something with a log of its own.
fn with_log<T>(work: impl FnOnce() -> T) -> (T, Vec<Call>) {
    let empty = Vec::with_capacity(ROOM);
    LOG.set(Some(empty));
    let result = work();
    let calls = LOG.take().expect("set above");
    (result, calls)
}

/// Measures and compares with the log.
fn check<T>(what: &str, work: impl FnOnce() -> T) -> Usage {
    let ((result, usage), calls) = with_log(|| measure(work));
    drop(result);
    assert_eq!(usage, sum(&calls), "{what}");
    usage
}

#[test]
fn expressions_are_counted_as_the_allocator_saw_them() {
    let text = "as many words as there are";
    let lives = black_box(vec![1_u64; 1000]);
    let usage = check("a sum", || lives.iter().sum::<u64>());
    assert_eq!(usage, Usage::default());
    let usage = check("kept", || black_box(vec![1_u8; 100]));
    assert_eq!((usage.kept_bytes, usage.peak_bytes), (100, 100));
    let usage = check("zeroed", || black_box(vec![0_u64; 100]));
    assert_eq!((usage.kept_bytes, usage.allocations), (800, 1));
    let usage = check("two after one another", || {
        drop(black_box(vec![1_u8; 300]));
        drop(black_box(vec![1_u8; 200]));
    });
    assert_eq!((usage.kept_bytes, usage.peak_bytes), (0, 300));
    let usage = check("two at once", || {
        let first = black_box(vec![1_u8; 300]);
        drop(black_box(vec![1_u8; 200]));
        first
    });
    assert_eq!((usage.kept_bytes, usage.peak_bytes), (300, 500));
    let usage = check("one from before", || drop(lives));
    assert_eq!((usage.kept_bytes, usage.peak_bytes), (-8000, 0));
    assert_eq!((usage.deallocations, usage.deallocated_bytes), (1, 8000));
    check("strings", || {
        text.split(' ').map(str::to_owned).collect::<Vec<_>>()
    });
    let usage = check("refused", || Vec::<u8>::new().try_reserve(1 << 62).is_err());
    assert_eq!(usage, Usage::default());
}

#[test]
fn a_reallocation_is_one_step() {
    let usage = check("growth", || {
        let mut numbers = Vec::with_capacity(4);
        for number in 0..1000_u64 {
            numbers.push(black_box(number));
        }
        numbers
    });
    assert_eq!((usage.kept_bytes, usage.peak_bytes), (8192, 8192));
    assert_eq!((usage.allocations, usage.reallocations), (1, 8));
    let usage = check("shrinking", || {
        let mut numbers = black_box(Vec::<u64>::with_capacity(1000));
        numbers.push(1);
        numbers.shrink_to_fit();
        black_box(numbers)
    });
    assert_eq!((usage.kept_bytes, usage.peak_bytes), (8, 8000));
}

#[test]
fn measurements_may_be_nested() {
    let ((parts, outer), calls) = with_log(|| {
        measure(|| {
            let held = black_box(vec![1_u8; 1000]);
            let first = logged();
            let ((second, inner), within) = measure(|| {
                let large = black_box(vec![1_u8; 5000]);
                let second = logged();
                let (_, innermost) = measure(|| drop(large));
                (second, innermost)
            });
            let last = logged();
            drop(held);
            (first, (second, inner), within, last)
        })
    });
    let (first, (second, innermost), inner, last) = parts;
    assert_eq!(outer, sum(&calls));
    assert_eq!(inner, sum(&calls[first..last]));
    assert_eq!(innermost, sum(&calls[second..last]));
    assert_eq!(outer.peak_bytes, 6000);
    assert_eq!((inner.peak_bytes, inner.kept_bytes), (5000, 0));
    assert_eq!((innermost.peak_bytes, innermost.kept_bytes), (0, -5000));
}

#[test]
fn a_panic_ends_what_it_passes_through() {
    let (usage, calls) = with_log(|| {
        let ((), usage) = measure(|| {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                measure(|| {
                    let _held = black_box(vec![1_u8; 7000]);
                    std::panic::resume_unwind(Box::new(1_u8));
                })
            }));
            assert!(panicked.is_err());
            drop(black_box(vec![1_u8; 10]));
        });
        usage
    });
    assert_eq!(usage, sum(&calls));
    assert!(usage.peak_bytes >= 7000 && usage.kept_bytes == 0);
}

#[test]
fn threads_are_measured_each_for_itself() {
    let threads: Vec<_> = (1..=4_usize)
        .map(|number| {
            std::thread::spawn(move || {
                for round in 0..200 {
                    let bytes = number * 1000 + round;
                    let usage = check("a thread's", || black_box(vec![1_u8; bytes]));
                    assert_eq!(usage.peak_bytes, bytes as u64);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("measured"));

    let usage = check("a thread inside", || {
        std::thread::scope(|scope| {
            let made = scope.spawn(|| black_box(vec![1_u8; 1 << 20]));
            made.join().expect("made")
        })
    });
    assert!(usage.peak_bytes < 1 << 20, "what the other thread made");
    let made = std::thread::spawn(|| black_box(vec![1_u8; 1 << 20]));
    let made = made.join().expect("made");
    let usage = check("another's block", || drop(made));
    assert_eq!(usage.kept_bytes, -(1 << 20));
}

/// A random program of allocations, and of measurements one in the other.
fn random(seed: &mut u64, blocks: &mut Vec<Vec<u8>>, depth: u32) {
    let mut next = |below: usize| {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as usize % below
    };
    for _ in 0..next(20) {
        let (what, size) = (next(6), next(5000) + 1);
        let at = next(blocks.len().max(1));
        match what {
            0 | 1 => blocks.push(Vec::with_capacity(size)),
            2 if !blocks.is_empty() => drop(blocks.swap_remove(at)),
            3 if !blocks.is_empty() => blocks[at].reserve_exact(size),
            4 if !blocks.is_empty() => blocks[at].shrink_to(size / 2),
            5 if depth < 4 => {
                let mut inner = next(usize::MAX) as u64;
                let first = logged();
                let (last, usage) = measure(|| {
                    random(&mut inner, blocks, depth + 1);
                    logged()
                });
                let logged = LOG.with_borrow(|log| log.as_ref().map(|log| sum(&log[first..last])));
                assert_eq!(Some(usage), logged, "at depth {depth}");
            }
            _ => {}
        }
    }
}

#[test]
fn random_programs_are_counted_right() {
    for mut seed in 0..300 {
        check("a random program", || {
            let mut blocks = Vec::new();
            random(&mut seed, &mut blocks, 0);
            blocks
        });
    }
}

/// Whether something records makes no difference. The other tests run beside it.
#[test]
fn a_recording_changes_nothing() {
    let folder = std::env::temp_dir().join(format!("heapline-measure-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("writable");
    let config = Config::new().out(folder.join("trace.heapline"));
    let programs = || {
        let measured = (0..50)
            .map(|mut seed| check("a random program", || random(&mut seed, &mut Vec::new(), 0)));
        measured.collect::<Vec<_>>()
    };
    let idle = programs();
    let recording = heapline::start(&config).expect("it starts");
    let recorded = programs();
    drop(recording);
    assert_eq!(idle, recorded);
    std::fs::remove_dir_all(folder).expect("made above");
}
