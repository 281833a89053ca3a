//! Functions that run on a stack of their own and return to the thread's.
#![allow(unsafe_code)]

mod common;

use std::hint::black_box;

use common::{Recorder, oracle, plain};
use heapline_unwind::{Memo, Registers, StackEnd};

// Calls rdi(rsi) with the stack pointer in rdx, as coroutine libraries do: the
// frame is found through bp, which stays on the old stack.
std::arch::global_asm!(
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
