//! System calls, made as [`kernel`] does: what they say of process and time, and what they
//! do for its signals. [`files`] and [`memory`] have the others.
#![allow(unsafe_code)]

mod files;
mod memory;

use heapline_unwind::kernel;

pub(crate) use files::*;
pub(crate) use memory::*;

/// What the kernel answered instead of a result: a positive error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

type Result<T> = core::result::Result<T, Errno>;

/// # Safety
/// As [`kernel::call`].
unsafe fn syscall(number: libc::c_long, arguments: [usize; 6]) -> Result<usize> {
    #[cfg(feature = "test-switches")]
    crate::failing_calls::install();
    // SAFETY: the caller's promise.
    let answer = unsafe { kernel::call(number as usize, arguments) };
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

/// Whether it is a deadly signal for the calling thread to read the processor's counter.
#[cfg(target_arch = "x86_64")]
pub(crate) fn counter_is_forbidden() -> bool {
    let mut answer = 0_i32;
    let arguments = [
        libc::PR_GET_TSC as usize,
        &raw mut answer as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: the kernel writes one int.
    let known = unsafe { syscall(libc::SYS_prctl, arguments) };
    known.is_ok() && answer == libc::PR_TSC_SIGSEGV
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

/// The bit of a signal in a set of signals.
pub(crate) const fn signal(number: i32) -> u64 {
    1 << (number - 1)
}

/// Every signal: the kernel leaves those out that cannot be held back.
pub(crate) const ALL_SIGNALS: u64 = u64::MAX;

/// Signals to the calling thread that wait while this lives.
pub(crate) struct SignalsHeld {
    before: u64,
}

impl SignalsHeld {
    /// Holds back a set of signals, besides those that are held back already.
    pub(crate) fn hold(signals: u64) -> Result<Self> {
        change_signals(libc::SIG_BLOCK, signals).map(|before| SignalsHeld { before })
    }
}

impl Drop for SignalsHeld {
    fn drop(&mut self) {
        // It went when they were held back.
        let _ = change_signals(libc::SIG_SETMASK, self.before);
    }
}

/// Changes the calling thread's set of signals that wait; what it was.
fn change_signals(how: i32, signals: u64) -> Result<u64> {
    let mut before = 0_u64;
    let arguments = [
        how as usize,
        &raw const signals as usize,
        &raw mut before as usize,
        size_of::<u64>(),
        0,
        0,
    ];
    // SAFETY: both sets are live words.
    unsafe { syscall(libc::SYS_rt_sigprocmask, arguments) }.map(|_| before)
}
