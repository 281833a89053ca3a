//! Starting and stopping: from the environment at the first allocation, or by call.

use core::ffi::CStr;
use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use heapline_trace::{
    EndState, HEADER_BYTES, Header, HeaderField, Identity, UnwindMode, write_identity,
};

use crate::clock::{self, Clock};
use crate::config::{Config, Settings, Variable};
use crate::root::{self, HeaderPage, Root, Unused};
use crate::trace_path::{self, Opened, Place};
use crate::{environment, follow, message, sink, state, sys, thread_state};

/// Events that came while another thread was opening the trace.
static SKIPPED_EARLY: AtomicU64 = AtomicU64::new(0);

/// The process that began the newest recording; a forked child's differs until it records.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Disk space that is always left free, or a tenth of the file system if that is less.
const MIN_FREE_BYTES: u64 = 1 << 30;

/// Counts an event that came while another thread was opening the trace.
#[cold]
pub(crate) fn skip_early() {
    SKIPPED_EARLY.fetch_add(1, Ordering::Relaxed);
    // Who has started meanwhile looks at the count behind the state: one of the two sees
    // what the other did.
    fence(Ordering::SeqCst);
    if state::load() >= state::FIRST_RECORDING {
        tell_skipped_early();
    }
}

/// Adds what was skipped while the trace was opened to its header.
fn tell_skipped_early() {
    fence(Ordering::SeqCst);
    let skipped = SKIPPED_EARLY.swap(0, Ordering::Relaxed);
    if let Some(header) = owned_root().and_then(Root::header) {
        header
            .u64_field(HeaderField::SkippedEvents)
            .fetch_add(skipped, Ordering::Relaxed);
    }
}

/// Ends the time in which other threads' events are skipped.
fn finish_starting(started: Option<u32>) {
    state::finish_starting(started.unwrap_or(state::IDLE));
    tell_skipped_early();
}

/// Asks the environment, once, whether to record. Returns the recording's number.
#[cold]
pub(crate) fn decide(always: bool) -> Option<u32> {
    let process = sys::process_id();
    let started = if state::begin_deciding(process) {
        environment::with_variable(|variable| start_by_variable(variable, always, false))
    } else if state::take_over_deciding(process) {
        // The parent's.
        SKIPPED_EARLY.store(0, Ordering::Relaxed);
        follow_early(always)
    } else {
        // Another thread is at it.
        skip_early();
        return None;
    };
    finish_starting(started);
    started
}

/// What the variable, or its absence, means. A forked child, whose parent's first allocation
/// was under way, records only if children are to.
fn start_by_variable(value: Option<&[u8]>, always: bool, is_child: bool) -> Option<u32> {
    let parsed = crate::config::parse(value.unwrap_or_default(), message::unknown_key);
    let variable: Variable<'_> = match parsed {
        Ok(variable) => variable,
        Err(bad) => {
            message::bad_value(bad.key.as_bytes(), bad.wanted.as_bytes());
            return None;
        }
    };
    message::set_quiet(variable.quiet);
    if !variable.on.unwrap_or(always) || (is_child && !variable.settings.follow_forks) {
        return None;
    }
    ask(variable.out, variable.settings, is_child).ok()
}

/// Begins the recording of a forked child whose parent was about to begin one, or none.
fn follow_early(always: bool) -> Option<u32> {
    if follow::is_wished() {
        return follow::with_wish(|place, settings| begin(place, settings, true).ok());
    }
    environment::with_variable(|variable| start_by_variable(variable, always, true))
}

/// Begins a forked child's own recording instead of its parent's, or none.
#[cold]
#[inline(never)]
pub(crate) fn follow(parents: u32) {
    if state::begin_following(parents, sys::process_id()) {
        finish_starting(follow::with_wish(|place, settings| {
            begin(place, settings, true).ok()
        }));
    }
}

/// Begins a recording that this process was asked for; `late` if it has allocated before.
fn ask(pattern: Option<&[u8]>, settings: Settings, late: bool) -> Result<u32, StartError> {
    follow::remember(pattern, settings);
    let place = Place {
        pattern,
        family: None,
    };
    begin(place, settings, late)
}

