//! An ABA storm: threads in a circle allocate blocks, hand them on at once through
//! plain loads and stores, and free or reallocate what they get at once; the inner
//! allocator gives addresses back in the same way. So each address passes from thread
//! to thread as fast as two cores can do it, with no locked instruction on its way that
//! would bring the stamps into order by itself.
//!
//! A *begin* is an allocation or reallocation. Begin `k` of thread `t` asks for the
//! bytes that [`bytes`] says, and is the `k`-th that thread `t + 1` ends: both are in
//! the block, and checked.
//!
//! Arguments: threads, begins of each, and if recording is to start in the middle the
//! path of the trace. Prints the addresses of the pool.

use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc, realloc};
use std::cell::{Cell, UnsafeCell};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};

#[global_allocator]
static ALLOC: heapline::Heapline<Pool> = heapline::Heapline::wrapping(Pool).always();

/// Most threads; divides the 4,000 of [`bytes`].
const THREADS: usize = 16;
/// Blocks that each thread may have made and not got back: few, so that every address
/// comes again at once.
const BLOCKS: usize = 3;
/// Room of each, whatever was asked for.
const ROOM: usize = 4096;
/// Longer than any run takes.
const DEADLINE_SECONDS: u32 = 300;
/// Tells the pool's layouts from those of the runtime.
const ALIGN: usize = 64;

/// What a begin asks for: different for all that are close together.
fn bytes(thread: usize, begin: u64) -> usize {
    16 + (begin as usize * THREADS + thread) % 4000
}

/// A place is null until a block lies in it. One thread puts, one takes.
struct Ring {
    places: [AtomicPtr<u8>; BLOCKS],
    put: AtomicUsize,
    taken: AtomicUsize,
}

impl Ring {
    const fn new() -> Ring {
        Ring {
            places: [const { AtomicPtr::new(std::ptr::null_mut()) }; BLOCKS],
            put: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        }
    }

    fn put(&self, block: *mut u8) {
        let at = self.put.load(Relaxed);
        self.put.store(at + 1, Relaxed);
        // There are no more blocks than places.
        assert!(self.places[at % BLOCKS].load(Relaxed).is_null());
        self.places[at % BLOCKS].store(block, Release);
    }

    fn has_any(&self) -> bool {
        let at = self.taken.load(Relaxed);
        !self.places[at % BLOCKS].load(Acquire).is_null()
    }

    /// Null if there is none.
    fn take(&self) -> *mut u8 {
        let at = self.taken.load(Relaxed);
        let block = self.places[at % BLOCKS].load(Acquire);
        if !block.is_null() {
            self.places[at % BLOCKS].store(std::ptr::null_mut(), Release);
            self.taken.store(at + 1, Relaxed);
        }
        block
    }
}

/// Blocks that thread `t` may allocate; thread `t + 1` puts them back.
static FREE: [Ring; THREADS] = [const { Ring::new() }; THREADS];
/// Blocks on their way from thread `t` to thread `t + 1`.
static PASSED: [Ring; THREADS] = [const { Ring::new() }; THREADS];

#[repr(C, align(4096))]
struct Arena(UnsafeCell<[[[u8; ROOM]; BLOCKS]; THREADS]>);

// SAFETY: each block is used by the one thread that has it.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([[[0; ROOM]; BLOCKS]; THREADS]));

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// What was asked of the inner allocator, in memory shared with the test: first by
/// everyone beside the pool, then for each thread of the circle. The names are those
/// of the summary.
struct Counts {
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
    deallocations: AtomicU64,
    reallocations: AtomicU64,
    reallocated_bytes: AtomicU64,
}

impl Counts {
    /// The thread's own counters: no locked instruction.
    fn add(counter: &AtomicU64, amount: usize) {
        counter.store(counter.load(Relaxed) + amount as u64, Relaxed);
    }
}

static COUNTS: AtomicPtr<Counts> = AtomicPtr::new(std::ptr::null_mut());

/// Maps the file that the variable ORACLE names, or memory if it names none. The first
/// allocation comes before there is a second thread.
fn counts() -> &'static [Counts; THREADS + 1] {
    if COUNTS.load(Acquire).is_null() {
        // SAFETY: plain C calls on constants and their own results.
        unsafe {
            let path = libc::getenv(c"ORACLE".as_ptr());
            let mut flags = libc::MAP_SHARED;
            let mut file = -1;
            if path.is_null() {
                flags |= libc::MAP_ANONYMOUS;
            } else {
                file = libc::open(path, libc::O_RDWR | libc::O_CREAT, 0o600);
                assert!(file >= 0 && libc::ftruncate(file, 4096) == 0);
            }
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let memory = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, file, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            COUNTS.store(memory.cast(), Release);
        }
    }
    // SAFETY: the mapping has room for them and is never unmapped.
    unsafe { &*COUNTS.load(Acquire).cast() }
}

/// The system's allocator, and a pool for layouts of that alignment.
struct Pool;

impl Pool {
    fn take(&self) -> *mut u8 {
        FREE[THREAD.get()].take()
    }

    fn give_back(&self, block: *mut u8) {
        let offset = block as usize - ARENA.0.get() as usize;
        FREE[offset / (ROOM * BLOCKS)].put(block);
    }
}

