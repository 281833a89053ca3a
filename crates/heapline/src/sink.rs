//! Space in the trace file, and what happens when there is none.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use heapline_trace::{HeaderField, PAGE_BYTES, StopReason};

use crate::clock::{self, Clock};
use crate::root::{self, Held, Root};
use crate::{message, state, sys, trace_path};

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
            // EAGAIN: the limit of locked memory.
            libc::ENOMEM | libc::EAGAIN => StopReason::Memory,
            _ => StopReason::Write,
        })
    }
}

/// Writes a block of this recording: header and records in one call.
pub(crate) fn append_block(recording: u32, header: &[u8], records: &[u8]) -> Result<(), Failure> {
    let file = hold(recording)?;
    let offset = claim(&file, header.len() + records.len())?;
    with_descriptor(&file, |descriptor| {
        sys::write_at(descriptor, offset, header, records)
    })
}

/// Claims whole pages for this recording, reserves them on the disk, and maps them.
pub(crate) fn claim_mapped(recording: u32, bytes: usize) -> Result<NonNull<u8>, Failure> {
    let file = hold(recording)?;
    let offset = claim(&file, bytes)?;
    with_descriptor(&file, |descriptor| {
        sys::allocate_disk(descriptor, offset, bytes)?;
        sys::map_shared(descriptor, offset, bytes)
    })
}

/// Does something with the trace's descriptor; once more if the program closes it just then.
fn with_descriptor<T>(
    file: &Held,
    mut work: impl FnMut(i32) -> Result<T, sys::Errno>,
) -> Result<T, Failure> {
    match work(descriptor(file)?) {
        Err(sys::Errno(libc::EBADF)) => work(descriptor(file)?),
        answer => answer,
    }
    .map_err(Failure::from_errno)
}

fn hold(recording: u32) -> Result<Held, Failure> {
    root::get()
        .and_then(|root| root.hold(recording))
        .ok_or(Failure::GONE)
}

/// Takes the next bytes of the file, as whole pages, if all limits allow it.
fn claim(file: &Held, bytes: usize) -> Result<u64, Failure> {
    let root = file.root();
    let bytes = bytes.next_multiple_of(PAGE_BYTES) as u64;
    let header = root.header().ok_or(Failure::GONE)?;
    let offset = header
        .u64_field(HeaderField::Tail)
        .fetch_add(bytes, Ordering::Relaxed);
    let end = offset + bytes;
    // At the process's own limit the kernel would write a part.
    if end > root.max_file.load(Ordering::Relaxed) || end > sys::file_size_limit() {
        return Err(Failure(StopReason::FileSize));
    }
    if end >= root.checked_tail.load(Ordering::Relaxed) + SPACE_CHECK_BYTES {
        root.checked_tail.store(end, Ordering::Relaxed);
        let min_free = root.min_free.load(Ordering::Relaxed);
        if sys::file_system(descriptor(file)?).is_ok_and(|system| system.free < min_free) {
            return Err(Failure(StopReason::DiskFull));
        }
    }
    Ok(offset)
}

/// The trace's descriptor. A program may close all descriptors and get the number for a
/// file of its own, which must not be written into: then the trace is opened again.
fn descriptor(file: &Held) -> Result<i32, Failure> {
    let root = file.root();
    let known = root.descriptor.load(Ordering::Relaxed);
    if is_trace(root, known) {
        return Ok(known);
    }
    let opened = trace_path::open_again(file.path().unwrap_or_default())
        .map_err(|_| Failure(StopReason::Descriptor))?;
    if !is_trace(root, opened) {
        sys::close(opened);
        return Err(Failure(StopReason::Descriptor));
    }
    let install =
        root.descriptor
            .compare_exchange(known, opened, Ordering::Relaxed, Ordering::Relaxed);
    match install {
        // The old number is the program's now.
        Ok(_) => Ok(opened),
        Err(others) => {
            sys::close(opened);
            Ok(others)
        }
    }
}

/// Whether a descriptor leads to the trace.
fn is_trace(root: &Root, descriptor: i32) -> bool {
    sys::status(descriptor).is_ok_and(|status| {
        status.device == root.device.load(Ordering::Relaxed)
            && status.inode == root.inode.load(Ordering::Relaxed)
    })
}

/// Ends the use of the trace's file once nothing records; false if a thread still writes.
pub(crate) fn close(root: &Root) -> bool {
    let is_free = root.retire();
    if is_free {
        let descriptor = root.descriptor.swap(-1, Ordering::Relaxed);
        if is_trace(root, descriptor) {
            sys::close(descriptor);
        }
    }
    is_free
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

/// Ends this recording because its trace cannot go on. The program is not told
/// but by one line, and only once.
pub(crate) fn fail(recording: u32, failure: Failure) {
    let file = hold(recording);
    if !state::leave_recording(recording) || failure == Failure::GONE {
        return;
    }
    if let Some(header) = file.ok().and_then(|file| file.root().header()) {
        let stamp = Clock::choose().stamp(true);
        anchor(stamp, clock::monotonic_nanoseconds());
        header
            .u64_field(HeaderField::StopStamp)
            .store(stamp, Ordering::Relaxed);
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
