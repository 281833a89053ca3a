//! Frames that are left without returning, as C's `longjmp` leaves them.
#![allow(unsafe_code)]

mod common;

use std::hint::black_box;

use common::Recorder;
use heapline_unwind::Memo;

// `run_escapable` calls rdi(rsi) and keeps its own stack pointer at rdx; `escape`
// returns from it, whatever has been called since, with the registers it has saved.
std::arch::global_asm!(
    // The callers may be compiled into another object.
    ".globl run_escapable, escape",
    ".hidden run_escapable, escape",
    ".type run_escapable, @function",
    "run_escapable:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "push rbx",
    ".cfi_def_cfa_offset 24",
    ".cfi_offset rbx, -24",
    "push r12",
    ".cfi_def_cfa_offset 32",
    ".cfi_offset r12, -32",
    "push r13",
    ".cfi_def_cfa_offset 40",
    ".cfi_offset r13, -40",
    "push r14",
    ".cfi_def_cfa_offset 48",
    ".cfi_offset r14, -48",
    "push r15",
    ".cfi_def_cfa_offset 56",
    ".cfi_offset r15, -56",
    "sub rsp, 8",
    ".cfi_def_cfa_offset 64",
    "mov [rdx], rsp",
    "mov rax, rdi",
    "mov rdi, rsi",
    "call rax",
    "2:",
    "add rsp, 8",
    ".cfi_def_cfa_offset 56",
    "pop r15",
    ".cfi_def_cfa_offset 48",
    "pop r14",
    ".cfi_def_cfa_offset 40",
    "pop r13",
    ".cfi_def_cfa_offset 32",
    "pop r12",
    ".cfi_def_cfa_offset 24",
    "pop rbx",
    ".cfi_def_cfa_offset 16",
    "pop rbp",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    ".size run_escapable, . - run_escapable",
    ".type escape, @function",
    "escape:",
    "mov rsp, rdi",
    "jmp 2b",
    ".size escape, . - escape",
);

unsafe extern "C" {
    fn run_escapable(
        function: extern "C" fn(*mut libc::c_void),
        task: *mut libc::c_void,
        place: *mut u64,
    );
    fn escape(place: u64) -> !;
}

struct Task {
    recorder: Recorder,
    /// Where to escape to.
    place: u64,
    depth: u64,
    escapes: u32,
}

extern "C" fn start(task: *mut libc::c_void) {
    // SAFETY: the caller's task, which it does not use meanwhile.
    let task = unsafe { &mut *task.cast::<Task>() };
    descend(task, task.depth);
}

/// Captures on the way down and leaves all of it at once. Frames of two kinds and of one
/// size, so that those of the next descent lie where these lay.
#[inline(never)]
fn descend(task: &mut Task, depth: u64) -> u64 {
    task.recorder.check();
    if depth == 0 {
        task.escapes += 1;
        // SAFETY: `run_escapable` has not returned; the frames in between own nothing.
        unsafe { escape(task.place) };
    }
    if depth.is_multiple_of(2) {
        descend(task, depth - 1) + black_box(1)
    } else {
        other_way_down(task, depth - 1) + black_box(2)
    }
}

#[inline(never)]
fn other_way_down(task: &mut Task, depth: u64) -> u64 {
    descend(task, depth) + black_box(3)
}

#[test]
fn frames_that_were_jumped_over_are_not_remembered() {
    let mut recorder = Recorder::new(4096);
    recorder.unwinder.set_memo(Memo::Verify);
    let mut task = Task {
        recorder,
        place: 0,
        depth: 0,
        escapes: 0,
    };
    for round in 0..200 {
        task.depth = round * 7 % 30;
        let whole = &raw mut task;
        // SAFETY: the task and the place in it outlive the call.
        unsafe { run_escapable(start, whole.cast(), &raw mut (*whole).place) };
        task.recorder.check();
    }
    assert_eq!(
        (task.escapes, task.recorder.unwinder.mismatches()),
        (200, 0)
    );
}
