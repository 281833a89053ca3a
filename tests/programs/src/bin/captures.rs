//! Allocations on stacks that change in every way a stack can: for comparing stacks
//! from the memo with stacks that are walked whole.
//!
//! Arguments: a workload, and how often to do it.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, Ordering};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// Longer than the longest run takes; then SIGALRM ends a program that hangs.
const DEADLINE_SECONDS: u32 = 900;

fn main() {
    // SAFETY: plain C call.
    unsafe { libc::alarm(DEADLINE_SECONDS) };
    let mut arguments = std::env::args().skip(1);
    let workload = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|word| word.parse().ok());
    let times: u64 = times.expect("how often");
    match workload.as_str() {
        "calls" => (1..=times).for_each(random_calls),
        "panics" => panics(times),
        "threads" => threads(times),
        "callbacks" => callbacks(times),
        "signals" => signals(times),
        "stacks" => coroutines::run(times),
        "libraries" => libraries(times),
        other => panic!("no workload {other}"),
    }
}

/// A small generator, so that runs are alike.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A walk through functions that call each other at random and allocate on the way.
struct Calls {
    random: Random,
    /// Allocations to come.
    left: u64,
    /// A panic when so many are left.
    panic_at: Option<u64>,
}

type Function = fn(&mut Calls, u64) -> u64;

impl Calls {
    fn new(seed: u64, allocations: u64) -> Self {
        Calls {
            random: Random::new(seed),
            left: allocations,
            panic_at: None,
        }
    }

    /// A block by one of the ways to get one; a reallocation counts as another stack.
    #[inline(never)]
    fn allocate(&mut self) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if self.panic_at == Some(self.left) {
            panic_any(self.left);
        }
        match self.random.below(3) {
            0 => drop(black_box(Box::new(self.left))),
            1 => drop(black_box(vec![0_u8; 100])),
            _ => {
                let mut grown = Vec::with_capacity(4);
                grown.extend(black_box(0..9_u32));
                black_box(&grown);
            }
        }
    }

    fn next(&mut self, depth: u64) -> u64 {
        if self.random.below(3) == 0 {
            self.allocate();
        }
        if depth == 0 || self.left == 0 {
            return 1;
        }
        const FUNCTIONS: [Function; 7] = [
            small_frame,
            twin_of_small_frame,
            large_frame,
            counting,
            counting_in_many_registers,
            by_closure,
            aligned_frame,
        ];
        let function = FUNCTIONS[self.random.below(FUNCTIONS.len() as u64) as usize];
        black_box(function)(self, depth - 1)
    }
}

#[inline(never)]
fn small_frame(calls: &mut Calls, depth: u64) -> u64 {
    calls.next(depth) + black_box(1)
}

#[inline(never)]
fn twin_of_small_frame(calls: &mut Calls, depth: u64) -> u64 {
    calls.next(depth) + black_box(2)
}

#[inline(never)]
fn large_frame(calls: &mut Calls, depth: u64) -> u64 {
    let bytes = black_box([depth as u8; 3_000]);
    calls.next(depth) + u64::from(bytes[black_box(17)])
}

#[inline(never)]
fn counting(calls: &mut Calls, depth: u64) -> u64 {
    let mut sum = 0;
    for number in 0..black_box(depth % 3 + 1) {
        sum += calls.next(depth) + number;
    }
    sum
}

/// Enough live values that one of them ends up in the frame pointer's register.
#[inline(never)]
fn counting_in_many_registers(calls: &mut Calls, depth: u64) -> u64 {
    let [mut a, mut b, mut c, mut d, mut e] = black_box([1_u64, 2, 3, 4, 5]);
    for number in 0..black_box(2) {
        let value = calls.next(depth);
        (a, b, c, d, e) = (b ^ value, c + number, d ^ a, e ^ b, a ^ c);
    }
    a ^ b ^ c ^ d ^ e
}

#[inline(never)]
fn by_closure(calls: &mut Calls, depth: u64) -> u64 {
    let addend = black_box(3);
    let mut call = |calls: &mut Calls| calls.next(depth) + addend;
    let call: &mut dyn FnMut(&mut Calls) -> u64 = black_box(&mut call);
    call(calls)
}

/// A frame that must align its stack pointer, and so is found through its frame pointer.
#[inline(never)]
fn aligned_frame(calls: &mut Calls, depth: u64) -> u64 {
    #[repr(align(128))]
    struct Aligned([u64; 16]);
    let values = black_box(Aligned([depth; 16]));
    calls.next(depth) + values.0[black_box(5)]
}

