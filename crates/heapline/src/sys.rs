//! Raw system calls: how they are made, and what they say of process and time.
//! [`files`] and [`memory`] have the others.
//!
//! The hook may not call libc's wrappers: they set `errno`, which the program
//! may be about to read, and some are cancellation points, which would unwind
//! through the allocator.
#![allow(unsafe_code)]

mod files;
mod memory;

use core::arch::asm;

pub(crate) use files::*;
pub(crate) use memory::*;

/// What the kernel answered instead of a result: a positive error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

type Result<T> = core::result::Result<T, Errno>;

/// One system call with up to six arguments.
///
/// # Safety
/// The arguments must be what the kernel expects of call `number`: pointers
/// valid for what it reads and writes.
unsafe fn syscall(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    #[cfg(feature = "test-switches")]
    if let Some(errno) = crate::failing_calls::failure() {
        return Err(errno);
    }
    // SAFETY: the caller's promise.
    unsafe { call_kernel(number, arguments) }
}

/// # Safety
/// As [`syscall`].
#[cfg(target_arch = "x86_64")]
unsafe fn call_kernel(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments;
    let answer: isize;
    // SAFETY: the kernel's calling convention; rcx and r11 are what it overwrites.
    // That the arguments suit the call is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    check(answer)
}

/// # Safety
/// As [`syscall`].
#[cfg(target_arch = "aarch64")]
unsafe fn call_kernel(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments;
    let answer: isize;
    // SAFETY: the kernel's calling convention, which changes x0 alone. That the
    // arguments suit the call is the caller's promise.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => answer,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    check(answer)
}

fn check(answer: isize) -> Result<usize> {
    if (-4095..0).contains(&answer) {
        Err(Errno(-answer as i32))
    } else {
        Ok(answer as usize)
    }
}

pub(crate) fn thread_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_gettid, [0; 6]) }.unwrap_or(0) as u32
}

/// Whether this process has a thread of that number; if in doubt, yes.
pub(crate) fn thread_lives(thread: u32) -> bool {
    let arguments = [process_id() as usize, thread as usize, 0, 0, 0, 0];
    // SAFETY: no pointers, and no signal.
    let answer = unsafe { syscall(libc::SYS_tgkill, arguments) };
    answer != Err(Errno(libc::ESRCH))
}

pub(crate) fn process_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_getpid, [0; 6]) }.unwrap_or(0) as u32
}

pub(crate) fn parent_process_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_getppid, [0; 6]) }.unwrap_or(0) as u32
}

pub(crate) fn user_id() -> u32 {
    // SAFETY: no arguments.
    unsafe { syscall(libc::SYS_geteuid, [0; 6]) }.unwrap_or(0) as u32
}

/// The calling thread's name, zero-terminated.
pub(crate) fn thread_name() -> [u8; 16] {
    let mut name = [0; 16];
    let arguments = [
        libc::PR_GET_NAME as usize,
        name.as_mut_ptr() as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: the kernel writes at most 16 bytes.
    let _ = unsafe { syscall(libc::SYS_prctl, arguments) };
    name
}

/// A clock in nanoseconds.
pub(crate) fn clock_nanoseconds(clock: i32) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one `timespec`.
    let _ = unsafe {
        syscall(
            libc::SYS_clock_gettime,
            [clock as usize, &raw mut time as usize, 0, 0, 0, 0],
        )
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
