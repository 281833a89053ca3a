//! Allocates and frees for ever on several threads, and notes each operation that has
//! returned in memory shared with the test, until it is killed.
//!
//! Arguments: threads. Each thread keeps a window of blocks whose bytes tell thread and
//! round, so that the trace can be checked against the note alone.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// Blocks that each thread keeps.
const WINDOW: usize = 16;

/// A thread's first block has so many bytes and its own number more: that is how the
/// test knows whose stream it reads.
const FIRST: usize = 1 << 20;

fn main() {
    let threads: u64 = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .expect("a number of threads");
    let notes = map_notes();
    let workers: Vec<_> = (1..threads)
        .map(|thread| std::thread::spawn(move || work(thread, notes)))
        .collect();
    work(0, notes);
    for worker in workers {
        worker.join().expect("never ends");
    }
}

/// Rounds finished by each thread, in the file that ORACLE names.
fn map_notes() -> &'static [AtomicU64; 64] {
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

/// Round n allocates a block of n * 64 + thread bytes, modulo, and frees the one of
/// WINDOW rounds before.
fn work(thread: u64, notes: &'static [AtomicU64; 64]) {
    drop(black_box(Vec::<u8>::with_capacity(FIRST + thread as usize)));
    let mut window: [Vec<u8>; WINDOW] = [const { Vec::new() }; WINDOW];
    for round in 0.. {
        let bytes = (round % 1_000) * 64 + thread + 1;
        window[round as usize % WINDOW] = black_box(Vec::with_capacity(bytes as usize));
        notes[thread as usize].store(round + 1, SeqCst);
    }
}
