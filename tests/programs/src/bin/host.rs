//! What a program can see of its recorder: errno, addresses, its own stack, its memory,
//! threads; and what becomes of operations that are known beforehand.
//!
//! Arguments: what to look at, and how often.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use heapline_test_programs::work::{Log, work};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// Bytes of the block that is allocated before `main`.
const EARLY_BYTES: usize = 7_001;

/// Runs before `main`, when neither Rust's runtime nor its environment are there.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        free(allocate(EARLY_BYTES), EARLY_BYTES);
    }
    before_main
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|word| word.parse().ok());
    let times: u64 = times.expect("how often");
    match what.as_str() {
        "errno" => errno(times),
        "addresses" => addresses(times),
        "stack" => println!("{}", stack_use(times)),
        "guard" => near_the_guard(times as usize, false),
        "guard again" => near_the_guard(times as usize, true),
        "zeroed" => zeroed(times as usize),
        "late" => late(times),
        "wrong layouts" => wrong_layouts(times),
        "model" => model(times),
        "cancel" => cancel(times),
        "leak" => leak(),
        "toggled forks" => toggled_forks(times),
        other => panic!("nothing like {other}"),
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).expect("a valid layout")
}

fn allocate(bytes: usize) -> *mut u8 {
    // SAFETY: layouts here are not empty.
    let block = black_box(unsafe { alloc(layout(bytes)) });
    assert!(!block.is_null());
    block
}

fn free(block: *mut u8, bytes: usize) {
    // SAFETY: callers pass a block of that layout, once.
    unsafe { dealloc(black_box(block), layout(bytes)) };
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// What the C library's own calls leave alone when they succeed, the recorder must, too.
fn errno(times: u64) {
    let check = move || {
        // SAFETY: the thread's own variable.
        let errno = unsafe { &mut *libc::__errno_location() };
        // Several arenas and growth are behind us: success leaves errno alone.
        *errno = libc::EXDEV;
        for number in 0..times {
            let bytes = 16 + (number % 64) as usize;
            let block = allocate(bytes);
            assert_eq!(*errno, libc::EXDEV, "alloc {number}");
            // SAFETY: a block of that layout.
            let block = unsafe { realloc(block, layout(bytes), 2 * bytes) };
            assert_eq!(*errno, libc::EXDEV, "realloc {number}");
            free(block, 2 * bytes);
            assert_eq!(*errno, libc::EXDEV, "dealloc {number}");
        }
    };
    let threads = [(); 3].map(|()| std::thread::spawn(check));
    check();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

/// Prints a number that depends on every address, how many threads there are, and whether
/// the process may enter a user namespace, which one with threads may not.
fn addresses(times: u64) {
    let mut random = Random(88_172_645_463_325_252);
    let mut kept: Vec<(*mut u8, usize)> = vec![(null_mut(), 0); 500];
    let mut sum = 0_u64;
    for _ in 0..times {
        let place = random.below(kept.len());
        let (block, bytes) = kept[place];
        // Beyond 128 KiB the C library maps blocks, as the recorder maps its own memory.
        let new_bytes = 1 + random.below(20_000) * random.below(20) / 20;
        let block = if block.is_null() {
            allocate(new_bytes)
        } else if new_bytes.is_multiple_of(3) {
            // SAFETY: a block of that layout.
            unsafe { realloc(block, layout(bytes), new_bytes) }
        } else {
            free(block, bytes);
            allocate(new_bytes)
        };
        kept[place] = (block, new_bytes);
        sum = sum.wrapping_mul(31).wrapping_add(block as u64);
    }
    let tasks = std::fs::read_dir("/proc/self/task").expect("a process has one");
    let tasks = tasks.count();
    // SAFETY: plain C call.
    let answer = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    println!("{sum:x} {tasks} threads, unshare {answer}");
}

/// How many bytes of its stack a thread of C used that allocates and frees.
fn stack_use(times: u64) -> usize {
    const BYTES: usize = 16 << 10;
    const PAINT: u8 = 0xa5;
    extern "C" fn run(times: *mut libc::c_void) -> *mut libc::c_void {
        for number in 0..times as usize {
            free(allocate(16 + number % 100), 16 + number % 100);
        }
        null_mut()
    }
    assert_eq!(libc::PTHREAD_STACK_MIN, BYTES);
    // SAFETY: a new mapping as a stack, which is read when its thread is gone.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let stack = libc::mmap(null_mut(), BYTES, protection, flags, -1, 0).cast::<u8>();
        assert_ne!(stack.cast(), libc::MAP_FAILED);
        stack.write_bytes(PAINT, BYTES);
        let mut attributes = std::mem::zeroed();
        libc::pthread_attr_init(&mut attributes);
        assert_eq!(
            libc::pthread_attr_setstack(&mut attributes, stack.cast(), BYTES),
            0
        );
        let mut thread = 0;
        let argument = times as usize as *mut libc::c_void;
        assert_eq!(
            libc::pthread_create(&mut thread, &attributes, run, argument),
            0
        );
        libc::pthread_join(thread, null_mut());
        let bytes = std::slice::from_raw_parts(stack, BYTES);
        BYTES
            - bytes
                .iter()
                .position(|byte| *byte != PAINT)
                .unwrap_or(BYTES)
    }
}

/// Allocates where so many bytes of its stack are left to a thread, above a page that
/// nothing may touch; before that with more room, so that all is known, or not.
fn near_the_guard(left: usize, is_known: bool) {
    const BYTES: usize = 256 << 10;
    const PAGE: usize = 4096;
    #[inline(never)]
    fn descend(end: usize) {
        let here = black_box(0_u8);
        if &raw const here as usize > end {
            descend(end);
        } else {
            for number in 0..20_000 {
                free(allocate(16 + number % 100), 16 + number % 100);
            }
        }
        black_box(&here);
    }
    extern "C" fn run(ends: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the thread's argument, which outlives it.
        let ends = unsafe { *ends.cast::<[usize; 2]>() };
        // Recursions may be unrolled: by so many depths each of their calls is known.
        let depths = (0..16).map(|depth| ends[0] + 64 * depth);
        let all: Vec<usize> = depths.chain([ends[1]]).collect();
        for &end in black_box(&all) {
            descend(end);
        }
        null_mut()
    }
    // SAFETY: a new mapping as a stack, whose lowest page is its guard.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let guard = libc::mmap(null_mut(), PAGE + BYTES, libc::PROT_NONE, flags, -1, 0);
        assert_ne!(guard, libc::MAP_FAILED);
        let stack = guard.byte_add(PAGE);
        assert_eq!(libc::mprotect(stack, BYTES, protection), 0);
        let mut attributes = std::mem::zeroed();
        libc::pthread_attr_init(&mut attributes);
        assert_eq!(
            libc::pthread_attr_setstack(&mut attributes, stack, BYTES),
            0
        );
        let mut thread = 0;
        let end = stack.addr() + left;
        let first = if is_known { end + BYTES / 2 } else { end };
        let mut ends = [first, end];
        let argument = (&raw mut ends).cast();
        assert_eq!(
            libc::pthread_create(&mut thread, &attributes, run, argument),
            0
        );
        libc::pthread_join(thread, null_mut());
    }
}

