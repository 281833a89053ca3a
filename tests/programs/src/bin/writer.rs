//! Two threads that allocate blocks, hand them to each other, and free what they get,
//! by a rule that any consistent cut through the trace can be checked against.
//!
//! Thread `t` makes its blocks 0, 1, 2, … of the bytes that [`bytes`] says, makes those
//! larger that [`is_grown`] says, and hands them over in order; the other thread frees
//! them in this order. Operations that have returned are noted in memory shared with
//! the test: for each thread its allocations, reallocations, and frees.
//!
//! Arguments: blocks a thread, and microseconds of rest after each 64 of them.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Release};
use std::time::Duration;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// Blocks that are under way at most.
const PLACES: usize = 32;

/// From one thread to the other: a place is null until a block lies in it.
struct Ring([AtomicPtr<u8>; PLACES]);

static RINGS: [Ring; 2] =
    [const { Ring([const { AtomicPtr::new(std::ptr::null_mut()) }; PLACES]) }; 2];

/// Sizes that the runtime does not use, and from which thread and number follow.
fn bytes(thread: usize, number: u64) -> usize {
    512 * (thread + 1) + 1 + 2 * (number as usize % 256)
}

/// What a block that is made larger gets.
fn grown(thread: usize, number: u64) -> usize {
    bytes(thread, number) + 1024
}

fn is_grown(number: u64) -> bool {
    number % 7 == 3
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).expect("a valid layout")
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse().expect("a number"));
    let mut next = || arguments.next().expect("two numbers");
    let (blocks, rest) = (next(), Duration::from_micros(next()));
    let notes = map_notes();
    let threads =
        [0, 1].map(|thread| std::thread::spawn(move || work(thread, blocks, rest, notes)));
    for thread in threads {
        thread.join().expect("no panic");
    }
}

/// What one thread has done.
struct Notes {
    allocated: AtomicU64,
    grown: AtomicU64,
    freed: AtomicU64,
}

impl Notes {
    /// The thread is the only one that writes.
    fn add(counter: &AtomicU64) {
        counter.store(counter.load(Acquire) + 1, Release);
    }
}

fn work(thread: usize, blocks: u64, rest: Duration, notes: &'static [Notes; 2]) {
    let (mut made, mut freed) = (0, 0);
    let mut waiting: *mut u8 = std::ptr::null_mut();
    while made < blocks || freed < blocks || !waiting.is_null() {
        if waiting.is_null() && made < blocks {
            waiting = make(thread, made, &notes[thread]);
            made += 1;
            if made % 64 == 0 && !rest.is_zero() {
                std::thread::sleep(rest);
            }
        }
        let place = &RINGS[thread].0[(made as usize).wrapping_sub(1) % PLACES];
        if !waiting.is_null() && place.load(Acquire).is_null() {
            place.store(waiting, Release);
            waiting = std::ptr::null_mut();
        }
        let before = freed;
        freed = free_what_came(1 - thread, freed, &notes[thread]);
        if freed == before && !waiting.is_null() {
            std::thread::yield_now();
        }
    }
}

fn make(thread: usize, number: u64, notes: &Notes) -> *mut u8 {
    // SAFETY: the layouts are not empty, and a block is reallocated by its own.
    unsafe {
        let mut block = alloc(layout(bytes(thread, number)));
        Notes::add(&notes.allocated);
        if is_grown(number) {
            block = realloc(block, layout(bytes(thread, number)), grown(thread, number));
            Notes::add(&notes.grown);
        }
        assert!(!block.is_null());
        block
    }
}

/// Frees the other thread's blocks from `number` on, as far as they are there.
fn free_what_came(thread: usize, mut number: u64, notes: &Notes) -> u64 {
    loop {
        let place = &RINGS[thread].0[number as usize % PLACES];
        let block = place.load(Acquire);
        if block.is_null() {
            return number;
        }
        place.store(std::ptr::null_mut(), Release);
        let bytes = if is_grown(number) {
            grown(thread, number)
        } else {
            bytes(thread, number)
        };
        // SAFETY: the block is of that layout and nobody else's any more.
        unsafe { dealloc(block, layout(bytes)) };
        Notes::add(&notes.freed);
        number += 1;
    }
}

/// Two threads' notes in the file that ORACLE names.
fn map_notes() -> &'static [Notes; 2] {
    let path = std::env::var("ORACLE").expect("a file for the notes");
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .expect("opens");
    file.set_len(4096).expect("grows");
    // SAFETY: a new shared mapping of a file of that length, never unmapped.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            std::os::fd::AsRawFd::as_raw_fd(&file),
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED);
        &*memory.cast()
    }
}
