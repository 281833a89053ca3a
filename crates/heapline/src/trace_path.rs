//! Where the trace goes, and opening it without harming anything that is there.

use core::ffi::CStr;

use heapline_trace::{EndState, Header, Peeked};

use crate::config::{PathPart, expand};
use crate::environment;
use crate::start_error::StartError;
use crate::sys::{self, Errno, FileStatus};
use crate::text::Text;

/// Where to put the trace.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// A path as the user wrote it; else under cargo its target folder, else the directory.
    pub(crate) pattern: Option<&'a [u8]>,
    /// Of a forked child that records because its parent does: the directory in which that
    /// was asked for. Such a child's path has its process id, and replaces nothing: what
    /// is there may be another one's of the family.
    pub(crate) family: Option<&'a [u8]>,
}

/// An open trace file without contents.
#[derive(Clone, Copy)]
pub(crate) struct Opened<'a> {
    pub(crate) descriptor: i32,
    pub(crate) status: FileStatus,
    /// Where it is.
    pub(crate) path: &'a CStr,
    /// Where a finished trace is that it is to replace once it has a header of its own.
    replaces: Option<(&'a CStr, FileStatus)>,
}

impl<'a> Opened<'a> {
    /// Puts it in place of the trace that it replaces, if that is still there; where it is
    /// then. Both names are exchanged, as another process may have begun a trace there.
    pub(crate) fn publish(&self) -> &'a CStr {
        let Some((finished, judged)) = self.replaces else {
            return self.path;
        };
        match sys::exchange(self.path, finished) {
            Ok(()) => {}
            // File systems that cannot: there one that was just begun would be replaced.
            Err(Errno(libc::EINVAL)) if sys::rename(self.path, finished).is_ok() => {
                return finished;
            }
            Err(_) => return self.path,
        }
        if sys::status_at(self.path).is_ok_and(|status| status.is_same_file(&judged)) {
            sys::unlink(self.path);
            return finished;
        }
        // Should this fail, too, each trace is at the other one's name.
        match sys::exchange(self.path, finished) {
            Ok(()) => self.path,
            Err(_) => finished,
        }
    }

    /// Takes it away, as it has no contents.
    pub(crate) fn discard(&self) {
        sys::close(self.descriptor);
        sys::unlink(self.path);
    }
}

/// Flags of a file that is ours alone: new, and no link to somebody else's.
const NEW_FILE: i32 =
    libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;

/// Creates the trace. The first two buffers hold paths, `scratch` is for what is read on the
/// way.
pub(crate) fn open<'a>(
    place: Place<'_>,
    wanted: &'a mut [u8],
    beside: &'a mut [u8],
    scratch: &mut [u8],
) -> Result<Opened<'a>, StartError> {
    let mut path = Text::new(wanted);
    let names_process = match place.pattern {
        None => push_default(&mut path, place.family, scratch),
        Some(pattern) => push_pattern(&mut path, pattern, place.family, scratch),
    };
    let wanted = path.into_c_str().ok_or_else(StartError::path)?;
    let may_be_there = place.family.is_none();
    if may_be_there || names_process {
        match sys::open(wanted, NEW_FILE, 0o600) {
            Ok(descriptor) => return opened(descriptor, wanted, None),
            Err(Errno(libc::EEXIST)) => {}
            Err(errno) => return Err(StartError::create(errno, wanted)),
        }
    }
    let finished = finished_trace(wanted).filter(|_| may_be_there);
    let (descriptor, path) = create_beside(wanted, names_process && !may_be_there, beside)?;
    opened(descriptor, path, finished.map(|status| (wanted, status)))
}

fn opened<'a>(
    descriptor: i32,
    path: &'a CStr,
    replaces: Option<(&'a CStr, FileStatus)>,
) -> Result<Opened<'a>, StartError> {
    let status = sys::status(descriptor).map_err(|errno| {
        sys::close(descriptor);
        sys::unlink(path);
        StartError::create(errno, path)
    })?;
    sys::lock_file(descriptor);
    Ok(Opened {
        descriptor,
        status,
        path,
        replaces,
    })
}

/// Opens a trace whose descriptor the program has closed.
pub(crate) fn open_again(path: &CStr) -> Result<i32, Errno> {
    let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    sys::open(path, flags, 0)
}

/// How many names are tried: process ids come again, and a process keeps its own when it
/// starts another program.
const NAMES: u64 = 100;

