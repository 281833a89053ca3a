//! System calls by instruction and not through libc, whose wrappers set `errno`, which the
//! program may be about to read, can be interposed, and are cancellation points, some of
//! them. For heapline's own crates.
#![allow(unsafe_code)]

use core::arch::asm;

/// What a test wants a system call to fail with, if it does: an error number.
#[cfg(feature = "test-switches")]
pub static FAILURE: std::sync::OnceLock<fn() -> Option<i32>> = std::sync::OnceLock::new();

/// The kernel's answer to a system call: an error number negated, from -4095 to -1.
///
/// # Safety
/// The arguments must be what the kernel expects of call `number`: pointers
/// valid for what it reads and writes.
pub unsafe fn call(number: usize, arguments: [usize; 6]) -> isize {
    #[cfg(feature = "test-switches")]
    if let Some(errno) = FAILURE.get().and_then(|failure| failure()) {
        return -(errno as isize);
    }
    // SAFETY: the caller's promise.
    unsafe { instruction(number, arguments) }
}

/// # Safety
/// As [`call`].
#[cfg(target_arch = "x86_64")]
unsafe fn instruction(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let answer: isize;
    // SAFETY: the kernel's calling convention: it overwrites rax, rcx and r11, and leaves
    // the red zone alone. That the arguments suit the call is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    answer
}

/// # Safety
/// As [`call`].
#[cfg(target_arch = "aarch64")]
unsafe fn instruction(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let answer: isize;
    // SAFETY: the kernel's calling convention, which changes x0 alone. That the
    // arguments suit the call is the caller's promise.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => answer,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    answer
}
