//! The result: for every site its frames, each distinct frame once.

use super::frame::{Frame, FrameId};
use super::problem::{Problem, note};
use super::store::SymbolStore;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The frames of all sites that were asked for.
#[derive(Default)]
pub struct SymbolTable {
    frames: Vec<Frame>,
    ids: HashMap<Frame, FrameId>,
    /// Frame ids of all sites, one after the other.
    lists: Vec<FrameId>,
    /// Where in `lists` a site's frames are.
    sites: Vec<(usize, usize)>,
    missing: u64,
    problems: Vec<Problem>,
    workspace_roots: BTreeSet<PathBuf>,
    /// When the object was built that names a source file; the oldest one.
    built: BTreeMap<PathBuf, SystemTime>,
    built_first: Option<SystemTime>,
    /// The modules whose files were read, with the file's time.
    opened: BTreeMap<usize, Option<SystemTime>>,
    store: Option<Arc<SymbolStore>>,
}

/// Frames of one place, as they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameList(usize, usize);

impl SymbolTable {
    /// A site's frames, innermost first; at least one. Nothing for an unknown site.
    #[must_use]
    pub fn frames(&self, site: usize) -> &[FrameId] {
        let (start, end) = self.sites.get(site).copied().unwrap_or_default();
        self.lists.get(start..end).unwrap_or_default()
    }

    /// A frame by its number.
    ///
    /// # Panics
    /// If the number is another table's.
    #[must_use]
    pub fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.0 as usize]
    }

    /// All distinct frames; their numbers count from 0.
    #[must_use]
    pub fn all_frames(&self) -> &[Frame] {
        &self.frames
    }

    /// How many sites there are.
    #[must_use]
    pub fn site_count(&self) -> usize {
        self.sites.len()
    }

    /// Distinct places without function or line, in objects that should have them:
    /// not the system's libraries, nor start code.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// What kept symbols away.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Where workspace members were compiled: what `file!()` is relative to.
    pub fn workspace_roots(&self) -> impl Iterator<Item = &Path> {
        self.workspace_roots.iter().map(PathBuf::as_path)
    }

    /// When the code of each source file was built: by the oldest object that names it.
    pub(crate) fn built(&self) -> &BTreeMap<PathBuf, SystemTime> {
        &self.built
    }

    /// When the oldest object with known sources was built.
    pub(crate) fn built_first(&self) -> Option<SystemTime> {
        self.built_first
    }

    /// The modules whose files were read, with the file's time.
    pub(crate) fn opened(&self) -> &BTreeMap<usize, Option<SystemTime>> {
        &self.opened
    }

    pub(crate) fn set_opened(&mut self, module: usize, built: Option<SystemTime>) {
        self.opened.insert(module, built);
    }

    pub(crate) fn store(&self) -> Option<&Arc<SymbolStore>> {
        self.store.as_ref()
    }

    pub(crate) fn set_store(&mut self, store: Arc<SymbolStore>) {
        self.workspace_roots
            .extend(store.workspace_roots.iter().cloned());
        self.store = Some(store);
    }

    pub(crate) fn note(&mut self, problem: Problem) {
        note(&mut self.problems, problem);
    }

    pub(crate) fn count_missing(&mut self) {
        self.missing += 1;
    }

    pub(crate) fn add_roots(&mut self, roots: impl IntoIterator<Item = PathBuf>) {
        self.workspace_roots.extend(roots);
    }

    /// Frames of one place, once for all sites that are there.
    pub(crate) fn add_list(
        &mut self,
        frames: impl IntoIterator<Item = Frame>,
        built: Option<SystemTime>,
    ) -> FrameList {
        let start = self.lists.len();
        for frame in frames {
            if let (Some(path), Some(built)) = (&frame.path, built) {
                keep_oldest(&mut self.built, path, built);
                self.built_first = Some(self.built_first.map_or(built, |first| first.min(built)));
            }
            let id = self.intern(frame);
            self.lists.push(id);
        }
        FrameList(start, self.lists.len())
    }

    pub(crate) fn add_site(&mut self, list: FrameList) {
        self.sites.push((list.0, list.1));
    }

    fn intern(&mut self, frame: Frame) -> FrameId {
        if let Some(id) = self.ids.get(&frame) {
            return *id;
        }
        let id = FrameId(u32::try_from(self.frames.len()).unwrap_or(u32::MAX));
        self.frames.push(frame.clone());
        self.ids.insert(frame, id);
        id
    }
}

fn keep_oldest(built: &mut BTreeMap<PathBuf, SystemTime>, path: &Path, time: SystemTime) {
    match built.get_mut(path) {
        Some(oldest) => *oldest = time.min(*oldest),
        None => {
            built.insert(path.to_owned(), time);
        }
    }
}
