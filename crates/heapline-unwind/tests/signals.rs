//! Captures inside signal handlers: on the interrupted stack, on another one,
//! and between any two instructions.
#![allow(unsafe_code)]

mod common;

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use common::{Recorder, oracle, plain};
use heapline_unwind::{FrameAddress, Registers, StackEnd};

/// Signals belong to the process: one test at a time.
static TURN: Mutex<()> = Mutex::new(());
/// What the handler captures into.
static RECORDER: AtomicPtr<Recorder> = AtomicPtr::new(std::ptr::null_mut());
static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_signal: libc::c_int) {
    // SAFETY: the test that waits for the signal has put a recorder there and
    // does not use it meanwhile.
    let recorder = unsafe { &mut *RECORDER.load(Ordering::SeqCst) };
    let start = Registers::current();
    let node = recorder.capture(start);
    let (frames, end) = recorder.tree.stack(node);
    assert_eq!(end, StackEnd::Complete);
    assert_eq!(plain(&frames[1..]), oracle(start.sp)[1..]);
    let exact = |frame: &&FrameAddress| matches!(frame, FrameAddress::Exact(_));
    assert_eq!(frames.iter().filter(exact).count(), 1);
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

fn install(signal: libc::c_int, flags: libc::c_int) {
    // SAFETY: all zero is a valid sigaction, and the handler lives for ever.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

fn raise(signal: libc::c_int) {
    // SAFETY: a handler is installed.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// Raises the signal on several levels of a stack, between ordinary captures.
fn raise_on_the_way_down(recorder: &mut Recorder, signal: libc::c_int) {
    #[inline(never)]
    fn descend(depth: u64, signal: libc::c_int, recorder: *mut Recorder) -> u64 {
        raise(signal);
        // SAFETY: no handler runs now, and the recorder outlives the call.
        unsafe { (*recorder).check() };
        raise(signal);
        if depth == 0 {
            return 0;
        }
        descend(depth - 1, signal, recorder) + black_box(1)
    }
    HANDLED.store(0, Ordering::SeqCst);
    let recorder: *mut Recorder = recorder;
    RECORDER.store(recorder, Ordering::SeqCst);
    descend(black_box(10), signal, recorder);
    assert_eq!(HANDLED.load(Ordering::SeqCst), 22);
}

#[test]
fn on_the_interrupted_stack() {
    let _turn = TURN.lock();
    install(libc::SIGUSR1, 0);
    raise_on_the_way_down(&mut Recorder::new(4096), libc::SIGUSR1);
}

#[test]
fn on_a_stack_of_its_own() {
    let _turn = TURN.lock();
    install(libc::SIGUSR2, libc::SA_ONSTACK);
    let mut memory = vec![0_u64; 64 * 1024];
    let stack = libc::stack_t {
        ss_sp: memory.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: memory.len() * 8,
    };
    // SAFETY: the memory outlives the use of the stack, which ends below.
    let set = unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    // First seen on the thread's own stack, and first seen on the other one.
    let mut recorder = Recorder::new(4096);
    recorder.check();
    raise_on_the_way_down(&mut recorder, libc::SIGUSR2);
    raise_on_the_way_down(&mut Recorder::new(4096), libc::SIGUSR2);
    let off = libc::stack_t {
        ss_flags: libc::SS_DISABLE,
        ..stack
    };
    // SAFETY: no handler is running.
    let set = unsafe { libc::sigaltstack(&off, std::ptr::null_mut()) };
    assert_eq!(set, 0);
}

#[test]
fn between_any_two_instructions() {
    /// Calls and loops without a system call, a lock or an allocation, so that
    /// the handler may do all that.
    #[inline(never)]
    fn compute(depth: u64, seed: u64) -> u64 {
        let values = black_box([seed, depth, seed ^ depth, 3]);
        let mixed = values.iter().fold(seed, |sum, value| {
            sum.rotate_left(5).wrapping_mul(31) ^ value
        });
        if depth == 0 {
            return mixed;
        }
        black_box(compute(depth - 1, mixed)) ^ compute(depth / 3, mixed.wrapping_add(1))
    }
    let _turn = TURN.lock();
    install(libc::SIGUSR1, 0);
    HANDLED.store(0, Ordering::SeqCst);
    RECORDER.store(Box::leak(Box::new(Recorder::new(4096))), Ordering::SeqCst);
    let done = AtomicBool::new(false);
    // SAFETY: the thread's own handle.
    let target = unsafe { libc::pthread_self() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for sent in 0..1_000 {
                // SAFETY: the target waits for this thread to end.
                unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
                while HANDLED.load(Ordering::SeqCst) <= sent {
                    std::hint::spin_loop();
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut seed = 1;
        while !done.load(Ordering::SeqCst) {
            seed = compute(black_box(12), seed);
        }
        black_box(seed);
    });
    assert_eq!(HANDLED.load(Ordering::SeqCst), 1_000);
}