/// Creates the file at the path with the process id behind it, unless that has it already,
/// and a number behind that if need be.
fn create_beside<'a>(
    wanted: &CStr,
    names_process: bool,
    buffer: &'a mut [u8],
) -> Result<(i32, &'a CStr), StartError> {
    let mut path = Text::new(buffer);
    path.push(wanted.to_bytes());
    if !names_process {
        path.push(b"-").push_number(sys::process_id().into());
    }
    let length = path.bytes().len();
    // Without a number it is what was asked for, or taken.
    let first = if names_process { 2 } else { 1 };
    for number in first..=NAMES {
        path.truncate(length);
        if number > 1 {
            path.push(b"-").push_number(number);
        }
        let name = path.c_str().ok_or_else(StartError::path)?;
        match sys::open(name, NEW_FILE, 0o600) {
            Ok(descriptor) => {
                let path = path.into_c_str().ok_or_else(StartError::path)?;
                return Ok((descriptor, path));
            }
            Err(Errno(libc::EEXIST)) if number < NAMES => {}
            Err(errno) => return Err(StartError::create(errno, name)),
        }
    }
    Err(StartError::path())
}

/// What is at the path, if that is a regular file of the same user, and a heapline trace
/// whose program is done.
fn finished_trace(path: &CStr) -> Option<FileStatus> {
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    let descriptor = sys::open(path, flags, 0).ok()?;
    let status = sys::status(descriptor).ok();
    let mut page = [0; 128];
    let read = sys::read(descriptor, &mut page);
    let is_locked = sys::is_locked(descriptor);
    sys::close(descriptor);
    let is_done = read == Ok(page.len())
        && Header::peek(&page).is_some_and(|trace| is_done(trace, is_locked));
    status
        .filter(|status| is_done && status.kind == libc::S_IFREG && status.owner == sys::user_id())
}

/// Whether a trace's process is done with it. The lock also tells of processes that have
/// their number in another namespace; the number, where there are no locks or the program
/// closed the descriptor.
fn is_done(trace: Peeked, is_locked: bool) -> bool {
    let runs = || environment::start_time_of(trace.pid) == Some(trace.process_start_time);
    trace.end_state != EndState::Running || !(is_locked || runs())
}

/// `<target>/heapline/PROGRAM-PID.heapline` for a program that cargo runs out of its
/// target folder, else `PROGRAM-PID.heapline` in the directory. True: it has the process id.
fn push_default(path: &mut Text<'_>, directory: Option<&[u8]>, scratch: &mut [u8]) -> bool {
    let program = sys::read_link(c"/proc/self/exe", scratch).unwrap_or(b"program");
    let cargo = environment::has_variable(b"CARGO_MANIFEST_DIR");
    if cargo && let Some(target) = target_folder(program, path) {
        path.truncate(0);
        path.push(target).push(b"/heapline");
        let made = path
            .c_str()
            .is_some_and(|folder| sys::mkdir(folder, 0o777).is_ok());
        if !made {
            path.truncate(0);
        }
    } else {
        path.truncate(0);
    }
    if path.bytes().is_empty() {
        push_directory(path, directory);
    }
    path.push(b"/")
        .push(file_name(program))
        .push(b"-")
        .push_number(sys::process_id().into());
    path.push(b".heapline");
    true
}

/// The folder above the program that cargo marked as its target.
fn target_folder<'a>(program: &'a [u8], scratch: &mut Text<'_>) -> Option<&'a [u8]> {
    let mut folder = program;
    loop {
        let slash = folder.iter().rposition(|&byte| byte == b'/')?;
        folder = folder.get(..slash)?;
        scratch.truncate(0);
        scratch.push(folder).push(b"/CACHEDIR.TAG");
        let tag = scratch.c_str()?;
        if let Ok(descriptor) = sys::open(tag, libc::O_RDONLY | libc::O_CLOEXEC, 0) {
            sys::close(descriptor);
            return Some(folder);
        }
    }
}

/// The user's pattern, made absolute: the program may change its directory. Whether it has
/// the process id in it.
fn push_pattern(
    path: &mut Text<'_>,
    pattern: &[u8],
    directory: Option<&[u8]>,
    scratch: &mut [u8],
) -> bool {
    if !pattern.starts_with(b"/") {
        push_directory(path, directory);
        path.push(b"/");
    }
    let mut names_process = false;
    let program = sys::read_link(c"/proc/self/exe", scratch).unwrap_or(b"program");
    expand(pattern, |part| {
        match part {
            PathPart::Bytes(bytes) => path.push(bytes),
            PathPart::Process => {
                names_process = true;
                path.push_number(sys::process_id().into())
            }
            PathPart::Program => path.push(file_name(program)),
            PathPart::Time => {
                path.push_number(sys::clock_nanoseconds(libc::CLOCK_REALTIME) / 1_000_000_000)
            }
        };
    });
    names_process
}

/// The directory, else the working directory.
fn push_directory(path: &mut Text<'_>, directory: Option<&[u8]>) {
    let mut buffer = [0; 1024];
    path.push(match directory {
        Some(directory) => directory,
        None => sys::working_directory(&mut buffer).unwrap_or(b"."),
    });
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
