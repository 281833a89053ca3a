//! Functions that run on a stack of their own and return to the thread's.
#![allow(unsafe_code)]

mod common;

use std::hint::black_box;

use common::{Recorder, oracle, plain};
use heapline_unwind::{Memo, Registers, StackEnd};

// Calls rdi(rsi) with the stack pointer in rdx, as coroutine libraries do: the
// frame is found through bp, which stays on the old stack.
std::arch::global_asm!(
    // The caller may be compiled into another object.
    ".globl call_on_stack",
    ".hidden call_on_stack",
    ".type call_on_stack, @function",
    "call_on_stack:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "mov rsp, rdx",
    "mov rax, rdi",
    "mov rdi, rsi",
    "call rax",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size call_on_stack, . - call_on_stack",
);

unsafe extern "C" {
    fn call_on_stack(
        function: extern "C" fn(*mut libc::c_void),
        task: *mut libc::c_void,
        stack: *mut libc::c_void,
    );
}

/// A stack with a page on both sides that cannot be touched, so that the kernel
/// does not list it together with its neighbours.
struct Stack(*mut libc::c_void);

impl Stack {
    const BYTES: usize = 256 * 1024;
    const GUARD_BYTES: usize = 4096;

    fn new() -> Stack {
        // SAFETY: fresh memory; only its own middle is opened up.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                Stack::BYTES + 2 * Stack::GUARD_BYTES,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(memory, libc::MAP_FAILED);
            let low = memory.byte_add(Stack::GUARD_BYTES);
            let open = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(low, Stack::BYTES, open), 0);
            Stack(low.byte_add(Stack::BYTES))
        }
    }
}

impl Stack {
    fn lowest(&self) -> u64 {
        (self.0.addr() - Stack::BYTES) as u64
    }

    /// Another one at the same lowest address, of fewer bytes.
    fn replaced_by_smaller(&self, bytes: usize) -> Stack {
        let gone = Stack::BYTES - bytes;
        let high = self.0.wrapping_byte_sub(gone);
        // SAFETY: nothing runs on it, and nobody has a reference into it.
        assert_eq!(unsafe { libc::mprotect(high, gone, libc::PROT_NONE) }, 0);
        Stack(high)
    }

    fn is_whole_again(&self) {
        let low = self.0.wrapping_byte_sub(Stack::BYTES);
        let open = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: as above.
        assert_eq!(unsafe { libc::mprotect(low, Stack::BYTES, open) }, 0);
    }
}

/// Runs a task on a stack.
fn switch(task: &mut Task, high: *mut libc::c_void) {
    let task: *mut Task = task;
    // SAFETY: the stack is large enough, aligned and there for ever; the task
    // outlives the call.
    unsafe { call_on_stack(on_stack, task.cast(), high) };
}

struct Task {
    recorder: Recorder,
    /// Stacks to go over to, one from another.
    stacks: Vec<Stack>,
    switches: usize,
}

impl Task {
    fn new(stacks: usize) -> Task {
        let mut recorder = Recorder::new(4096);
        recorder.unwinder.set_memo(Memo::Verify);
        Task {
            recorder,
            stacks: (0..stacks).map(|_| Stack::new()).collect(),
            switches: 0,
        }
    }

    /// Captures here and on the next stack.
    #[inline(never)]
    fn descend(&mut self, depth: u64) -> u64 {
        self.capture();
        if depth > 0 {
            return self.descend(depth - 1) + black_box(1);
        }
        if let Some(&Stack(high)) = self.stacks.get(self.switches) {
            self.switches += 1;
            switch(self, high);
            self.switches -= 1;
        }
        self.capture();
        0
    }

    #[inline(never)]
    fn capture(&mut self) {
        let start = Registers::current();
        let node = self.recorder.capture(start);
        let (frames, end) = self.recorder.tree.stack(node);
        let right = oracle(start.sp);
        if self.switches < 2 {
            assert_eq!(end, StackEnd::Complete);
            assert_eq!(plain(&frames[1..]), right[1..]);
        } else {
            // From a stack that is not the thread's to another such one: cut.
            assert!(matches!(end, StackEnd::Cut(_)));
            assert_eq!(plain(&frames[1..]), right[1..frames.len()]);
        }
    }
}

extern "C" fn on_stack(task: *mut libc::c_void) {
    // SAFETY: the caller's task, which it does not use meanwhile.
    unsafe { (*task.cast::<Task>()).descend(5) };
}

fn there_and_back(stacks: usize) {
    let mut task = Task::new(stacks);
    for _ in 0..10 {
        task.descend(5);
        task.descend(3);
    }
    assert_eq!(task.recorder.unwinder.mismatches(), 0);
}

#[test]
fn one_switch_and_back() {
    there_and_back(1);
}

#[test]
fn switches_in_a_row() {
    there_and_back(3);
}

#[test]
fn first_seen_on_another_stack() {
    let mut task = Task::new(1);
    task.switches = 1;
    let stack = Stack::new();
    for _ in 0..3 {
        switch(&mut task, stack.0);
    }
    assert_eq!(task.recorder.unwinder.mismatches(), 0);
}

// The same for a stack that ends here: nothing leads back.
std::arch::global_asm!(
    // The caller may be compiled into another object.
    ".globl call_at_bottom",
    ".hidden call_at_bottom",
    ".type call_at_bottom, @function",
    "call_at_bottom:",
    ".cfi_startproc",
    "push rbx",
    "mov rbx, rsp",
    "mov rsp, rdx",
    ".cfi_undefined rip",
    "mov rax, rdi",
    "mov rdi, rsi",
    "call rax",
    "mov rsp, rbx",
    "pop rbx",
    "ret",
    ".cfi_endproc",
    ".size call_at_bottom, . - call_at_bottom",
);

unsafe extern "C" {
    fn call_at_bottom(
        function: extern "C" fn(*mut libc::c_void),
        task: *mut libc::c_void,
        stack: *mut libc::c_void,
    );
}

/// Captures at every depth on a stack without a way back.
struct Dive {
    recorder: Recorder,
    /// Frames of the first capture.
    outer: usize,
    /// As far as it goes.
    lowest: u64,
}

impl Dive {
    #[inline(never)]
    fn descend(&mut self, depth: usize) -> u64 {
        let start = Registers::current();
        let node = self.recorder.capture(start);
        let (frames, end) = self.recorder.tree.stack(node);
        if depth == 0 {
            self.outer = frames.len();
        }
        assert_eq!(
            (end, frames.len()),
            (StackEnd::Complete, self.outer + depth)
        );
        if start.sp < self.lowest {
            return 0;
        }
        self.descend(depth + 1) + black_box(1)
    }
}

extern "C" fn dive(task: *mut libc::c_void) {
    // SAFETY: the caller's value, which it does not use meanwhile.
    unsafe { (*task.cast::<Dive>()).descend(0) };
}

/// Nothing is captured between the two, and what is remembered of the first one can no more
/// be read. Of so many ends some let frames lie where others have been.
#[test]
fn a_smaller_stack_in_place_of_a_left_one() {
    const ENOUGH: u64 = 32 * 1024;
    let stack = Stack::new();
    let mut task = Dive {
        recorder: Recorder::new(4096),
        outer: 0,
        lowest: stack.lowest() + ENOUGH,
    };
    let mut on = |stack: &Stack| {
        let task: *mut Dive = &mut task;
        // SAFETY: as in `switch`.
        unsafe { call_at_bottom(dive, task.cast(), stack.0) };
    };
    for pages in 10..40 {
        on(&stack);
        on(&stack.replaced_by_smaller(pages * 4096));
        stack.is_whole_again();
    }
}
