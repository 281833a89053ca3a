//! Space in the trace file, and what happens when there is none.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use heapline_trace::{HeaderField, PAGE_BYTES, StopReason};

use crate::root::{self, Root};
use crate::{message, state, sys};

/// Free disk space is looked at whenever the file has grown by so many bytes.
const SPACE_CHECK_BYTES: u64 = 64 << 20;

/// Why the trace cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) StopReason);

impl Failure {
    /// A record did not fit where it must fit.
    pub(crate) const RECORD: Failure = Failure(StopReason::Write);
    const GONE: Failure = Failure(StopReason::None);

    fn from_errno(errno: sys::Errno) -> Self {
        Failure(match errno.0 {
            libc::ENOSPC | libc::EDQUOT => StopReason::DiskFull,
            libc::EFBIG => StopReason::FileSize,
            libc::EBADF => StopReason::Descriptor,
            libc::ENOMEM => StopReason::Memory,
            _ => StopReason::Write,
        })
    }
}

/// Writes a block: header and records in one call.
pub(crate) fn append_block(header: &[u8], records: &[u8]) -> Result<(), Failure> {
    let root = root::get().ok_or(Failure::GONE)?;
    let offset = claim(root, header.len() + records.len())?;
    let descriptor = root.descriptor.load(Ordering::Relaxed);
    sys::write_at(descriptor, offset, header, records).map_err(Failure::from_errno)
}

/// Claims whole pages, reserves them on the disk, and maps them.
pub(crate) fn claim_mapped(bytes: usize) -> Result<NonNull<u8>, Failure> {
    let root = root::get().ok_or(Failure::GONE)?;
    let offset = claim(root, bytes)?;
    let descriptor = root.descriptor.load(Ordering::Relaxed);
    sys::allocate_disk(descriptor, offset, bytes).map_err(Failure::from_errno)?;
    sys::map_shared(descriptor, offset, bytes).map_err(Failure::from_errno)
}

/// Takes the next bytes of the file, as whole pages, if all limits allow it.
fn claim(root: &Root, bytes: usize) -> Result<u64, Failure> {
    let bytes = bytes.next_multiple_of(PAGE_BYTES) as u64;
    let header = root.header().ok_or(Failure::GONE)?;
    same_file(root)?;
    let offset = header
        .u64_field(HeaderField::Tail)
        .fetch_add(bytes, Ordering::Relaxed);
    let end = offset + bytes;
    // Beyond the process's own limit the kernel would not fail but kill.
    if end > root.max_file.load(Ordering::Relaxed) || end > sys::file_size_limit() {
        return Err(Failure(StopReason::FileSize));
    }
    if end >= root.checked_tail.load(Ordering::Relaxed) + SPACE_CHECK_BYTES {
        root.checked_tail.store(end, Ordering::Relaxed);
        let free = sys::disk_space(root.descriptor.load(Ordering::Relaxed));
        if free.is_ok_and(|(free, _)| free < root.min_free.load(Ordering::Relaxed)) {
            return Err(Failure(StopReason::DiskFull));
        }
    }
    Ok(offset)
}

/// Whether the descriptor is still the trace: a program may close all descriptors
/// and get the number for a file of its own, which must not be written into.
fn same_file(root: &Root) -> Result<(), Failure> {
    let status =
        sys::status(root.descriptor.load(Ordering::Relaxed)).map_err(Failure::from_errno)?;
    let same = status.device == root.device.load(Ordering::Relaxed)
        && status.inode == root.inode.load(Ordering::Relaxed);
    if same {
        Ok(())
    } else {
        Err(Failure(StopReason::Descriptor))
    }
}

/// Notes a pair of clock readings, by which stamps become time.
pub(crate) fn anchor(stamp: u64, monotonic_ns: u64) {
    if let Some(header) = root::get().and_then(Root::header) {
        header
            .u64_field(HeaderField::AnchorStamp)
            .store(stamp, Ordering::Relaxed);
        header
            .u64_field(HeaderField::AnchorMonotonicNs)
            .store(monotonic_ns, Ordering::Relaxed);
    }
}

/// Ends the recording because the trace cannot go on. The program is not told
/// but by one line, and only once.
pub(crate) fn fail(failure: Failure) {
    if !state::leave_recording() || failure == Failure::GONE {
        return;
    }
    if let Some(header) = root::get().and_then(Root::header) {
        header
            .u32_field(HeaderField::StopReason)
            .store(failure.0 as u32, Ordering::Relaxed);
        header
            .u32_field(HeaderField::EndState)
            .store(heapline_trace::EndState::Stopped as u32, Ordering::Release);
    }
    message::stopped(failure.0);
}

/// Adds to a counter of the header, if anything records.
pub(crate) fn count(field: HeaderField) {
    if let Some(header) = root::get().and_then(Root::header) {
        header.u64_field(field).fetch_add(1, Ordering::Relaxed);
    }
}