/// Prints by how many KiB the process grows with a block that nobody touches.
fn zeroed(bytes: usize) {
    let before = resident_kib();
    let block = black_box(vec![0_u8; bytes]);
    let after = resident_kib();
    assert_eq!(block[bytes / 2], 0);
    println!("{}", after.saturating_sub(before));
}

fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a process has one");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number") * 4
}

/// Blocks from before the recording, freed and reallocated while it goes on.
fn late(times: u64) {
    let blocks: Vec<*mut u8> = (0..times).map(|_| allocate(10)).collect();
    let config = heapline::Config::new().out("trace.heapline");
    let recording = heapline::start(&config).expect("starts");
    for (number, &block) in blocks.iter().enumerate() {
        if number % 2 == 0 {
            free(block, 10);
        } else {
            // SAFETY: a block of that layout.
            free(unsafe { realloc(block, layout(10), 1_000) }, 1_000);
        }
    }
    drop(recording);
}

/// Blocks freed with layouts that are not theirs, which the system's allocator does not
/// mind; each second one by way of a reallocation from such a layout.
fn wrong_layouts(times: u64) {
    for number in 0..times {
        let block = allocate(1_000);
        if number % 2 == 0 {
            free(block, 10);
        } else {
            // SAFETY: for the allocator below a block is a block.
            let block = unsafe { realloc(block, layout(5), 2_000) };
            free(block, 3_000);
        }
    }
}

/// Where the model's figures go: live bytes after each operation.
const MODEL: &str = "model";

