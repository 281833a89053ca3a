//! An allocator that gives each freed block to whoever asks next, on whatever thread: no
//! address rests, so that any disorder between threads is one the reader must see.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{
    AtomicBool, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use crate::work::{ALIGN, ROOM, WINDOW, WORKERS};

/// Blocks: what all workers keep, one more of each while it reallocates, their markers.
const BLOCKS: usize = WORKERS * (WINDOW as usize + 3);

#[repr(C, align(4096))]
struct Arena(UnsafeCell<[[u8; ROOM]; BLOCKS]>);

// SAFETY: each block is used by the one thread that has it.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([[0; ROOM]; BLOCKS]));

/// Layouts of this alignment get a block that nobody else has asked for of late, without a
/// lock: also where one may be held by a thread that is no more.
pub const UNLOCKED_ALIGN: usize = 2 * ALIGN;

static NEXT_UNLOCKED: AtomicUsize = AtomicUsize::new(0);
static UNLOCKED: Arena = Arena(UnsafeCell::new([[0; ROOM]; BLOCKS]));

/// The system's allocator, and a stack of blocks for layouts of the workers' alignment.
pub struct Pool {
    locked: AtomicBool,
    /// Blocks never handed out so far begin here.
    fresh: AtomicUsize,
    freed: UnsafeCell<[*mut u8; BLOCKS]>,
    freed_count: AtomicUsize,
}

// SAFETY: `freed` is touched under the lock alone.
unsafe impl Sync for Pool {}

impl Pool {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Pool {
            locked: AtomicBool::new(false),
            fresh: AtomicUsize::new(0),
            freed: UnsafeCell::new([std::ptr::null_mut(); BLOCKS]),
            freed_count: AtomicUsize::new(0),
        }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut [*mut u8; BLOCKS]) -> T) -> T {
        let mut tries = 0_u32;
        while self.locked.swap(true, Acquire) {
            tries += 1;
            if tries.is_multiple_of(100) {
                // The holder may wait for this processor.
                std::thread::yield_now();
            }
        }
        // SAFETY: the lock is held.
        let result = work(unsafe { &mut *self.freed.get() });
        self.locked.store(false, Release);
        result
    }

    fn take(&self) -> *mut u8 {
        self.locked(|freed| {
            let count = self.freed_count.load(Relaxed);
            if count > 0 {
                self.freed_count.store(count - 1, Relaxed);
                return freed[count - 1];
            }
            let fresh = self.fresh.fetch_add(1, Relaxed);
            if fresh < BLOCKS {
                ARENA.0.get().cast::<u8>().wrapping_add(fresh * ROOM)
            } else {
                std::ptr::null_mut()
            }
        })
    }

    fn give_back(&self, block: *mut u8) {
        self.locked(|freed| {
            let count = self.freed_count.load(Relaxed);
            freed[count] = block;
            self.freed_count.store(count + 1, Relaxed);
        });
    }
}

// SAFETY: forwards to the system's allocator, or hands out blocks that are large and
// aligned enough and in nobody's hands.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() == UNLOCKED_ALIGN {
            let next = NEXT_UNLOCKED.fetch_add(1, Relaxed) % BLOCKS;
            return UNLOCKED.0.get().cast::<u8>().wrapping_add(next * ROOM);
        }
        if layout.align() != ALIGN || layout.size() > ROOM {
            // SAFETY: the caller's promises are passed on; so in all methods.
            return unsafe { System.alloc(layout) };
        }
        self.take()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() != ALIGN || layout.size() > ROOM {
            // SAFETY: as above.
            return unsafe { System.alloc_zeroed(layout) };
        }
        let block = self.take();
        if !block.is_null() {
            // SAFETY: the block has that much room.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() == UNLOCKED_ALIGN {
            return;
        }
        if layout.align() != ALIGN || layout.size() > ROOM {
            // SAFETY: as above.
            return unsafe { System.dealloc(block, layout) };
        }
        self.give_back(block);
    }

    /// Always moves; the old block is another thread's before this returns.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() != ALIGN || layout.size() > ROOM {
            // SAFETY: as above.
            return unsafe { System.realloc(block, layout, new_size) };
        }
        assert!(new_size <= ROOM);
        let moved = self.take();
        if !moved.is_null() {
            // SAFETY: both blocks have that much room and are not the same.
            unsafe { moved.copy_from_nonoverlapping(block, layout.size().min(new_size)) };
            self.give_back(block);
        }
        moved
    }
}
