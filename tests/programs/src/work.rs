//! Work that is known beforehand, operation by operation, and a log of it in memory
//! shared with the test: what a trace is compared with when its program died.
//!
//! Each worker follows [`operations`] and says in its line of the [`Log`] what it has
//! begun and what has returned. It asks the allocator directly, so that nothing else
//! comes between.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

/// Blocks that each worker keeps.
pub const WINDOW: u64 = 16;
/// Most workers at a time.
pub const WORKERS: usize = 16;
/// Alignment of their blocks, which tells them from the runtime's.
pub const ALIGN: usize = 64;
/// Most bytes of a block.
pub const ROOM: usize = 4096;

/// One call of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Allocate { round: u64, bytes: u64 },
    Reallocate { round: u64, bytes: u64 },
    Free { round: u64 },
}

/// The block with which a worker begins, and which it keeps.
pub fn marker_bytes(worker: u64) -> u64 {
    4_000 + worker
}

/// What a worker does behind its marker, for ever: each round allocates a block, some
/// reallocate it, and the one of [`WINDOW`] rounds before is freed.
pub fn operations(worker: u64) -> impl Iterator<Item = Operation> {
    (0..).flat_map(move |round| {
        let bytes = 100 + worker + WORKERS as u64 * (round % 200);
        let allocate = Operation::Allocate { round, bytes };
        let new_bytes = match round % 4 {
            1 => Some(bytes + 600),
            3 => Some(bytes / 2),
            _ => None,
        };
        let reallocate = new_bytes.map(|bytes| Operation::Reallocate { round, bytes });
        let free = round
            .checked_sub(WINDOW)
            .map(|round| Operation::Free { round });
        [Some(allocate), reallocate, free].into_iter().flatten()
    })
}

/// What one worker says; only it writes.
#[repr(C, align(64))]
#[derive(Default)]
pub struct Line {
    /// Operations that were begun, and that have returned.
    pub begun: AtomicU64,
    pub done: AtomicU64,
}

/// The file that the variable ORACLE names, mapped.
#[repr(C)]
pub struct Log {
    pub workers: [Line; WORKERS],
    /// For whatever else a program has to say.
    pub notes: [AtomicU64; 64],
}

const LOG_BYTES: usize = 4096;
const _: () = assert!(size_of::<Log>() <= LOG_BYTES);

impl Log {
    /// Opens and maps the file.
    pub fn map() -> &'static Log {
        let path = std::env::var("ORACLE").expect("a file for the log");
        let mut options = std::fs::File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).expect("opens");
        file.set_len(LOG_BYTES as u64).expect("grows");
        // SAFETY: a shared mapping of a file of that length, never unmapped, of atomics.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                LOG_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            );
            assert_ne!(memory, libc::MAP_FAILED);
            &*memory.cast()
        }
    }

    /// Operations that have returned, of these workers together.
    pub fn done(&self, workers: usize) -> u64 {
        let lines = self.workers.iter().take(workers);
        lines.map(|line| line.done.load(SeqCst)).sum()
    }
}

const PLACES: u64 = WINDOW + 1;

/// A worker while it works.
struct Worker {
    /// One place more than blocks are kept: the new one comes before the old one goes.
    blocks: [(*mut u8, u64); PLACES as usize],
    /// Of what the blocks held when they were freed.
    sum: u64,
}

/// The round in front of which workers wait until this is another number.
pub static HOLD_AT: AtomicU64 = AtomicU64::new(u64::MAX);
/// How many wait.
pub static HELD: AtomicU64 = AtomicU64::new(0);

fn hold_at(round: u64) {
    if HOLD_AT.load(Relaxed) == round {
        HELD.fetch_add(1, SeqCst);
        while HOLD_AT.load(SeqCst) == round {
            std::thread::yield_now();
        }
    }
}

/// Does a worker's operations until `rounds` are over or `stop` is set; returns a number
/// that depends on the contents of all blocks.
pub fn work(worker: u64, log: &Log, rounds: u64, stop: &AtomicBool) -> u64 {
    let line = &log.workers[worker as usize];
    let mut state = Worker {
        blocks: [(std::ptr::null_mut(), 0); PLACES as usize],
        sum: 0,
    };
    // What is never used the compiler may leave out.
    std::hint::black_box(allocate(marker_bytes(worker)));
    for operation in operations(worker) {
        if let Operation::Allocate { round, .. } = operation
            && (round == rounds || stop.load(Relaxed))
        {
            break;
        }
        if let Operation::Allocate { round, .. } = operation {
            hold_at(round);
        }
        line.begun.store(line.begun.load(Relaxed) + 1, SeqCst);
        state.perform(operation);
        line.done.store(line.done.load(Relaxed) + 1, SeqCst);
    }
    state.sum
}

fn layout(bytes: u64) -> Layout {
    Layout::from_size_align(bytes as usize, ALIGN).expect("a valid layout")
}

fn allocate(bytes: u64) -> *mut u8 {
    // SAFETY: the layout is not empty.
    let block = unsafe { alloc(layout(bytes)) };
    assert!(!block.is_null());
    block
}

impl Worker {
    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Allocate { round, bytes } => {
                let block = allocate(bytes);
                // SAFETY: the block is new and has room for a word.
                unsafe { block.cast::<u64>().write(round ^ bytes) };
                self.blocks[(round % PLACES) as usize] = (block, bytes);
            }
            Operation::Reallocate { round, bytes } => {
                let (block, old) = self.blocks[(round % PLACES) as usize];
                // SAFETY: the block is this worker's, of that layout.
                let block = unsafe { realloc(block, layout(old), bytes as usize) };
                assert!(!block.is_null());
                self.blocks[(round % PLACES) as usize] = (block, bytes);
            }
            Operation::Free { round } => {
                let (block, bytes) = self.blocks[(round % PLACES) as usize];
                // SAFETY: as above; its first word was written when it was new.
                unsafe {
                    let word = block.cast::<u64>().read();
                    self.sum = self.sum.wrapping_mul(31).wrapping_add(word);
                    dealloc(block, layout(bytes));
                }
            }
        }
    }
}
