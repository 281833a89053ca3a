//! One block that goes from thread to thread, where the load that receives it takes as
//! long as several cache misses: a stamp that does not wait for it comes far too early.
//!
//! Arguments: `reuse` (freed here, allocated there) or `transfer` (allocated here, freed
//! there), and how often. The giving thread asks for 64 bytes, the taking one for 128.

use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc};
use std::cell::UnsafeCell;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{
    AtomicPtr, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

#[global_allocator]
static ALLOC: heapline::Heapline<Pool> = heapline::Heapline::wrapping(Pool);

/// Longer than any run takes; then SIGALRM ends a program that hangs.
const DEADLINE_SECONDS: u32 = 300;
/// Tells the pool's layouts from those of the runtime.
const ALIGN: usize = 4096;
const GIVEN: Layout = layout(64);
const TAKEN: Layout = layout(128);

const fn layout(bytes: usize) -> Layout {
    match Layout::from_size_align(bytes, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("a valid layout"),
    }
}

#[repr(C, align(4096))]
struct Block(UnsafeCell<[u8; 4096]>);

// SAFETY: nobody looks into the block.
unsafe impl Sync for Block {}

static BLOCK: Block = Block(UnsafeCell::new([0; 4096]));

/// Each on cache lines of its own.
#[repr(align(128))]
struct Alone<T>(T);

/// Where the block lies while nobody has it; only the first is used.
static FREE: [Alone<AtomicPtr<u8>>; 2] = [const { Alone(AtomicPtr::new(std::ptr::null_mut())) }; 2];
/// Where the block lies on its way from thread to thread.
static PASSED: [Alone<AtomicPtr<u8>>; 2] =
    [const { Alone(AtomicPtr::new(std::ptr::null_mut())) }; 2];
/// Rounds in which the giving thread is about to give, and those that are over.
static BEGUN: Alone<AtomicU64> = Alone(AtomicU64::new(0));
static OVER: Alone<AtomicU64> = Alone(AtomicU64::new(0));
/// The way to a place that takes long: each link is the number of the next one.
static CHAIN: [Alone<AtomicUsize>; LINKS] = [const { Alone(AtomicUsize::new(0)) }; LINKS];
const LINKS: usize = 12;

/// Takes what lies in the first place, by loads each of which needs the one before.
#[inline(always)]
fn slowly(places: &[Alone<AtomicPtr<u8>>; 2]) -> *mut u8 {
    let mut at = 0;
    for _ in 0..LINKS {
        at = CHAIN[at].0.load(Relaxed);
    }
    places[at & 1].0.load(Acquire)
}

/// Sees to it that these loads miss the cache.
fn forget_chain() {
    #[cfg(target_arch = "x86_64")]
    for link in &CHAIN {
        // SAFETY: every x86_64 processor has clflush; the address is valid.
        unsafe { core::arch::x86_64::_mm_clflush(std::ptr::from_ref(link).cast()) };
    }
}

/// The system's allocator, and the one block for layouts of that alignment.
struct Pool;

// SAFETY: forwards to the system's allocator, or hands out the block, which is large
// and aligned enough, if nobody has it.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() != ALIGN {
            // SAFETY: the caller's promises are passed on; so below.
            return unsafe { System.alloc(layout) };
        }
        let block = if layout.size() == TAKEN.size() {
            slowly(&FREE)
        } else {
            FREE[0].0.load(Acquire)
        };
        // If it is not there it may come at any time, so nothing may be written.
        if !block.is_null() {
            FREE[0].0.store(std::ptr::null_mut(), Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() != ALIGN {
            // SAFETY: as above.
            return unsafe { System.dealloc(block, layout) };
        }
        FREE[0].0.store(block, Release);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments[1].parse().expect("how often");
    let is_reuse = arguments[0] == "reuse";
    // SAFETY: plain C call.
    unsafe { libc::alarm(DEADLINE_SECONDS) };
    for (number, link) in CHAIN.iter().enumerate() {
        link.0.store((number + 1) % LINKS, Release);
    }
    FREE[0].0.store(BLOCK.0.get().cast(), Release);
    let taker = std::thread::spawn(move || {
        for round in 1..=rounds {
            wait(&BEGUN.0, round);
            if is_reuse {
                reuse()
            } else {
                receive()
            }
            OVER.0.store(round, Release);
        }
    });
    for round in 1..=rounds {
        give(round, is_reuse);
        wait(&OVER.0, round);
    }
    taker.join().expect("no panic");
}

/// Frees the block, or allocates and passes it, some time after saying so.
fn give(round: u64, is_reuse: bool) {
    // SAFETY: the layout is not empty, and the block is given back by it.
    unsafe {
        if is_reuse {
            let block = alloc(GIVEN);
            assert!(!block.is_null());
            begin(round);
            dealloc(black_box(block), GIVEN);
        } else {
            begin(round);
            PASSED[0].0.store(alloc(GIVEN), Release);
        }
    }
}

/// Says that the round begins, then waits for less than the slow loads take.
fn begin(round: u64) {
    BEGUN.0.store(round, Release);
    for step in 0..round % 16 * 64 {
        black_box(step);
    }
}

/// Allocates what the other thread frees. Mostly it is there when the load gets at it.
fn reuse() {
    loop {
        forget_chain();
        // SAFETY: the layout is not empty, and the block is given back by it.
        unsafe {
            let block = alloc(TAKEN);
            if !block.is_null() {
                return dealloc(black_box(block), TAKEN);
            }
        }
    }
}

/// Frees what the other thread allocates and passes.
fn receive() {
    loop {
        forget_chain();
        let block = slowly(&PASSED);
        if !block.is_null() {
            PASSED[0].0.store(std::ptr::null_mut(), Relaxed);
            // SAFETY: the other thread allocated it by this layout.
            return unsafe { dealloc(block, GIVEN) };
        }
    }
}

fn wait(number: &AtomicU64, value: u64) {
    let mut looks = 0_u32;
    while number.load(Acquire) != value {
        looks += 1;
        spin_loop();
        // With other programs about, the other thread must have its turn.
        if looks.is_multiple_of(2_000) {
            std::thread::yield_now();
        }
    }
}