/// Random operations; the live bytes behind each are written to a file.
fn model(times: u64) {
    let mut random = Random(88_172_645_463_325_252);
    let mut kept: Vec<(*mut u8, usize)> = vec![(null_mut(), 0); 200];
    let mut live = Vec::with_capacity(times as usize);
    let mut sum = 0_u64;
    let marker = allocate(999_983);
    for _ in 0..times {
        let place = random.below(kept.len());
        let (block, bytes) = kept[place];
        // Small, large, and so large that the C library remaps.
        let new_bytes = 1 + match random.below(100) {
            0 => random.below(4 << 20),
            1..10 => random.below(200_000),
            _ => random.below(2_000),
        };
        let is_freed = !block.is_null() && random.below(3) == 0;
        kept[place] = if block.is_null() {
            (allocate(new_bytes), new_bytes)
        } else if is_freed {
            free(block, bytes);
            (null_mut(), 0)
        } else {
            // SAFETY: a block of that layout.
            let moved = black_box(unsafe { realloc(block, layout(bytes), new_bytes) });
            assert!(!moved.is_null());
            (moved, new_bytes)
        };
        sum = sum - bytes as u64 + kept[place].1 as u64;
        live.push(sum);
    }
    free(marker, 999_983);
    let bytes: Vec<u8> = live.iter().flat_map(|live| live.to_le_bytes()).collect();
    std::fs::write(MODEL, bytes).expect("writable");
}

static STOP: AtomicBool = AtomicBool::new(false);

/// A thread that was cancelled before it begins, and may only end where it says so.
fn cancel(rounds: u64) {
    unsafe extern "C-unwind" {
        fn pthread_testcancel();
    }
    extern "C-unwind" fn run(rounds: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: a text that ends in zero.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"worker-0".as_ptr()) };
        work(0, LOG.get().expect("mapped"), rounds as u64, &STOP);
        // SAFETY: no frame here has anything to drop.
        unsafe { pthread_testcancel() };
        STOP.store(true, SeqCst);
        null_mut()
    }
    static LOG: std::sync::OnceLock<&'static Log> = std::sync::OnceLock::new();
    LOG.set(Log::map()).ok().expect("the first");
    // SAFETY: the types are the same but for unwinding, which C's side expects.
    unsafe {
        type Start = extern "C" fn(*mut libc::c_void) -> *mut libc::c_void;
        let start = std::mem::transmute::<*const (), Start>(run as *const ());
        let mut thread = 0;
        let argument = rounds as usize as *mut libc::c_void;
        assert_eq!(
            libc::pthread_create(&mut thread, std::ptr::null(), start, argument),
            0
        );
        libc::pthread_cancel(thread);
        let mut result = null_mut();
        libc::pthread_join(thread, &mut result);
        assert_eq!(result as isize, -1, "it was cancelled");
    }
    assert!(!STOP.load(SeqCst));
}

/// Takes memory until the kernel ends the process; notes how many MiB it had.
fn leak() {
    let log = Log::map();
    loop {
        let mut block = vec![1_u8; 1 << 20];
        for page in block.chunks_mut(4096) {
            page[0] = 2;
        }
        std::mem::forget(black_box(block));
        log.notes[0].fetch_add(1, SeqCst);
    }
}

/// Forks while a thread starts and stops recordings; each child makes one of its own.
fn toggled_forks(times: u64) {
    static STOP: AtomicBool = AtomicBool::new(false);
    /// Longer than any child takes; then SIGALRM ends it.
    const DEADLINE_SECONDS: u32 = 20;
    let toggle = || {
        while !STOP.load(SeqCst) {
            let config = heapline::Config::new().out("toggled");
            let recording = heapline::start(&config).expect("starts");
            free(allocate(64), 64);
            drop(recording);
        }
    };
    let toggling = std::thread::spawn(toggle);
    for _ in 0..times {
        // SAFETY: the thread holds no lock but the recorder's and the C library's own.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // SAFETY: plain C calls.
            unsafe { libc::alarm(DEADLINE_SECONDS) };
            let recording = heapline::start(&heapline::Config::new().out("child"));
            free(allocate(5_003), 5_003);
            let code = i32::from(recording.is_err() || !heapline::stop());
            // SAFETY: ends the child.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: a child of this process, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
    }
    STOP.store(true, SeqCst);
    toggling.join().expect("no panic");
}
