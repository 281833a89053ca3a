//! A few sites that allocate, each once and with bytes of its own: for programs that are
//! linked in every way there is.
//!
//! Prints "LINE BYTES" for each; the last is what was called before `main`.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use heapline_test_programs::Oracle;

#[global_allocator]
static ALLOC: heapline::Heapline<Oracle> = heapline::Heapline::wrapping(Oracle::new());

/// A line, and what it has allocated.
type Site = (u32, Vec<u8>);

#[inline(never)]
fn function() -> Site {
    (line!(), black_box(vec![1; 10_007]))
}

#[inline(always)]
fn inlined() -> Site {
    (line!(), black_box(vec![1; 20_011]))
}

#[inline(never)]
fn generic<T: Default>() -> Site {
    black_box(T::default());
    (line!(), black_box(vec![1; 30_011]))
}

#[inline(never)]
fn recursive(depth: u32) -> Site {
    if depth == 0 {
        return (line!(), black_box(vec![1; 40_009]));
    }
    black_box(recursive(depth - 1))
}

fn in_a_thread() -> Site {
    (line!(), black_box(vec![1; 50_021]))
}

/// Two functions that a linker may make one.
#[inline(never)]
fn left(bytes: usize) -> Vec<u8> {
    black_box(vec![2; bytes])
}
const LEFT: u32 = line!() - 2;

#[inline(never)]
fn right(bytes: usize) -> Vec<u8> {
    black_box(vec![2; bytes])
}
const RIGHT: u32 = line!() - 2;

/// Allocations of a library's constructor that calls this, before `main`.
static EARLY: AtomicU32 = AtomicU32::new(0);
const EARLY_BYTES: usize = 60_013;
const EARLY_LINE: u32 = line!() + 7;

/// Rust of this program, for C of another library.
#[used]
static ALLOCATE_EARLY: extern "C" fn() = allocate_early;
#[unsafe(no_mangle)]
extern "C" fn allocate_early() {
    drop(black_box(vec![3_u8; EARLY_BYTES]));
    EARLY.fetch_add(1, Relaxed);
}

fn main() {
    let mut sites = vec![
        function(),
        inlined(),
        generic::<u64>(),
        recursive(100),
        std::thread::spawn(in_a_thread).join().expect("no panic"),
    ];
    let twins: [fn(usize) -> Vec<u8>; 2] = [left, right];
    sites.extend(
        [LEFT, RIGHT]
            .into_iter()
            .zip(black_box(twins).map(|twin| twin(70_001))),
    );
    for (line, block) in &sites {
        println!("{line} {}", block.len());
    }
    let early = EARLY.load(Relaxed) as usize;
    println!("{EARLY_LINE} {}", early * EARLY_BYTES);
}