/// A thousand allocations on random stacks up to 60 deep, and some far deeper.
fn random_calls(seed: u64) {
    let mut calls = Calls::new(seed, 1_000);
    while calls.left > 0 {
        let depth = match calls.random.below(50) {
            0 => 400,
            _ => calls.random.below(60),
        };
        black_box(calls.next(depth));
    }
}

/// Frees and allocates while a panic takes the stack down.
struct Allocating(u64);

impl Drop for Allocating {
    fn drop(&mut self) {
        drop(black_box(vec![self.0; 3]));
    }
}

#[inline(never)]
fn panic_below(calls: &mut Calls, depth: u64) -> u64 {
    let _on_the_way_out = Allocating(depth);
    if depth == 0 {
        calls.panic_at = Some(calls.left.saturating_sub(calls.random.below(20) + 1));
        while calls.left > 0 {
            black_box(calls.next(10));
        }
        return 0;
    }
    panic_below(calls, depth - 1) + black_box(1)
}

/// Panics that are thrown and caught at random depths.
fn panics(times: u64) {
    std::panic::set_hook(Box::new(|_| drop(black_box(Box::new(1)))));
    for seed in 1..=times {
        let mut calls = Calls::new(seed, 60);
        let depth = calls.random.below(30);
        let caught = catch_unwind(AssertUnwindSafe(|| panic_below(&mut calls, depth)));
        assert!(caught.is_err());
        calls.panic_at = None;
        black_box(calls.next(20));
    }
    let _ = std::panic::take_hook();
}

/// Threads that follow each other in the same slots, four at a time.
fn threads(times: u64) {
    for round in 0..times {
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || random_calls(round * 4 + thread + 1));
            }
        });
    }
}

extern "C" fn compare(left: *const libc::c_void, right: *const libc::c_void) -> libc::c_int {
    // SAFETY: the sort passes pointers to two elements.
    let (left, right) = unsafe { (*left.cast::<u32>(), *right.cast::<u32>()) };
    let mut calls = Calls::new(u64::from(left ^ right) + 1, 3);
    black_box(calls.next(5));
    left.cmp(&right) as libc::c_int
}

type Sort = unsafe extern "C" fn(
    *mut libc::c_void,
    usize,
    usize,
    Option<unsafe extern "C" fn(*const libc::c_void, *const libc::c_void) -> libc::c_int>,
);

/// C's sort, whose comparison allocates.
fn sort_by(sort: Sort, seed: u64, numbers: u64) {
    let mut random = Random::new(seed);
    let mut numbers: Vec<u32> = (0..numbers).map(|_| random.below(1 << 30) as u32).collect();
    // SAFETY: so many elements of four bytes, compared as such.
    unsafe { sort(numbers.as_mut_ptr().cast(), numbers.len(), 4, Some(compare)) };
    assert!(numbers.is_sorted());
}

fn callbacks(times: u64) {
    for seed in 1..=times {
        sort_by(libc::qsort, seed, 64);
    }
}

extern "C" fn on_signal(signal: libc::c_int) {
    let mut calls = Calls::new(signal as u64, 10);
    black_box(calls.next(8));
}

/// Signals that a thread raises itself, so no lock of the allocator is held; handled on
/// its own stack and on another one.
fn signals(times: u64) {
    let mut other_stack = vec![0_u8; 256 << 10];
    let handlers = [(libc::SIGUSR1, 0), (libc::SIGUSR2, libc::SA_ONSTACK)];
    // SAFETY: the stack outlives its use, all zero is a valid sigaction, and the
    // handler is a function of that type.
    unsafe {
        let stack = libc::stack_t {
            ss_sp: other_stack.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: other_stack.len(),
        };
        assert_eq!(libc::sigaltstack(&stack, std::ptr::null_mut()), 0);
        for (signal, flags) in handlers {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = flags;
            assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
        }
    }
    #[inline(never)]
    fn raise_below(depth: u64, signal: libc::c_int) -> u64 {
        if depth == 0 {
            // SAFETY: a handler is installed.
            assert_eq!(unsafe { libc::raise(signal) }, 0);
            return 0;
        }
        raise_below(depth - 1, signal) + black_box(1)
    }
    for round in 0..times {
        let (signal, _) = handlers[round as usize % 2];
        raise_below(round % 13, signal);
        black_box(Calls::new(round + 1, 5).next(9));
    }
    std::mem::forget(other_stack);
}

