//! Symbols that outlive the build: what `cargo heapline run` keeps beside the trace.
//!
//! The next build replaces the binary and editing changes the sources. So the frames
//! of all places in a trace are stored, by build id, with the text of the lines: whole
//! files of the workspace, the lines that frames name of all others.

use super::files::read_regular;
use super::frame::{Frame, FrameId, Module, Origin, Site};
use super::problem::Problem;
use super::resolve::Places;
use super::store_json;
use super::store_packed;
use super::table::SymbolTable;
use crate::source::Sources;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Stores above this are not read.
const STORE_BYTES_MAX: u64 = 1 << 30;

/// Frames and source text of one trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolStore {
    pub(crate) modules: Vec<StoredModule>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) workspace_roots: BTreeSet<PathBuf>,
    pub(crate) sources: BTreeMap<PathBuf, StoredSource>,
}

/// The places of one object. Those without a build id are known by their path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredModule {
    pub(crate) build_id: Vec<u8>,
    pub(crate) path: String,
    pub(crate) built: Option<SystemTime>,
    pub(crate) problems: Vec<Problem>,
    /// Address in the object's program headers, and indices of its frames.
    pub(crate) places: BTreeMap<u64, Vec<u32>>,
}

/// Text of a source file as it was when it was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSource {
    pub(crate) modified: Option<SystemTime>,
    pub(crate) bytes: u64,
    pub(crate) text: StoredText,
}

/// A whole file, or some of its lines by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoredText {
    Whole(String),
    Lines(BTreeMap<u32, String>),
}

/// A module's part of a store.
#[derive(Clone, Copy)]
pub(crate) struct StoredFrames<'a> {
    frames: &'a [Frame],
    module: &'a StoredModule,
}

impl SymbolStore {
    /// Takes over what a table knows. `scope_files` are workspace files whose whole text
    /// is needed even if no frame names them, as `file!()` gives them.
    #[must_use]
    pub fn collect(
        modules: &[Module],
        sites: &[Site],
        table: &SymbolTable,
        sources: &mut Sources,
        scope_files: &[String],
    ) -> SymbolStore {
        SymbolStore {
            modules: stored_modules(modules, sites, table),
            frames: table.all_frames().to_vec(),
            workspace_roots: table.workspace_roots().map(Path::to_owned).collect(),
            sources: stored_sources(table, sources, scope_files),
        }
    }

    /// Writes the file: beside it first, so that a store is always whole. Readable by
    /// its owner alone, as the trace.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(part);
        let written =
            write_new(&part, &store_json::encode(self)).and_then(|()| fs::rename(&part, path));
        written.map_err(|error| {
            // Best effort: the first error is the one to tell.
            let _ = fs::remove_file(&part);
            StoreError::new(path, StoreErrorKind::Io(error))
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is of another schema, or makes no sense.
    pub fn load(path: &Path) -> Result<SymbolStore, StoreError> {
        let file = read_regular(path, STORE_BYTES_MAX)
            .map_err(|error| StoreError::new(path, StoreErrorKind::Io(error)))?;
        store_json::decode(&file.bytes)
            .map_err(|reason| StoreError::new(path, StoreErrorKind::Content(reason)))
    }

    /// The bytes that a packed trace carries.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        store_packed::encode(self)
    }

    /// Reads what a packed trace carries; the error says what is wrong with it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<SymbolStore, String> {
        store_packed::decode(bytes)
    }

    /// The same without source text, and without folders of the machine it was made on:
    /// functions, lines and file names stay.
    #[must_use]
    pub fn without_source(mut self) -> SymbolStore {
        self.sources.clear();
        self.workspace_roots.clear();
        for frame in &mut self.frames {
            frame.path = None;
            let file = frame.file.take();
            frame.file = file.map(|file| match file.strip_prefix('/') {
                Some(path) => file_name(path).to_owned(),
                None => file,
            });
        }
        for module in &mut self.modules {
            module.path = file_name(&module.path).to_owned();
            let problems = module.problems.iter();
            module.problems = problems.filter_map(Problem::without_folder).collect();
        }
        self
    }

