//! The few system calls that a capture makes, and the thread pointer.
#![allow(unsafe_code)]

use core::arch::asm;

use crate::kernel;

const READ: usize = 0;
const CLOSE: usize = 3;
const FSTAT: usize = 5;
const MADVISE: usize = 28;
const GETPID: usize = 39;
const FCNTL: usize = 72;
const OPENAT: usize = 257;
const PROCESS_VM_READV: usize = 310;
const POPULATE_READ: usize = 22;
const AT_FDCWD: usize = -100_isize as usize;
const READ_ONLY_CLOSE_ON_EXEC: usize = 0x8_0000;
const DUPLICATE_CLOSE_ON_EXEC: usize = 1030;
/// Descriptors from here on are rarely the program's own.
const HIGH: usize = 1000;
const EINTR: isize = -4;
const EINVAL: isize = -22;
/// Bytes of a page.
pub(crate) const PAGE_BYTES: u64 = 4096;

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

/// Addresses that the kernel is asked for at once.
const BATCH: usize = 8;

/// Whether all of so many pages from this address on can be read: the kernel is asked to
/// have them ready for that. False, too, where it may not be asked.
pub(crate) fn are_readable(first: u64, pages: u64) -> bool {
    let bytes = (pages * PAGE_BYTES) as usize;
    // SAFETY: what the pages hold is not changed.
    let answer = unsafe { syscall(MADVISE, [first as usize, bytes, POPULATE_READ]) };
    // So say kernels before 5.14, and the others if it cannot be.
    answer == 0 || answer == EINVAL && can_copy_all(first, pages)
}

/// The same by the system call that debuggers use: at a page each, it takes longer.
#[cold]
fn can_copy_all(first: u64, pages: u64) -> bool {
    // SAFETY: no arguments.
    let process = unsafe { syscall(GETPID, []) } as usize;
    let mut page = 0;
    while page < pages {
        let count = BATCH.min((pages - page) as usize);
        let addresses: [u64; BATCH] =
            core::array::from_fn(|index| first + (page + index as u64) * PAGE_BYTES);
        if !can_copy(process, addresses.get(..count).unwrap_or_default()) {
            return false;
        }
        page += count as u64;
    }
    true
}

/// Whether the kernel copies a byte from each of at most [`BATCH`] addresses.
fn can_copy(process: usize, addresses: &[u64]) -> bool {
    let mut bytes = [0_u8; BATCH];
    let to = [bytes.as_mut_ptr() as usize, BATCH];
    let mut from = [[0, 1]; BATCH];
    for (part, &address) in from.iter_mut().zip(addresses) {
        part[0] = address as usize;
    }
    let (to, from) = (to.as_ptr() as usize, from.as_ptr() as usize);
    let arguments = [process, to, 1, from, addresses.len(), 0];
    // SAFETY: the kernel reads two lists of address and length, writes at most as many
    // bytes as there are, and looks at the addresses by itself.
    let copied = unsafe { syscall(PROCESS_VM_READV, arguments) };
    copied == addresses.len() as isize
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

/// An address on the first thread's stack, where the kernel has put random bytes for the
/// C library; 0 if it has not.
pub(crate) fn on_first_stack() -> u64 {
    const AT_RANDOM: u64 = 25;
    // SAFETY: the C library's function has this signature, and takes any number.
    unsafe extern "C" {
        safe fn getauxval(kind: u64) -> u64;
    }
    getauxval(AT_RANDOM)
}

/// Asks for memory that will be read shortly.
#[inline]
pub(crate) fn prefetch(word: &u64) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: every x86_64 processor has it, and it reads nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(word).cast()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_cannot_be_read_is_found_both_ways() {
        const PAGES: u64 = 20;
        const CLOSED: u64 = 13;
        let bytes = (PAGES * PAGE_BYTES) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, of which a page is taken back.
        let first = unsafe {
            let first = libc::mmap(core::ptr::null_mut(), bytes, libc::PROT_READ, flags, -1, 0);
            assert_ne!(first, libc::MAP_FAILED);
            let closed = first.byte_add((CLOSED * PAGE_BYTES) as usize);
            assert_eq!(libc::mprotect(closed, 1, libc::PROT_NONE), 0);
            first as u64
        };
        for is_there in [are_readable, can_copy_all] {
            assert!(is_there(first, CLOSED) && is_there(first + (CLOSED + 1) * PAGE_BYTES, 6));
            assert!(!is_there(first, CLOSED + 1) && !is_there(first, PAGES));
            assert!(!is_there(0, 1));
        }
    }
}
