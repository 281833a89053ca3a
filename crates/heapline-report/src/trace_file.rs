//! Where a trace's bytes come from, and whether the program that writes it still runs.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heapline_trace::{EndState, Header, Source};

use crate::ReportError;

/// A trace on disk or in memory; counts the bytes read, for progress bars.
pub(crate) struct TraceFile {
    bytes: Bytes,
    read: Arc<AtomicU64>,
}

enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

impl TraceFile {
    pub(crate) fn open(path: &Path) -> Result<Self, ReportError> {
        let file = File::open(path).map_err(|error| ReportError::io(path, error))?;
        let metadata = file
            .metadata()
            .map_err(|error| ReportError::io(path, error))?;
        if metadata.is_dir() {
            return Err(ReportError::directory(path));
        }
        Ok(Self::of(file))
    }

    pub(crate) fn of(file: File) -> Self {
        Self::new(Bytes::File(file))
    }

    pub(crate) fn in_memory(bytes: Vec<u8>) -> Self {
        Self::new(Bytes::Memory(bytes))
    }

    fn new(bytes: Bytes) -> Self {
        TraceFile {
            bytes,
            read: Arc::new(AtomicU64::new(0)),
        }
    }

    /// A counter of the bytes read so far.
    pub(crate) fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
}

impl Source for TraceFile {
    fn length(&self) -> io::Result<u64> {
        match &self.bytes {
            Bytes::File(file) => Ok(file.metadata()?.len()),
            Bytes::Memory(bytes) => bytes.length(),
        }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.bytes {
            Bytes::File(file) => read_file(file, offset, buffer)?,
            Bytes::Memory(bytes) => bytes.read_at(offset, buffer)?,
        };
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn read_file(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// How the recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The program ran its exit handlers.
    Exit,
    /// The program is gone and said nothing.
    Killed,
    /// The program runs.
    Running,
    /// Recording was stopped while the program went on.
    Stopped,
}

impl End {
    /// The word for it in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            End::Exit => "exit",
            End::Killed => "killed",
            End::Running => "running",
            End::Stopped => "stopped",
        }
    }

    pub(crate) fn of(header: &Header) -> Self {
        match header.end_state {
            EndState::Exit => End::Exit,
            EndState::Stopped => End::Stopped,
            EndState::Running if is_alive(header) => End::Running,
            EndState::Running => End::Killed,
        }
    }
}

/// Whether the recorded process itself, not another one with its number, is there.
fn is_alive(header: &Header) -> bool {
    let stat = std::fs::read(format!("/proc/{}/stat", header.pid)).unwrap_or_default();
    let (state, start_time) = state_and_start_time(&stat).unwrap_or((b'X', 0));
    start_time == header.process_start_time && !matches!(state, b'Z' | b'X')
}

/// Fields 3 and 22 of `/proc/PID/stat`. The name, field 2, may hold blanks and brackets.
fn state_and_start_time(stat: &[u8]) -> Option<(u8, u64)> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_start_time() {
        let stat = std::fs::read("/proc/self/stat").expect("a process has a stat file");
        let (_, start) = state_and_start_time(&stat).expect("the fields are there");
        let mut header = Header {
            pid: std::process::id(),
            process_start_time: start,
            ..Header::default()
        };
        assert_eq!(End::of(&header), End::Running);
        header.process_start_time += 1;
        assert_eq!(End::of(&header), End::Killed);
        header.end_state = EndState::Exit;
        assert_eq!(End::of(&header), End::Exit);
    }

    #[test]
    fn a_name_with_brackets_hides_nothing() {
        let stat = b"7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 9";
        assert_eq!(state_and_start_time(stat), Some((b'S', 4242)));
        assert_eq!(state_and_start_time(b"7 (x"), None);
    }
}
