//! Packing a trace file: a new file beside it, read again and compared with the trace,
//! synced, and only then renamed. Whoever has the raw trace mapped keeps it; whatever
//! fails on the way leaves it as it was.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heapline_trace::{Contents, Trace, TraceError, pack as pack_trace, verify};

use crate::report::{Phase, Progress};
use crate::symbols::SymbolStore;
use crate::trace_file::{End, TraceFile};
use crate::{ReportError, units};

/// What became of a trace that was to be packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was packed.
    Packed(Packed),
    /// It is packed already; nothing was written.
    WasPacked,
}

/// A packed trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the raw trace.
    pub raw_bytes: u64,
    /// Bytes of the packed one.
    pub packed_bytes: u64,
    /// Allocations, reallocations and deallocations in it.
    pub events: u64,
}

impl Packed {
    /// From how many bytes to how many, for people.
    #[must_use]
    pub fn reduction(&self) -> String {
        units::reduction(self.raw_bytes, self.packed_bytes, self.events)
    }
}

/// What a packed trace holds besides the records.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    /// Frames and source text, so that the trace can be read on any machine.
    pub symbols: Option<SymbolStore>,
    /// Leave out source text, the program's arguments, and all folders.
    pub without_source: bool,
}

/// Packs a finished trace, in its own place or to `output`. Packing is given up as soon
/// as `is_stopped` says so.
///
/// # Errors
/// If the trace cannot be read, its program still runs, the packed trace cannot be
/// written or does not read like the raw one. Then the trace is as it was.
pub fn pack(
    path: &Path,
    output: Option<&Path>,
    options: PackOptions,
    progress: &mut dyn FnMut(Progress),
    is_stopped: &dyn Fn() -> bool,
) -> Result<Outcome, ReportError> {
    let file = TraceFile::open(path)?;
    let bytes_read = file.bytes_read();
    let raw = Trace::open(file).map_err(|error| ReportError::trace(path, error))?;
    if raw.packing().is_some() {
        return Ok(Outcome::WasPacked);
    }
    if End::of(raw.header()) == End::Running {
        return Err(ReportError::running(path));
    }
    // A link to a trace stays one.
    let place = match output {
        Some(output) => output.to_owned(),
        None => path
            .canonicalize()
            .map_err(|error| ReportError::io(path, error))?,
    };
    let identity = Identity::of(path)?;
    let symbols = options.symbols.map(|symbols| match options.without_source {
        true => symbols.without_source(),
        false => symbols,
    });
    let attachment = symbols.map_or(Vec::new(), |symbols| symbols.to_bytes());
    let mut packing = Packing {
        contents: Contents {
            attachment: &attachment,
            without_paths: options.without_source,
        },
        path,
        raw: &raw,
        bytes_read,
        progress,
        is_stopped,
    };
    let temporary = Temporary::create(&place)?;
    let events = packing.write(&temporary)?;
    packing.check(&temporary)?;
    if Identity::of(path)?.file != identity.file {
        return Err(ReportError::replaced(path));
    }
    let packed_bytes = temporary.keep_as(&place, identity.modified)?;
    Ok(Outcome::Packed(Packed {
        path: output.unwrap_or(path).to_owned(),
        raw_bytes: identity.bytes,
        packed_bytes,
        events,
    }))
}

/// Which file a path names.
struct Identity {
    /// Device and inode.
    file: (u64, u64),
    bytes: u64,
    /// The newest trace is found by it.
    modified: io::Result<std::time::SystemTime>,
}

impl Identity {
    fn of(path: &Path) -> Result<Self, ReportError> {
        let metadata = path
            .metadata()
            .map_err(|error| ReportError::io(path, error))?;
        Ok(Identity {
            file: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: metadata.modified(),
        })
    }
}

/// What both passes over the raw trace need.
struct Packing<'a> {
    contents: Contents<'a>,
    path: &'a Path,
    raw: &'a Trace<TraceFile>,
    bytes_read: Arc<AtomicU64>,
    progress: &'a mut dyn FnMut(Progress),
    is_stopped: &'a dyn Fn() -> bool,
}

impl<'a> Packing<'a> {
    fn write(&mut self, temporary: &Temporary) -> Result<u64, ReportError> {
        let mut output = BufWriter::new(&temporary.file);
        let mut result = {
            let (raw, contents) = (self.raw, self.contents);
            let mut tick = self.ticker(Phase::Packing);
            pack_trace(raw, contents, &mut output, &mut tick)
        };
        if let Err(error) = output.flush() {
            result = result.and(Err(error.into()));
        }
        result.map_err(|error| self.failed(error, &temporary.path))
    }

    fn check(&mut self, temporary: &Temporary) -> Result<(), ReportError> {
        let (raw, contents) = (self.raw, self.contents);
        let mut tick = self.ticker(Phase::Checking);
        let result = temporary
            .file
            .try_clone()
            .map_err(TraceError::from)
            .and_then(|file| Trace::open(TraceFile::of(file)))
            .and_then(|packed| verify(raw, &packed, contents, &mut tick));
        drop(tick);
        result.map_err(|error| self.failed(error, &temporary.path))
    }

    /// Reports progress by the bytes of the raw trace read since now, and ends the work
    /// when it is to be stopped.
    fn ticker<'s>(&'s mut self, phase: Phase) -> impl FnMut() -> io::Result<()> + use<'s, 'a> {
        let streams = self.raw.streams().iter();
        let total = streams.map(|stream| stream.stored_bytes()).sum();
        let before = self.bytes_read.load(Ordering::Relaxed);
        move || {
            if (self.is_stopped)() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let read = self.bytes_read.load(Ordering::Relaxed);
            (self.progress)(Progress {
                phase,
                done: read.saturating_sub(before).min(total),
                total,
            });
            Ok(())
        }
    }

    /// Trouble with the file that is written names that file.
    fn failed(&self, error: TraceError, written: &Path) -> ReportError {
        if (self.is_stopped)() {
            return ReportError::stopped(self.path);
        }
        match error.into_io() {
            Ok(error) => ReportError::io(written, error),
            Err(error) => ReportError::trace(self.path, error),
        }
    }
}

/// The new file while it is not yet in its place; removed if it never gets there.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// A file that nobody else has, beside the one it is to become: hidden, and with a
    /// name that is no trace's.
    fn create(place: &Path) -> Result<Self, ReportError> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let path = place.with_file_name(format!(".{name}.packing-{}", std::process::id()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| ReportError::io(&path, error))?;
        Ok(Temporary { path, file })
    }

    /// Puts it into its place, once it is on the disk; returns its bytes.
    fn keep_as(
        &self,
        place: &Path,
        modified: io::Result<std::time::SystemTime>,
    ) -> Result<u64, ReportError> {
        let kept = || {
            self.file.set_modified(modified?)?;
            self.file.sync_all()?;
            std::fs::rename(&self.path, place)?;
            let folder = place
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(self.file.metadata()?.len())
        };
        kept().map_err(|error| ReportError::io(place, error))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Under its new name it is not found here any more.
        let _ = std::fs::remove_file(&self.path);
    }
}
