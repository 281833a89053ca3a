//! What can be wrong with a trace, always with the byte offset.

use std::fmt;
use std::io;

/// A trace, or a part of it, cannot be read.
#[derive(Debug)]
pub struct TraceError {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Io(io::Error),
    Empty,
    NotATrace,
    Version(u32),
    Header { offset: u64, what: &'static str },
    Damaged { offset: u64, what: &'static str },
    Packed { offset: u64, what: &'static str },
    Unpackable(&'static str),
    NotTheSame,
}

impl TraceError {
    pub(crate) fn empty() -> Self {
        TraceError { kind: Kind::Empty }
    }

    pub(crate) fn not_a_trace() -> Self {
        TraceError {
            kind: Kind::NotATrace,
        }
    }

    pub(crate) fn version(found: u32) -> Self {
        TraceError {
            kind: Kind::Version(found),
        }
    }

    pub(crate) fn header(offset: u64, what: &'static str) -> Self {
        TraceError {
            kind: Kind::Header { offset, what },
        }
    }

    pub(crate) fn damaged(offset: u64, what: &'static str) -> Self {
        TraceError {
            kind: Kind::Damaged { offset, what },
        }
    }

    pub(crate) fn packed(offset: u64, what: &'static str) -> Self {
        TraceError {
            kind: Kind::Packed { offset, what },
        }
    }

    pub(crate) fn unpackable(why: &'static str) -> Self {
        TraceError {
            kind: Kind::Unpackable(why),
        }
    }

    pub(crate) fn not_the_same() -> Self {
        TraceError {
            kind: Kind::NotTheSame,
        }
    }

    /// Offset of a damaged block, and what is wrong with it.
    pub(crate) fn damage(&self) -> Option<(u64, &'static str)> {
        match self.kind {
            Kind::Damaged { offset, what } => Some((offset, what)),
            _ => None,
        }
    }

    /// Byte offset in the file at which reading failed, where there is one.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match self.kind {
            Kind::Header { offset, .. }
            | Kind::Damaged { offset, .. }
            | Kind::Packed { offset, .. } => Some(offset),
            Kind::NotATrace | Kind::Version(_) | Kind::Empty => Some(0),
            Kind::Io(_) | Kind::Unpackable(_) | Kind::NotTheSame => None,
        }
    }

    /// The system's error, if reading or writing failed.
    ///
    /// # Errors
    /// Gives the error back if it is another one.
    pub fn into_io(self) -> Result<io::Error, Self> {
        match self.kind {
            Kind::Io(error) => Ok(error),
            _ => Err(self),
        }
    }

    /// Whether only one block is concerned, so that reading can go on behind it.
    #[must_use]
    pub fn is_damaged_block(&self) -> bool {
        matches!(self.kind, Kind::Damaged { .. })
    }
}

impl From<io::Error> for TraceError {
    fn from(error: io::Error) -> Self {
        TraceError {
            kind: Kind::Io(error),
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Io(error) => write!(f, "{error}"),
            Kind::Empty => write!(f, "the file is empty"),
            Kind::NotATrace => write!(f, "not a heapline trace: no magic at byte 0"),
            Kind::Version(found) => write!(
                f,
                "trace format {found}, but this heapline reads format {}: use the heapline that recorded it",
                crate::VERSION
            ),
            Kind::Header { offset, what } => {
                write!(f, "broken trace header at byte {offset}: {what}")
            }
            Kind::Damaged { offset, what } => write!(f, "damaged block at byte {offset}: {what}"),
            Kind::Packed { offset, what } => {
                write!(f, "broken packed trace at byte {offset}: {what}")
            }
            Kind::Unpackable(why) => write!(f, "it cannot be packed: {why}"),
            Kind::NotTheSame => write!(f, "what was packed does not read like the trace"),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TraceError;

    #[test]
    fn errors_cross_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<TraceError>();
    }
}
