//! The oracle: an allocator that counts by itself, in memory shared with the test. And
//! what else several programs need.

pub mod pool;
pub mod work;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::SeqCst};

/// What is counted, in the order in which the numbers lie in the file.
pub const COUNTERS: [&str; 12] = [
    "allocations",
    "allocated_bytes",
    "deallocations",
    "deallocated_bytes",
    "reallocations",
    "reallocated_bytes",
    "failed_allocations",
    "live_at_end_bytes",
    "live_at_end_blocks",
    "peak_bytes",
    "unknown",
    "operations",
];

/// Blocks that can be live at once.
const SLOTS: usize = 1 << 20;

/// Counts below heapline: what it is asked for, the inner allocator is asked for.
/// Bytes come from its own table, never from the layout of a deallocation.
pub struct Oracle<A = System> {
    inner: A,
    table: [(AtomicU64, AtomicU64); SLOTS],
    locked: AtomicBool,
}

static COUNTS: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
static FALLBACK: [AtomicU64; COUNTERS.len()] = [const { AtomicU64::new(0) }; COUNTERS.len()];

/// Starts a thread as C does: before `main`, and with no allocation of Rust's.
pub fn start_thread(run: extern "C" fn(*mut c_void) -> *mut c_void) {
    let mut thread = 0;
    // SAFETY: a function of that type, and a place for the thread's number.
    let answer =
        unsafe { libc::pthread_create(&mut thread, std::ptr::null(), run, std::ptr::null_mut()) };
    assert_eq!(answer, 0);
}

fn counter(name: &str) -> &'static AtomicU64 {
    let index = COUNTERS
        .iter()
        .position(|counter| *counter == name)
        .expect("a known counter");
    let counts = COUNTS.load(SeqCst);
    if counts.is_null() {
        return &FALLBACK[index];
    }
    // SAFETY: the mapping has room for all counters and is never unmapped.
    unsafe { &*counts.add(index) }
}

/// Maps the file that the variable ORACLE names, once; true if that was just now. No Rust
/// allocation here.
fn map_counts() -> bool {
    if !COUNTS.load(SeqCst).is_null() {
        return false;
    }
    // SAFETY: plain C calls on a zero-terminated constant and their own results.
    unsafe {
        let path = libc::getenv(c"ORACLE".as_ptr());
        if path.is_null() {
            return false;
        }
        let file = libc::open(path, libc::O_RDWR | libc::O_CREAT, 0o600);
        if file < 0 || libc::ftruncate(file, 4096) != 0 {
            return false;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let memory = libc::mmap(
            std::ptr::null_mut(),
            4096,
            protection,
            libc::MAP_SHARED,
            file,
            0,
        );
        libc::close(file);
        let is_mapped = memory != libc::MAP_FAILED;
        if is_mapped {
            COUNTS.store(memory.cast(), SeqCst);
        }
        is_mapped
    }
}

fn add(name: &str, amount: u64) {
    counter(name).fetch_add(amount, SeqCst);
}

impl Oracle<System> {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Oracle::over(System)
    }
}

impl<A> Oracle<A> {
    /// Counts what this allocator is asked for.
    pub const fn over(inner: A) -> Self {
        Oracle {
            inner,
            table: [const { (AtomicU64::new(0), AtomicU64::new(0)) }; SLOTS],
            locked: AtomicBool::new(false),
        }
    }

    fn locked<T>(&self, work: impl FnOnce() -> T) -> T {
        while self.locked.swap(true, SeqCst) {
            std::hint::spin_loop();
        }
        if map_counts() {
            self.touch();
        }
        let result = work();
        self.locked.store(false, SeqCst);
        result
    }

    /// Has the kernel give the table all its pages: else the process's memory would depend
    /// on which addresses there were.
    fn touch(&self) {
        const PAGE_SLOTS: usize = 4096 / size_of::<(AtomicU64, AtomicU64)>();
        for slot in self.table.iter().step_by(PAGE_SLOTS) {
            slot.0.fetch_add(0, SeqCst);
        }
    }

    /// The slot of an address: linear probing, freed slots keep the mark 1.
    fn slot(&self, address: u64, insert: bool) -> &(AtomicU64, AtomicU64) {
        let mut at = (address >> 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize % SLOTS;
        loop {
            let found = self.table[at].0.load(SeqCst);
            if found == address || found == 0 || (insert && found == 1) {
                return &self.table[at];
            }
            at = (at + 1) % SLOTS;
        }
    }

    fn born(&self, address: *mut u8, bytes: usize) {
        let slot = self.slot(address as u64, true);
        slot.0.store(address as u64, SeqCst);
        slot.1.store(bytes as u64, SeqCst);
        add("live_at_end_blocks", 1);
        add("live_at_end_bytes", bytes as u64);
        let live = counter("live_at_end_bytes").load(SeqCst);
        counter("peak_bytes").fetch_max(live, SeqCst);
    }

    fn died(&self, address: *mut u8) -> u64 {
        let slot = self.slot(address as u64, false);
        if slot.0.load(SeqCst) != address as u64 {
            add("unknown", 1);
            return 0;
        }
        slot.0.store(1, SeqCst);
        let bytes = slot.1.load(SeqCst);
        counter("live_at_end_blocks").fetch_sub(1, SeqCst);
        counter("live_at_end_bytes").fetch_sub(bytes, SeqCst);
        bytes
    }

    fn allocated(&self, block: *mut u8, bytes: usize) {
        self.locked(|| {
            if block.is_null() {
                return add("failed_allocations", 1);
            }
            add("operations", 1);
            add("allocations", 1);
            add("allocated_bytes", bytes as u64);
            self.born(block, bytes);
        });
    }
}

// SAFETY: forwards to the inner allocator unchanged.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Oracle<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on; so in all methods.
        let block = unsafe { self.inner.alloc(layout) };
        self.allocated(block, layout.size());
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        self.allocated(block, layout.size());
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.locked(|| {
            let bytes = self.died(block);
            add("operations", 1);
            add("deallocations", 1);
            add("deallocated_bytes", bytes);
        });
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        self.locked(|| {
            // SAFETY: as above. Under the lock, so that no other thread gets the old
            // address before it is taken out of the table.
            let moved = unsafe { self.inner.realloc(block, layout, new_size) };
            if moved.is_null() {
                add("failed_allocations", 1);
                return moved;
            }
            self.died(block);
            add("operations", 1);
            add("reallocations", 1);
            add("reallocated_bytes", new_size as u64);
            self.born(moved, new_size);
            moved
        })
    }
}