/// Coroutines on stacks of their own, by the C library's contexts.
mod coroutines {
    use super::{Calls, black_box};
    use std::cell::Cell;

    const STACK_BYTES: usize = 256 << 10;
    const COROUTINES: usize = 3;

    struct Coroutine {
        own: libc::ucontext_t,
        main: libc::ucontext_t,
        stack: *mut libc::c_void,
    }

    thread_local! {
        static CURRENT: Cell<*mut Coroutine> = const { Cell::new(std::ptr::null_mut()) };
        static DONE: Cell<bool> = const { Cell::new(false) };
    }

    /// Leaves a coroutine until it is resumed.
    fn suspend() {
        let current = CURRENT.get();
        // SAFETY: a coroutine runs, and its two contexts were saved by this one's kin.
        unsafe { assert_eq!(libc::swapcontext(&mut (*current).own, &(*current).main), 0) };
    }

    /// Goes on with a coroutine where it left.
    fn resume(coroutine: *mut Coroutine) {
        CURRENT.set(coroutine);
        // SAFETY: its context was made or saved, and its stack is there.
        unsafe {
            assert_eq!(
                libc::swapcontext(&mut (*coroutine).main, &(*coroutine).own),
                0
            )
        };
    }

    #[inline(never)]
    fn allocate_and_suspend(depth: u64, seed: u64) -> u64 {
        black_box(Calls::new(seed + depth, 4).next(7));
        suspend();
        if depth == 0 {
            return 0;
        }
        allocate_and_suspend(depth - 1, seed) + black_box(1)
    }

    extern "C" fn body() {
        let mut seed = 1;
        while !DONE.get() {
            black_box(allocate_and_suspend(seed % 9, seed));
            seed += 1;
        }
        loop {
            suspend();
        }
    }

    fn start() -> Box<Coroutine> {
        // SAFETY: fresh memory with a page on both sides that cannot be touched, all
        // zero is a valid context, and it is made before it is resumed.
        unsafe {
            let bytes = STACK_BYTES + 2 * 4096;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            let stack = memory.byte_add(4096);
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(stack, STACK_BYTES, protection), 0);
            let mut coroutine: Box<Coroutine> = Box::new(Coroutine {
                own: std::mem::zeroed(),
                main: std::mem::zeroed(),
                stack,
            });
            assert_eq!(libc::getcontext(&mut coroutine.own), 0);
            coroutine.own.uc_stack.ss_sp = coroutine.stack;
            coroutine.own.uc_stack.ss_size = STACK_BYTES;
            libc::makecontext(&mut coroutine.own, body, 0);
            coroutine
        }
    }

    /// Switches between several, and allocates on the thread's own stack in between.
    pub(super) fn run(times: u64) {
        let mut coroutines: Vec<Box<Coroutine>> = (0..COROUTINES).map(|_| start()).collect();
        for round in 0..times {
            resume(&mut *coroutines[round as usize % COROUTINES]);
            if round.is_multiple_of(3) {
                black_box(Calls::new(round + 1, 4).next(7));
            }
        }
        DONE.set(true);
    }
}

/// A second C library that comes and goes, and calls back into the program, while
/// another thread allocates and loads and unloads one, too.
fn libraries(times: u64) {
    static DONE: AtomicBool = AtomicBool::new(false);
    let other = std::thread::spawn(|| {
        let mut seed = 0;
        while !DONE.load(Ordering::Relaxed) {
            seed += 1;
            open_and_close_a_library();
            random_calls(seed);
        }
    });
    for seed in 1..=times {
        sort_in_another_c_library(seed);
        random_calls(seed);
    }
    DONE.store(true, Ordering::Relaxed);
    other.join().expect("no panic");
}

fn open_and_close_a_library() {
    // SAFETY: nothing of the library is used.
    unsafe {
        let library = libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null());
        libc::dlclose(library);
    }
}

fn sort_in_another_c_library(seed: u64) {
    // SAFETY: the library is closed after its last use, and `qsort` has that type.
    unsafe {
        let library = libc::dlmopen(libc::LM_ID_NEWLM, c"libc.so.6".as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null());
        let sort = libc::dlsym(library, c"qsort".as_ptr());
        assert!(!sort.is_null());
        let sort = std::mem::transmute::<*mut libc::c_void, Sort>(sort);
        sort_by(sort, seed, 16);
        libc::dlclose(library);
    }
}
