//! Opening a trace: file, header page, and what all threads find in the root page.

use core::ffi::CStr;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, Ordering};

use heapline_trace::{
    EndState, HEADER_BYTES, Header, HeaderField, Identity, UnwindMode, write_identity,
};

use crate::clock::{self, Clock};
use crate::config::Settings;
use crate::root::{self, HeaderPage, Root, UnusedFile};
use crate::start_error::{Kind, StartError};
use crate::trace_path::{self, Opened, Place};
use crate::{environment, follow, message, sink, state, sys};

/// The process that began the newest recording; a forked child's differs until it records.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Disk space that is always left free, or a tenth of the file system if that is less.
const MIN_FREE_BYTES: u64 = 1 << 30;

/// Begins a recording that this process was asked for; `late` if it has allocated before.
pub(crate) fn ask(
    pattern: Option<&[u8]>,
    settings: Settings,
    late: bool,
) -> Result<u32, StartError> {
    follow::remember(pattern, settings);
    let place = Place {
        pattern,
        family: None,
    };
    begin(place, settings, late)
}

/// Opens a trace and everything around it, while nothing records.
pub(crate) fn begin(place: Place<'_>, settings: Settings, late: bool) -> Result<u32, StartError> {
    let root = root::get_for_recording().ok_or(StartError { kind: Kind::Memory })?;
    let file = sink::close(root).ok_or(StartError { kind: Kind::Busy })?;
    let scratch = sys::map_bytes(SCRATCH_BYTES).ok_or(StartError { kind: Kind::Memory })?;
    message::remember_stderr();
    let result = begin_in(scratch, root, file, place, settings, late);
    sys::release_bytes(scratch);
    result
}

/// Bytes for the paths, arguments and environment read at the start.
const SCRATCH_BYTES: usize = 64 << 10;

fn begin_in(
    scratch: &mut [u8],
    root: &'static Root,
    file: UnusedFile,
    place: Place<'_>,
    settings: Settings,
    late: bool,
) -> Result<u32, StartError> {
    let (path, scratch) = scratch.split_at_mut(crate::config::PATH_BYTES);
    let (beside, scratch) = scratch.split_at_mut(crate::config::PATH_BYTES);
    let opened = trace_path::open(place, path, beside, scratch)?;
    let header = write_header(opened, settings, late, scratch).map_err(|errno| {
        message::cannot_start(b"write", opened.path.to_bytes(), errno.0);
        opened.discard();
        StartError {
            kind: Kind::Write(errno.0),
        }
    })?;
    let path = opened.publish();
    let recording = state::next_recording();
    install(root, file, opened, path, header, settings, recording);
    message::recording(path.to_bytes());
    Ok(recording)
}

/// Maps and fills the header page.
fn write_header(
    opened: Opened<'_>,
    settings: Settings,
    late: bool,
    scratch: &mut [u8],
) -> Result<HeaderPage, sys::Errno> {
    // Else a full disk is a deadly signal when a page of a stage is touched.
    if sys::file_system(opened.descriptor)?.copies_on_write {
        sys::rewrite_in_place(opened.descriptor)?;
    }
    sys::allocate_disk(opened.descriptor, 0, HEADER_BYTES)?;
    let mut page = HeaderPage::map(opened.descriptor)?;
    let clock = Clock::choose();
    let start_stamp = clock.stamp(true);
    let start_ns = clock::monotonic_nanoseconds();
    // Its texts, which are empty, are vectors: no code that frees them belongs here.
    let header = ManuallyDrop::new(Header {
        clock_mode: clock.mode(),
        unwind_mode: unwind_mode(),
        tick_shift: clock.tick_shift(),
        pid: sys::process_id(),
        parent_pid: parent(),
        max_frames: settings.max_frames,
        start_stamp,
        start_monotonic_ns: start_ns,
        start_realtime_ns: sys::clock_nanoseconds(libc::CLOCK_REALTIME),
        process_start_time: environment::process_start_time(),
        began_late: late,
        ..Header::default()
    });
    fill(page.bytes(), &header, scratch);
    // Two readings some microseconds apart give short recordings a time scale.
    let anchor_stamp = clock.stamp(true);
    page.u64_field(HeaderField::AnchorStamp)
        .store(anchor_stamp, Ordering::Relaxed);
    page.u64_field(HeaderField::AnchorMonotonicNs)
        .store(clock::monotonic_nanoseconds(), Ordering::Relaxed);
    Ok(page)
}

/// The process that this one was forked from while that one recorded, else its parent.
fn parent() -> u32 {
    let owner = OWNER.load(Ordering::Relaxed);
    if owner == 0 || owner == sys::process_id() {
        sys::parent_process_id()
    } else {
        owner
    }
}

fn unwind_mode() -> UnwindMode {
    match heapline_unwind::MODE {
        heapline_unwind::Mode::Rules => UnwindMode::Rules,
        heapline_unwind::Mode::Backtrace => UnwindMode::Backtrace,
    }
}

/// Writes numbers and texts, the magic last.
fn fill(page: &mut [u8; HEADER_BYTES], header: &Header, scratch: &mut [u8]) {
    header.write_numbers(page);
    let (program, rest) = scratch.split_at_mut(crate::config::PATH_BYTES);
    let (directory, arguments) = rest.split_at_mut(crate::config::PATH_BYTES);
    let identity = Identity {
        program: sys::read_link(c"/proc/self/exe", program).unwrap_or(b""),
        directory: sys::working_directory(directory).unwrap_or(b""),
        arguments: sys::read_file(c"/proc/self/cmdline", arguments).unwrap_or(b""),
    };
    write_identity(page, identity);
}

/// Makes the recording known to all threads but for the state itself.
fn install(
    root: &'static Root,
    mut file: UnusedFile,
    opened: Opened<'_>,
    path: &CStr,
    header: HeaderPage,
    settings: Settings,
    recording: u32,
) {
    file.set_path(path);
    root.descriptor.store(opened.descriptor, Ordering::Relaxed);
    root.device.store(opened.status.device, Ordering::Relaxed);
    root.inode.store(opened.status.inode, Ordering::Relaxed);
    root.max_file.store(settings.max_file, Ordering::Relaxed);
    root.max_frames
        .store(settings.max_frames, Ordering::Relaxed);
    let total = sys::file_system(opened.descriptor).map_or(0, |system| system.total);
    root.min_free
        .store(MIN_FREE_BYTES.min(total / 10), Ordering::Relaxed);
    root.next_look.store(0, Ordering::Relaxed);
    root.functions.store(0, Ordering::Relaxed);
    root.attached.store(0, Ordering::Relaxed);
    root.set_header(header);
    file.give_to(recording);
    if OWNER.swap(sys::process_id(), Ordering::Relaxed) == 0 {
        environment::at_exit(note_exit);
    }
}

/// Says in the header that the program ended by itself. Nothing depends on it:
/// without it the report says "killed".
extern "C" fn note_exit() {
    if state::load() < state::FIRST_RECORDING {
        return;
    }
    if let Some(header) = owned_root().and_then(Root::header) {
        sink::anchor(Clock::choose().stamp(true), clock::monotonic_nanoseconds());
        header
            .u32_field(HeaderField::EndState)
            .store(EndState::Exit as u32, Ordering::Release);
    }
}

/// The root page, if a recording of this very process goes on.
pub(crate) fn owned_root() -> Option<&'static Root> {
    root::get().filter(|root| root.recording() != 0)
}