// SAFETY: forwards to the system's allocator, or hands out blocks that are large and
// aligned enough and in nobody's hands.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() != ALIGN {
            counts()[0].allocations.fetch_add(1, Relaxed);
            let bytes = layout.size() as u64;
            counts()[0].allocated_bytes.fetch_add(bytes, Relaxed);
            // SAFETY: the caller's promises are passed on; so in all methods.
            return unsafe { System.alloc(layout) };
        }
        let own = &counts()[THREAD.get() + 1];
        Counts::add(&own.allocations, 1);
        Counts::add(&own.allocated_bytes, layout.size());
        self.take()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() != ALIGN {
            counts()[0].deallocations.fetch_add(1, Relaxed);
            // SAFETY: as above.
            return unsafe { System.dealloc(block, layout) };
        }
        Counts::add(&counts()[THREAD.get() + 1].deallocations, 1);
        self.give_back(block);
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() != ALIGN {
            counts()[0].reallocations.fetch_add(1, Relaxed);
            let bytes = new_size as u64;
            counts()[0].reallocated_bytes.fetch_add(bytes, Relaxed);
            // SAFETY: as above.
            return unsafe { System.realloc(block, layout, new_size) };
        }
        let own = &counts()[THREAD.get() + 1];
        Counts::add(&own.reallocations, 1);
        Counts::add(&own.reallocated_bytes, new_size);
        let moved = self.take();
        self.give_back(block);
        moved
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let (threads, begins) = (number(0) as usize, number(1));
    // SAFETY: plain C call. A program that hangs ends by SIGALRM.
    unsafe { libc::alarm(DEADLINE_SECONDS) };
    let base = ARENA.0.get().cast::<u8>();
    println!("pool {} {}", base as usize, ROOM * BLOCKS * THREADS);
    for (thread, free) in FREE.iter().enumerate() {
        for block in 0..BLOCKS {
            free.put(base.wrapping_add((thread * BLOCKS + block) * ROOM));
        }
    }
    let from_the_middle = arguments.get(2);
    RECORDS.store(from_the_middle.is_none(), Release);
    let workers: Vec<_> = (0..threads)
        .map(|thread| std::thread::spawn(move || work(thread, threads, begins)))
        .collect();
    let mut recording = None;
    if let Some(path) = from_the_middle {
        while BEGUN[0].load(Relaxed) < begins / 3 {
            std::thread::yield_now();
        }
        let config = heapline::Config::new().out(path);
        recording = Some(heapline::start(&config).expect("starts"));
        RECORDS.store(true, Release);
    }
    for worker in workers {
        worker.join().expect("no panic");
    }
    // To the very end, like one that began with the program.
    std::mem::forget(recording);
}

/// How many begins each thread has made so far, and whether these are all.
static BEGUN: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
static FINISHED: [AtomicBool; THREADS] = [const { AtomicBool::new(false) }; THREADS];

/// Recording has begun. Until then no thread makes the last third of its begins, so that
/// each is sure to be seen making some.
static RECORDS: AtomicBool = AtomicBool::new(false);

fn may_begin(thread: usize, begun: u64, begins: u64) -> bool {
    begun < begins
        && (begun < begins - begins / 3 || RECORDS.load(Acquire))
        && FREE[thread].has_any()
}

fn work(thread: usize, threads: usize, begins: u64) {
    THREAD.set(thread);
    let before = (thread + threads - 1) % threads;
    let (mut begun, mut ended) = (0, 0);
    let mut idle = 0_u32;
    while !(begun == begins
        && FINISHED[before].load(Acquire)
        && ended == BEGUN[before].load(Relaxed))
    {
        let mut worked = false;
        let block = PASSED[before].take();
        if !block.is_null() {
            check(block, before, ended);
            let layout = layout(before, ended);
            // Reallocated blocks go further round.
            let goes_on = ended.is_multiple_of(4) && may_begin(thread, begun, begins);
            // SAFETY: the block is of that layout and in this thread's hands.
            unsafe {
                if goes_on {
                    pass(realloc(block, layout, bytes(thread, begun)), thread, begun);
                    begun += 1;
                } else {
                    dealloc(block, layout);
                }
            }
            ended += 1;
            worked = true;
        }
        if may_begin(thread, begun, begins) {
            // SAFETY: the layout is not empty.
            pass(unsafe { alloc(layout(thread, begun)) }, thread, begun);
            begun += 1;
            worked = true;
        }
        BEGUN[thread].store(begun, Relaxed);
        FINISHED[thread].store(begun == begins, Release);
        idle = if worked { 0 } else { idle + 1 };
        // With fewer processors than threads the others must have their turn.
        if idle.is_multiple_of(200) && idle > 0 {
            std::thread::yield_now();
        }
        spin_loop();
    }
}

fn layout(thread: usize, begin: u64) -> Layout {
    Layout::from_size_align(bytes(thread, begin), ALIGN).expect("a valid layout")
}

/// Writes into the block whose begin it is, and hands it on at once.
fn pass(block: *mut u8, thread: usize, begin: u64) {
    assert!(!block.is_null());
    // SAFETY: every block has room for two words and is aligned.
    unsafe { block.cast::<[u64; 2]>().write([thread as u64, begin]) };
    PASSED[thread].put(black_box(block));
}

fn check(block: *mut u8, thread: usize, begin: u64) {
    // SAFETY: as in `pass`, by the thread that had the block before.
    let found = unsafe { block.cast::<[u64; 2]>().read() };
    assert_eq!(found, [thread as u64, begin]);
}
