//! The few system calls that a capture makes, and the thread pointer.
#![allow(unsafe_code)]

use core::arch::asm;

use crate::kernel;

const READ: usize = 0;
const CLOSE: usize = 3;
const FSTAT: usize = 5;
const RT_SIGPROCMASK: usize = 14;
const FCNTL: usize = 72;
const OPENAT: usize = 257;
const AT_FDCWD: usize = -100_isize as usize;
const READ_ONLY_CLOSE_ON_EXEC: usize = 0x8_0000;
const DUPLICATE_CLOSE_ON_EXEC: usize = 1030;
/// Descriptors from here on are rarely the program's own.
const HIGH: usize = 1000;
const EINTR: isize = -4;
const EINVAL: isize = -22;

/// # Safety
/// As [`kernel::call`].
unsafe fn syscall<const N: usize>(number: usize, arguments: [usize; N]) -> isize {
    let mut all = [0; 6];
    for (place, argument) in all.iter_mut().zip(arguments) {
        *place = argument;
    }
    // SAFETY: the caller's promise.
    unsafe { kernel::call(number, all) }
}

/// The text file in which the kernel lists this process's mappings.
pub(crate) struct MapsFile(usize);

impl MapsFile {
    /// Opens the list. The calling thread's own entry is used because the one
    /// of the process is empty once its first thread has ended.
    pub(crate) fn open() -> Option<MapsFile> {
        let path = c"/proc/thread-self/maps";
        // SAFETY: openat with a string that ends in zero; it writes nothing.
        let result = unsafe {
            let path = path.as_ptr() as usize;
            syscall(OPENAT, [AT_FDCWD, path, READ_ONLY_CLOSE_ON_EXEC])
        };
        let low = usize::try_from(result).ok()?;
        // SAFETY: no pointers.
        let high = unsafe { syscall(FCNTL, [low, DUPLICATE_CLOSE_ON_EXEC, HIGH]) };
        let Ok(high) = usize::try_from(high) else {
            return Some(MapsFile(low));
        };
        // Another thread may have closed the low number, and it be a file's by now.
        if identity(low) == identity(high) {
            drop(MapsFile(low));
        }
        Some(MapsFile(high))
    }

    /// Reads on into `bytes`; 0 at the end, and after an error.
    pub(crate) fn read(&self, bytes: &mut [u8]) -> usize {
        loop {
            // SAFETY: the kernel writes at most `len` bytes into `bytes`,
            // which is borrowed mutably for as long as the call lasts.
            let result = unsafe {
                let address = bytes.as_mut_ptr() as usize;
                syscall(READ, [self.0, address, bytes.len()])
            };
            if result != EINTR {
                return usize::try_from(result).unwrap_or(0);
            }
        }
    }
}

/// Device and inode of an open file; zeros of none.
fn identity(descriptor: usize) -> [u64; 2] {
    let mut status = [0_u64; 18];
    // SAFETY: the kernel writes a `stat`, which has 144 bytes, device and inode first.
    unsafe { syscall(FSTAT, [descriptor, status.as_mut_ptr() as usize]) };
    [status[0], status[1]]
}

impl Drop for MapsFile {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and is not used again.
        unsafe { syscall(CLOSE, [self.0]) };
    }
}

/// Whether a word can be read at this address. The kernel reads a signal mask there before
/// it sees that nothing is to be done with it.
pub(crate) fn is_readable(address: u64) -> bool {
    const NOTHING: usize = usize::MAX;
    // SAFETY: the kernel reads 8 bytes, wherever they are, and writes none.
    let answer = unsafe { syscall(RT_SIGPROCMASK, [NOTHING, address as usize, 0, 8]) };
    answer == EINVAL
}

/// Where the C library keeps the calling thread's control block. For all
/// threads but the first it lies at the upper end of the thread's own stack.
pub(crate) fn thread_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: the x86-64 ABI for thread-local storage has the first word at fs
    // hold its own address, so the load is good in every thread.
    unsafe {
        asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly));
    }
    pointer
}

/// Asks for memory that will be read shortly.
#[inline]
pub(crate) fn prefetch(word: &u64) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: every x86_64 processor has it, and it reads nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(word).cast()) };
}
