//! Mapped memory.
#![allow(unsafe_code)]

use super::{Errno, Result, syscall};

/// Zeroed private memory that a forked child sees zeroed again.
pub(crate) fn map_anonymous(bytes: usize) -> Option<core::ptr::NonNull<u8>> {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let address =
        unsafe { syscall(libc::SYS_mmap, [0, bytes, protection, flags, usize::MAX, 0]) }.ok()?;
    // SAFETY: the range was mapped just now and belongs to nobody else.
    if unsafe { advise(address, bytes, libc::MADV_WIPEONFORK) }.is_err() {
        // SAFETY: as above; nobody has seen the address.
        unsafe { unmap(address, bytes) };
        return None;
    }
    unlock_memory(address, bytes);
    core::ptr::NonNull::new(address as *mut u8)
}

/// A writable window of a file, shared with the kernel's page cache; a forked
/// child does not have it.
pub(crate) fn map_shared(fd: i32, offset: u64, bytes: usize) -> Result<core::ptr::NonNull<u8>> {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let arguments = [
        0,
        bytes,
        protection,
        libc::MAP_SHARED as usize,
        fd as usize,
        offset as usize,
    ];
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe { syscall(libc::SYS_mmap, arguments) }?;
    // SAFETY: the range was mapped just now and belongs to nobody else.
    if let Err(errno) = unsafe { advise(address, bytes, libc::MADV_DONTFORK) } {
        // SAFETY: as above; nobody has seen the address.
        unsafe { unmap(address, bytes) };
        return Err(errno);
    }
    unlock_memory(address, bytes);
    core::ptr::NonNull::new(address as *mut u8).ok_or(Errno(libc::ENOMEM))
}

/// Where the program has all its memory locked, ours is not to use up what it may lock.
fn unlock_memory(address: usize, bytes: usize) {
    // SAFETY: that the pages may be swapped out changes nothing that anyone sees.
    let _ = unsafe { syscall(libc::SYS_munlock, [address, bytes, 0, 0, 0, 0]) };
}

/// Moves a mapping to where another one of the same length is, in whose place it comes.
///
/// # Safety
/// Both must be mappings of the caller's own, of so many bytes in whole pages, used by
/// nobody who minds that the contents change; nobody may use the address moved from.
pub(crate) unsafe fn move_mapping(
    from: core::ptr::NonNull<u8>,
    bytes: usize,
    to: core::ptr::NonNull<u8>,
) -> Result<()> {
    let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as usize;
    let (from, to) = (from.as_ptr() as usize, to.as_ptr() as usize);
    // SAFETY: the caller's promise.
    unsafe { syscall(libc::SYS_mremap, [from, bytes, bytes, flags, to, 0]) }.map(drop)
}

/// Removes a mapping.
///
/// # Safety
/// Nobody may use the range any more.
pub(crate) unsafe fn unmap(address: usize, bytes: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { syscall(libc::SYS_munmap, [address, bytes, 0, 0, 0, 0]) };
}

/// # Safety
/// The range must be a mapping of the caller's own.
unsafe fn advise(address: usize, bytes: usize, advice: i32) -> Result<()> {
    // SAFETY: the caller's promise; the advice given here changes what a fork does, not the contents.
    unsafe {
        syscall(
            libc::SYS_madvise,
            [address, bytes, advice as usize, 0, 0, 0],
        )
    }
    .map(drop)
}

/// Tables from this many bytes on are asked for in huge pages: they are read at
/// random, and every read would otherwise wait for a page's address as well.
const HUGE_FROM_BYTES: usize = 4 << 20;

/// Zeroed words that live until they are given to [`release_words`].
pub(crate) fn map_words(words: usize) -> Option<&'static mut [u64]> {
    let bytes = words.checked_mul(8)?;
    let memory = map_anonymous(bytes)?;
    if bytes >= HUGE_FROM_BYTES {
        // SAFETY: the mapping was made just now. The kernel may decline.
        let _ = unsafe { advise(memory.as_ptr() as usize, bytes, libc::MADV_HUGEPAGE) };
    }
    // SAFETY: the mapping is that long, zeroed, page-aligned, and known to nobody else;
    // it stays mapped until `release_words` takes the only reference.
    Some(unsafe { core::slice::from_raw_parts_mut(memory.as_ptr().cast::<u64>(), words) })
}

/// Gives words back.
pub(crate) fn release_words(words: &'static mut [u64]) {
    let (address, bytes) = (words.as_mut_ptr() as usize, size_of_val(words));
    // SAFETY: the reference was exclusive and is gone with this call.
    unsafe { unmap(address, bytes) };
}

/// Zeroed bytes that live until they are given to [`release_bytes`].
pub(crate) fn map_bytes(bytes: usize) -> Option<&'static mut [u8]> {
    let memory = map_anonymous(bytes)?;
    // SAFETY: the mapping is that long, zeroed, and known to nobody else; it stays
    // mapped until `release_bytes` takes the only reference.
    Some(unsafe { core::slice::from_raw_parts_mut(memory.as_ptr(), bytes) })
}

/// Gives bytes back.
pub(crate) fn release_bytes(bytes: &'static mut [u8]) {
    // SAFETY: the reference was exclusive and is gone with this call.
    unsafe { unmap(bytes.as_mut_ptr() as usize, bytes.len()) };
}
