//! Space in the trace file, and what happens when there is none.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use heapline_trace::{HeaderField, PAGE_BYTES, StopReason};

use crate::clock::{self, Clock};
use crate::root::{self, Held, Root, UnusedFile};
use crate::sys::{self, FileStatus};
use crate::{message, state, trace_path};

/// Most bytes that the file grows by until free disk space is looked at again.
const MAX_UNSEEN_BYTES: u64 = 64 << 20;

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
    if end > root.next_look.load(Ordering::Relaxed) {
        leave_space(file, end, bytes)?;
    }
    Ok(offset)
}

/// Looks whether the disk has so many bytes besides those that must stay free. It is looked
/// at again when the file, which then ends at `end`, has taken half of what is left.
fn leave_space(file: &Held, end: u64, bytes: u64) -> Result<(), Failure> {
    let root = file.root();
    // One that does not tell says that it is full when it is.
    let free = sys::file_system(descriptor(file)?).map_or(u64::MAX, |system| system.free);
    let left = free.checked_sub(root.min_free.load(Ordering::Relaxed) + bytes);
    let left = left.ok_or(Failure(StopReason::DiskFull))?;
    let next_look = end + MAX_UNSEEN_BYTES.min(left / 2);
    root.next_look.store(next_look, Ordering::Relaxed);
    Ok(())
}

/// The trace's descriptor. A program may close all descriptors and get the number for a
/// file of its own, which must not be written into: then the trace is opened again.
fn descriptor(file: &Held) -> Result<i32, Failure> {
    let root = file.root();
    let known = root.descriptor.load(Ordering::Relaxed);
    match sys::status(known) {
        Ok(status) if is_trace(root, &status) => return Ok(known),
        Ok(_) | Err(sys::Errno(libc::EBADF)) => {}
        Err(errno) => return Err(Failure::from_errno(errno)),
    }
    let opened = trace_path::open_again(file.path().unwrap_or_default())
        .map_err(|_| Failure(StopReason::Descriptor))?;
    if !leads_to_trace(root, opened) {
        sys::close(opened);
        return Err(Failure(StopReason::Descriptor));
    }
    sys::lock_file(opened);
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
fn leads_to_trace(root: &Root, descriptor: i32) -> bool {
    sys::status(descriptor).is_ok_and(|status| is_trace(root, &status))
}

fn is_trace(root: &Root, status: &FileStatus) -> bool {
    status.device == root.device.load(Ordering::Relaxed)
        && status.inode == root.inode.load(Ordering::Relaxed)
}

/// Ends the use of the trace's file once nothing records; `None` if a thread still writes.
pub(crate) fn close(root: &'static Root) -> Option<UnusedFile> {
    let file = root.retire()?;
    let descriptor = root.descriptor.swap(-1, Ordering::Relaxed);
    if leads_to_trace(root, descriptor) {
        sys::close(descriptor);
    }
    Some(file)
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
    if !state::PHASE.leave_recording(recording) || failure == Failure::GONE {
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
