//! Why a report cannot be made, always with the trace's path.

use std::fmt;
use std::path::{Path, PathBuf};

use heapline_trace::TraceError;

use crate::symbols::StoreError;

/// A trace cannot be reported on, or not in the way that was asked for.
#[derive(Debug)]
pub struct ReportError {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Directory,
    Io(std::io::Error),
    Trace(TraceError),
    Store(StoreError),
    NothingToDraw(&'static str),
    Drawing(std::io::Error),
    Running,
    Replaced,
    Stopped,
}

impl ReportError {
    pub(crate) fn directory(path: &Path) -> Self {
        Self::new(path, Kind::Directory)
    }

    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::new(path, Kind::Io(error))
    }

    pub(crate) fn trace(path: &Path, error: TraceError) -> Self {
        Self::new(path, Kind::Trace(error))
    }

    pub(crate) fn nothing_to_draw(path: &Path, what: &'static str) -> Self {
        Self::new(path, Kind::NothingToDraw(what))
    }

    pub(crate) fn drawing(path: &Path, error: std::io::Error) -> Self {
        Self::new(path, Kind::Drawing(error))
    }

    pub(crate) fn running(path: &Path) -> Self {
        Self::new(path, Kind::Running)
    }

    pub(crate) fn replaced(path: &Path) -> Self {
        Self::new(path, Kind::Replaced)
    }

    pub(crate) fn stopped(path: &Path) -> Self {
        Self::new(path, Kind::Stopped)
    }

    pub(crate) fn store(path: &Path, error: StoreError) -> Self {
        Self::new(path, Kind::Store(error))
    }

    fn new(path: &Path, kind: Kind) -> Self {
        ReportError {
            path: path.to_path_buf(),
            kind,
        }
    }

    /// The trace, or the file beside it, that is concerned.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the trace is fine and only holds nothing of what was to be drawn.
    #[must_use]
    pub fn is_nothing_to_draw(&self) -> bool {
        matches!(self.kind, Kind::NothingToDraw(_))
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A store's message begins with its own path.
        if !matches!(self.kind, Kind::Store(_)) {
            write!(f, "{}: ", self.path.display())?;
        }
        match &self.kind {
            Kind::Directory => write!(f, "a directory, not a trace"),
            Kind::Io(error) => write!(f, "{error}"),
            Kind::Trace(error) => write!(f, "{error}"),
            Kind::Store(error) => write!(f, "{error}"),
            Kind::NothingToDraw(what) => write!(f, "nothing to draw: {what} is 0 in every stack"),
            Kind::Drawing(error) => write!(f, "the flame graph cannot be drawn: {error}"),
            Kind::Running => write!(f, "its program still runs: pack it when that has ended"),
            Kind::Replaced => write!(f, "another trace took its place while it was packed"),
            Kind::Stopped => write!(f, "packing was interrupted, the trace stays as it is"),
        }
    }
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Io(error) | Kind::Drawing(error) => Some(error),
            Kind::Trace(error) => Some(error),
            Kind::Store(error) => Some(error),
            Kind::Directory
            | Kind::NothingToDraw(_)
            | Kind::Running
            | Kind::Replaced
            | Kind::Stopped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads_and_name_the_file() {
        fn check<T: Send + Sync + 'static>(_: &T) {}
        let error = ReportError::directory(Path::new("/tmp"));
        check(&error);
        assert_eq!(error.to_string(), "/tmp: a directory, not a trace");
    }
}
