//! Where the trace goes, and opening it without harming anything that is there.

use core::ffi::CStr;

use heapline_trace::{EndState, Header};

use crate::config::{PATH_BYTES, PathPart, expand};
use crate::environment;
use crate::recording::StartError;
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
    pub(crate) path: &'a CStr,
}

/// Flags of a file that is ours alone: new, and no link to somebody else's.
const NEW_FILE: i32 =
    libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;

/// Creates the trace. `buffer` holds the path, `scratch` is for what is read on the way.
pub(crate) fn open<'a>(
    place: Place<'_>,
    buffer: &'a mut [u8],
    scratch: &mut [u8],
) -> Result<Opened<'a>, StartError> {
    let mut path = Text::new(buffer);
    let names_process = match place.pattern {
        None => push_default(&mut path, place.family, scratch),
        Some(pattern) => push_pattern(&mut path, pattern, place.family, scratch),
    };
    let descriptor = match place.family {
        None => create(&mut path, scratch)?,
        Some(_) => create_new(&mut path, names_process)?,
    };
    let status =
        sys::status(descriptor).map_err(|errno| StartError::create(errno, c"the trace"))?;
    let length = path.bytes().len();
    let path = buffer
        .get(..=length)
        .and_then(|bytes| CStr::from_bytes_with_nul(bytes).ok());
    Ok(Opened {
        descriptor,
        status,
        path: path.unwrap_or(c""),
    })
}

/// Opens a trace whose descriptor the program has closed.
pub(crate) fn open_again(path: &CStr) -> Result<i32, Errno> {
    let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    sys::open(path, flags, 0)
}

/// Creates the file: at the path itself, in place of an older finished trace of ours,
/// or beside whatever is there with the pid behind it.
fn create(path: &mut Text<'_>, scratch: &mut [u8]) -> Result<i32, StartError> {
    let name = path.c_str().ok_or_else(StartError::path)?;
    match sys::open(name, NEW_FILE, 0o600) {
        Ok(descriptor) => return Ok(descriptor),
        Err(Errno(libc::EEXIST)) => {}
        Err(errno) => return Err(StartError::create(errno, name)),
    }
    if is_finished_trace(name)
        && let Some(descriptor) = replace(name, scratch)
    {
        return Ok(descriptor);
    }
    create_new(path, false)
}

/// How many names are tried: process ids come again, and a process keeps its own when it
/// starts another program.
const NAMES: u64 = 100;

/// Creates the file at the path, unless that is to get the process id first, or with a
/// number behind it.
fn create_new(path: &mut Text<'_>, names_process: bool) -> Result<i32, StartError> {
    if !names_process {
        path.push(b"-").push_number(sys::process_id().into());
    }
    let length = path.bytes().len();
    let mut number = 1;
    loop {
        let name = path.c_str().ok_or_else(StartError::path)?;
        match sys::open(name, NEW_FILE, 0o600) {
            Ok(descriptor) => return Ok(descriptor),
            Err(Errno(libc::EEXIST)) if number < NAMES => number += 1,
            Err(errno) => return Err(StartError::create(errno, name)),
        }
        path.truncate(length);
        path.push(b"-").push_number(number);
    }
}

/// A regular file of the same user that is a heapline trace whose program is done.
fn is_finished_trace(path: &CStr) -> bool {
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    let Ok(descriptor) = sys::open(path, flags, 0) else {
        return false;
    };
    let ours = sys::status(descriptor)
        .is_ok_and(|status| status.kind == libc::S_IFREG && status.owner == sys::user_id());
    let mut page = [0; 128];
    let read = sys::read(descriptor, &mut page);
    sys::close(descriptor);
    ours && read == Ok(page.len())
        && Header::peek(&page)
            .is_some_and(|(end, pid)| end != EndState::Running || !process_lives(pid))
}

/// Whether some process has this pid; a stranger's counts as alive, to be careful.
fn process_lives(pid: u32) -> bool {
    let mut buffer = [0; 32];
    let mut path = Text::new(&mut buffer);
    path.push(b"/proc/").push_number(pid.into());
    match path
        .c_str()
        .map(|path| sys::open(path, libc::O_PATH | libc::O_CLOEXEC, 0))
    {
        Some(Ok(descriptor)) => {
            sys::close(descriptor);
            true
        }
        _ => false,
    }
}

/// Creates the file under another name and renames it over the old trace.
fn replace(path: &CStr, scratch: &mut [u8]) -> Option<i32> {
    let mut temporary = Text::new(scratch.get_mut(..PATH_BYTES)?);
    temporary
        .push(path.to_bytes())
        .push(b"-")
        .push_number(sys::process_id().into());
    let temporary = temporary.c_str()?;
    let descriptor = sys::open(temporary, NEW_FILE, 0o600).ok()?;
    if sys::rename(temporary, path).is_err() {
        sys::close(descriptor);
        return None;
    }
    Some(descriptor)
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
