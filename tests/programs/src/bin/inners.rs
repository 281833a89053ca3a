//! Every kind of allocator call on four threads, above an allocator that is not the
//! system's; the oracle counts between it and heapline.
//!
//! Arguments: which allocator, and how often.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};

use heapline_test_programs::Oracle;

#[cfg(feature = "jemalloc")]
type Inner = tikv_jemallocator::Jemalloc;
#[cfg(feature = "jemalloc")]
const INNER: Inner = tikv_jemallocator::Jemalloc;

#[cfg(feature = "mimalloc")]
type Inner = mimalloc::MiMalloc;
#[cfg(feature = "mimalloc")]
const INNER: Inner = mimalloc::MiMalloc;

#[cfg(not(any(feature = "jemalloc", feature = "mimalloc")))]
type Inner = Ours;
#[cfg(not(any(feature = "jemalloc", feature = "mimalloc")))]
const INNER: Inner = Ours;

#[global_allocator]
static ALLOC: heapline::Heapline<Oracle<Inner>> = heapline::Heapline::wrapping(Oracle::over(INNER));

/// The system's allocator behind a lock, or a mapping in which it only goes on.
struct Ours;

static LOCK: Mutex<()> = Mutex::new(());
/// Whether blocks come from the mapping: not before `main` knows what is wanted.
static BUMPS: AtomicBool = AtomicBool::new(false);
static ARENA: AtomicPtr<u8> = AtomicPtr::new(null_mut());
static NEXT: AtomicUsize = AtomicUsize::new(0);
const ARENA_BYTES: usize = 64 << 30;

impl Ours {
    fn is_in_arena(block: *mut u8) -> bool {
        let arena = ARENA.load(SeqCst) as usize;
        arena != 0 && (arena..arena + ARENA_BYTES).contains(&(block as usize))
    }

    fn map_arena() {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, made once.
        let arena = unsafe { libc::mmap(null_mut(), ARENA_BYTES, protection, flags, -1, 0) };
        assert_ne!(arena, libc::MAP_FAILED);
        ARENA.store(arena.cast(), SeqCst);
        BUMPS.store(true, SeqCst);
    }
}

// SAFETY: blocks are the system's, or new ones inside the mapping.
unsafe impl GlobalAlloc for Ours {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if BUMPS.load(SeqCst) {
            let room = layout.size() + layout.align();
            let start = NEXT.fetch_add(room, SeqCst);
            assert!(start + room <= ARENA_BYTES);
            let block = ARENA.load(SeqCst).wrapping_add(start);
            return block.wrapping_add(block.align_offset(layout.align()));
        }
        let _guard = LOCK.lock();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !Ours::is_in_arena(block) {
            let _guard = LOCK.lock();
            // SAFETY: as above.
            unsafe { System.dealloc(block, layout) };
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let inner = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|word| word.parse().ok());
    let times: usize = times.expect("how often");
    if inner == "bump" {
        Ours::map_arena();
    }
    let work = move || {
        let mut kept: Vec<Vec<u8>> = vec![Vec::new(); 50];
        for number in 0..times {
            let place = &mut kept[number * 7 % 50];
            match number % 4 {
                0 => *place = vec![0; number % 3_000],
                1 => place.extend(std::iter::repeat_n(1, number % 500)),
                2 => place.shrink_to_fit(),
                _ => *place = black_box(place.clone()),
            }
        }
    };
    let threads = [(); 3].map(|()| std::thread::spawn(work));
    work();
    for thread in threads {
        thread.join().expect("no panic");
    }
}
