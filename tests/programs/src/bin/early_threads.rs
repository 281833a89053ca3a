//! Threads that allocate while the first of them has the trace opened, above an allocator
//! that counts what it is asked for.
//!
//! Writes that count into the file that the variable ORACLE names.

use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc};
use std::ffi::CString;
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt as _;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use heapline_test_programs::start_thread;

#[global_allocator]
static ALLOC: heapline::Heapline<Counting> = heapline::Heapline::wrapping(Counting);

const THREADS: u64 = 3;
/// Operations of each thread, so many more than the start takes.
const PAIRS: u64 = 100_000;

static OPERATIONS: AtomicU64 = AtomicU64::new(0);
static READY: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: everything is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        OPERATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        OPERATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        OPERATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

/// Runs before `main`, and before anything has allocated.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        for _ in 0..THREADS {
            start_thread(work);
        }
        while DONE.load(SeqCst) < THREADS {
            std::hint::spin_loop();
        }
    }
    before_main
};

extern "C" fn work(_: *mut libc::c_void) -> *mut libc::c_void {
    READY.fetch_add(1, SeqCst);
    while READY.load(SeqCst) < THREADS {
        std::hint::spin_loop();
    }
    let layout = Layout::new::<[u64; 4]>();
    for _ in 0..PAIRS {
        // SAFETY: the layout is not empty, and the block is of it.
        unsafe { dealloc(black_box(alloc(layout)), layout) };
    }
    DONE.fetch_add(1, SeqCst);
    null_mut()
}

fn main() {
    let path = std::env::var_os("ORACLE").expect("a file");
    let path = CString::new(path.as_bytes()).expect("a path");
    let count = OPERATIONS.load(SeqCst).to_le_bytes();
    // SAFETY: plain C calls with live texts; nothing allocates any more.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600);
        let written = libc::write(file, count.as_ptr().cast(), count.len());
        libc::_exit(i32::from(written != 8));
    }
}