    /// Whether one of these objects was built anew since the store was made.
    pub(crate) fn is_of_another_build(&self, modules: &[Module]) -> bool {
        let rebuilt = |module: &Module| {
            let at_path = |stored: &&StoredModule| stored.path == module.file_path();
            let stored = self.modules.iter().find(at_path);
            stored.is_some_and(|stored| stored.build_id != module.build_id)
        };
        modules.iter().any(rebuilt)
    }

    /// What is stored of this very build.
    pub(crate) fn module(&self, module: &Module) -> Option<StoredFrames<'_>> {
        let same = |stored: &&StoredModule| {
            let path = stored.build_id.is_empty() && stored.path == module.file_path();
            stored.build_id == module.build_id && (path || !module.build_id.is_empty())
        };
        let module = self.modules.iter().find(same)?;
        Some(StoredFrames {
            frames: &self.frames,
            module,
        })
    }
}

impl StoredFrames<'_> {
    pub(crate) fn frames(&self, address: u64) -> Option<Vec<Frame>> {
        let ids = self.module.places.get(&address)?;
        ids.iter()
            .map(|&id| self.frames.get(id as usize).cloned())
            .collect()
    }

    pub(crate) fn built(&self) -> Option<SystemTime> {
        self.module.built
    }

    pub(crate) fn problems(&self) -> &[Problem] {
        &self.module.problems
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Every module whose file was read.
fn stored_modules(modules: &[Module], sites: &[Site], table: &SymbolTable) -> Vec<StoredModule> {
    let mut places: BTreeMap<usize, BTreeMap<u64, Vec<u32>>> = BTreeMap::new();
    for (site, place) in Places::of(modules, sites).of_sites.iter().enumerate() {
        if let Some((Some(module), address)) = *place
            && table.opened().contains_key(&module)
        {
            let ids = table.frames(site).iter().map(|FrameId(id)| *id).collect();
            places.entry(module).or_default().insert(address, ids);
        }
    }
    let stored = |(index, places): (usize, _)| {
        let module = modules.get(index)?;
        let path = module.file_path();
        let about = |problem: &&Problem| problem.path() == Path::new(path);
        Some(StoredModule {
            build_id: module.build_id.clone(),
            path: path.to_owned(),
            built: table.opened().get(&index).copied().flatten(),
            problems: table.problems().iter().filter(about).cloned().collect(),
            places,
        })
    };
    places.into_iter().filter_map(stored).collect()
}

fn stored_sources(
    table: &SymbolTable,
    sources: &mut Sources,
    scope_files: &[String],
) -> BTreeMap<PathBuf, StoredSource> {
    let mut whole: BTreeSet<PathBuf> = scope_files
        .iter()
        .filter_map(|file| sources.path_of(file))
        .collect();
    let mut lines: BTreeMap<PathBuf, BTreeSet<u32>> = BTreeMap::new();
    for frame in table.all_frames() {
        match (&frame.path, frame.line) {
            (Some(path), _) if frame.origin == Origin::Workspace => {
                whole.insert(path.clone());
            }
            (Some(path), Some(line)) => {
                lines.entry(path.clone()).or_default().insert(line);
            }
            _ => {}
        }
    }
    lines.retain(|path, _| !whole.contains(path));
    let whole = whole.into_iter().map(|path| (path, None));
    let parts = lines.into_iter().map(|(path, lines)| (path, Some(lines)));
    whole
        .chain(parts)
        .filter_map(|(path, lines)| {
            let text = sources.storable(&path, lines.as_ref())?;
            Some((path, text))
        })
        .collect()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

/// Why a store cannot be read or written.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    kind: StoreErrorKind,
}

#[derive(Debug)]
enum StoreErrorKind {
    Io(io::Error),
    Content(String),
}

impl StoreError {
    fn new(path: &Path, kind: StoreErrorKind) -> StoreError {
        StoreError {
            path: path.to_owned(),
            kind,
        }
    }

    /// What is wrong, without the path.
    pub(crate) fn reason(&self) -> String {
        match &self.kind {
            StoreErrorKind::Io(error) => error.to_string(),
            StoreErrorKind::Content(reason) => reason.clone(),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.reason())
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            StoreErrorKind::Io(error) => Some(error),
            StoreErrorKind::Content(_) => None,
        }
    }
}
