//! Why a recording cannot start.

use core::ffi::CStr;
use core::fmt;

use crate::{message, sys};

/// Why [`start`](crate::start) failed.
#[derive(Debug)]
pub struct StartError {
    pub(crate) kind: Kind,
}

/// The reasons.
#[derive(Debug)]
pub(crate) enum Kind {
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
