//! A signal handler that allocates, above an allocator that allows it: nothing is ever
//! freed, and there is no lock.
//!
//! Arguments: how many milliseconds.

use std::alloc::{GlobalAlloc, Layout, alloc, dealloc};
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOC: heapline::Heapline<Bump> = heapline::Heapline::wrapping(Bump);

/// Address space, of which pages are used as they are touched.
const ARENA_BYTES: usize = 64 << 30;
/// Blocks start in the arena again when it is used up, which no run here does.
static NEXT: AtomicUsize = AtomicUsize::new(0);
static ARENA: AtomicPtr<u8> = AtomicPtr::new(null_mut());
/// What was asked of this allocator.
static OPERATIONS: AtomicU64 = AtomicU64::new(0);
/// What of it the handler asked for.
static IN_HANDLER: AtomicU64 = AtomicU64::new(0);

struct Bump;

impl Bump {
    fn arena() -> *mut u8 {
        let arena = ARENA.load(SeqCst);
        if !arena.is_null() {
            return arena;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping; the first allocation comes before there are threads or
        // handlers.
        let arena = unsafe { libc::mmap(null_mut(), ARENA_BYTES, protection, flags, -1, 0) };
        assert_ne!(arena, libc::MAP_FAILED);
        ARENA.store(arena.cast(), SeqCst);
        arena.cast()
    }
}

// SAFETY: each block is new, aligned, and inside the mapping.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        OPERATIONS.fetch_add(1, SeqCst);
        let room = layout.size() + layout.align();
        let start = NEXT.fetch_add(room, SeqCst);
        assert!(start + room <= ARENA_BYTES);
        let block = Bump::arena().wrapping_add(start);
        block.wrapping_add(block.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        OPERATIONS.fetch_add(1, SeqCst);
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Counts as one, like everywhere.
        OPERATIONS.fetch_sub(1, SeqCst);
        // SAFETY: a valid layout, as the caller promises.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the new block is at least as large as what is copied.
        unsafe {
            let moved = self.alloc(new_layout);
            moved.copy_from_nonoverlapping(block, layout.size().min(new_size));
            OPERATIONS.fetch_add(1, SeqCst);
            moved
        }
    }
}

extern "C" fn handler(_: libc::c_int) {
    let layout = Layout::new::<[u64; 4]>();
    // SAFETY: the layout is not empty, and the block is of it.
    unsafe { dealloc(black_box(alloc(layout)), layout) };
    IN_HANDLER.fetch_add(2, Relaxed);
}

fn main() {
    let milliseconds = std::env::args().nth(1).and_then(|word| word.parse().ok());
    let duration = Duration::from_millis(milliseconds.expect("how long"));
    // SAFETY: a handler that takes no lock.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGALRM, &action, null_mut()), 0);
    }
    let end = Instant::now() + duration;
    let storm = move || {
        while Instant::now() < end {
            for number in 0..1_000_usize {
                let mut text = String::with_capacity(number % 50);
                text.push_str("some letters");
                black_box(text);
            }
        }
    };
    let threads = [(); 2].map(|()| std::thread::spawn(storm));
    // The kernel prefers the first thread, which only waits.
    take_no_signals();
    let own = std::thread::spawn(interrupt_others(end));
    for thread in threads {
        thread.join().expect("no panic");
    }
    own.join().expect("no panic");
    let ignore = libc::SIG_IGN;
    // SAFETY: plain C call: no handler counts from here on.
    unsafe { libc::signal(libc::SIGALRM, ignore) };
    report();
}

/// Leaves the signals to the other threads; those that are started from here on inherit it.
fn take_no_signals() {
    // SAFETY: plain C calls on a live set.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGALRM);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, null_mut());
    }
}

/// Sends a signal to the process every 50 µs, which some thread takes.
fn interrupt_others(end: Instant) -> impl FnOnce() + Send {
    move || {
        while Instant::now() < end {
            // SAFETY: plain C call.
            unsafe { libc::kill(libc::getpid(), libc::SIGALRM) };
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// Writes what was counted where the test finds it; what comes behind is not counted, so
/// nothing may come behind: the program ends here.
fn report() -> ! {
    let path = c"counts";
    // SAFETY: plain C calls on live arguments; `_exit` runs nothing that could allocate.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600);
        let counts = [OPERATIONS.load(SeqCst), IN_HANDLER.load(SeqCst)];
        assert_eq!(libc::write(file, counts.as_ptr().cast(), 16), 16);
        libc::_exit(0)
    }
}