/// Opens a trace and everything around it, while nothing records.
fn begin(place: Place<'_>, settings: Settings, late: bool) -> Result<u32, StartError> {
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
    file: Unused,
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
    mut file: Unused,
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
fn owned_root() -> Option<&'static Root> {
    root::get().filter(|root| root.recording() != 0)
}

/// Starts recording to a new trace.
///
/// Recording ends when the guard is dropped or [`stop`] is called.
///
/// # Errors
/// If `Heapline` is not the program's global allocator, something records already,
/// or the trace cannot be created.
pub fn start(config: &Config) -> Result<Recording, StartError> {
    let root = root::get_or_map().ok_or(StartError { kind: Kind::Memory })?;
    let _control = root.control();
    // An installed allocator has left UNDECIDED with the program's first allocation.
    if state::load() == state::UNDECIDED {
        return Err(StartError {
            kind: Kind::NotInstalled,
        });
    }
    if owned_root().is_none() {
        state::leave_parents(sys::process_id());
    }
    if state::load() != state::IDLE {
        return Err(StartError {
            kind: Kind::AlreadyRecording,
        });
    }
    // Until the trace is there the program is idle: what other threads do meanwhile
    // comes before the recording, and is not missing from it.
    let number = ask(config.out_pattern(), config.settings(), true)?;
    state::finish_starting(number);
    Ok(Recording { number })
}

/// Stops recording; false if nothing records. The trace is complete at once.
///
/// It may be called in a signal handler, also in one that interrupted the recorder.
pub fn stop() -> bool {
    let Some(root) = owned_root() else {
        return false;
    };
    let _control = root.control();
    stop_now(root)
}

fn stop_now(root: &'static Root) -> bool {
    let Some(header) = root.header() else {
        return false;
    };
    if !state::leave_recording(root.recording()) {
        return false;
    }
    let stamp = Clock::choose().stamp(true);
    sink::anchor(stamp, clock::monotonic_nanoseconds());
    header
        .u64_field(HeaderField::StopStamp)
        .store(stamp, Ordering::Relaxed);
    header
        .u32_field(HeaderField::EndState)
        .store(EndState::Stopped as u32, Ordering::Release);
    // If a thread still writes the next start closes it; this one, if the caller is a signal
    // handler that interrupted it.
    if !thread_state::is_inside() {
        sink::close(root);
    }
    true
}

/// Whether this process records.
#[must_use]
pub fn is_recording() -> bool {
    state::load() >= state::FIRST_RECORDING && owned_root().is_some()
}

/// A recording that [`start`] began; dropping it stops the recording, except in a
/// forked child, where it does nothing.
#[must_use = "recording stops when this is dropped"]
#[derive(Debug)]
pub struct Recording {
    number: u32,
}

impl Drop for Recording {
    fn drop(&mut self) {
        // In a forked child the recording is another one or none.
        let Some(root) = owned_root() else { return };
        let _control = root.control();
        if state::load() == self.number {
            stop_now(root);
        }
    }
}

/// Why [`start`] failed.
#[derive(Debug)]
pub struct StartError {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    NotInstalled,
    AlreadyRecording,
    Busy,
    Memory,
    Path,
    Create(i32),
    Write(i32),
}

impl StartError {
    pub(crate) fn path() -> Self {
        StartError { kind: Kind::Path }
    }

    pub(crate) fn create(errno: sys::Errno, path: &CStr) -> Self {
        message::cannot_start(b"create", path.to_bytes(), errno.0);
        StartError {
            kind: Kind::Create(errno.0),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = std::io::Error::from_raw_os_error;
        match self.kind {
            Kind::NotInstalled => {
                write!(
                    f,
                    "heapline::Heapline is not this program's #[global_allocator]"
                )
            }
            Kind::AlreadyRecording => write!(f, "a recording is going on already"),
            Kind::Busy => write!(f, "a thread still writes the trace before"),
            Kind::Memory => write!(f, "no memory can be mapped for the recorder"),
            Kind::Path => write!(f, "the path of the trace is too long or holds a zero byte"),
            Kind::Create(errno) => write!(f, "cannot create the trace: {}", system(errno)),
            Kind::Write(errno) => write!(f, "cannot write the trace: {}", system(errno)),
        }
    }
}

impl std::error::Error for StartError {}
