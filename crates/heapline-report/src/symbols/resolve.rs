//! Object after object: open, look up the places that sites need, close.

use super::dwarf::{Buffers, Dwarf};
use super::elf_symbols::ElfSymbols;
use super::files::{self, ModuleFiles};
use super::frame::{Frame, Module, Origin, Site};
use super::lookup::{Lookup, NameCounts, unnamed};
use super::problem::Problem;
use super::store::SymbolStore;
use super::table::{FrameList, SymbolTable};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where to look for symbols and sources.
#[derive(Clone, Debug)]
pub struct SymbolOptions {
    /// A folder with the workspace's sources, asked before the folder of the build.
    /// Its files are taken as they are: whoever names it vouches for them.
    pub source_root: Option<PathBuf>,
    /// Symbols stored at the end of the recording, used first.
    pub store: Option<PathBuf>,
    /// Symbols that the trace itself carries ([`SymbolStore::to_bytes`]), used if no file
    /// is named or it is of no use. The path is the trace's, for messages.
    pub carried: Option<(PathBuf, Vec<u8>)>,
    /// Where separate debug files are: `/usr/lib/debug`.
    pub debug_directories: Vec<PathBuf>,
}

impl Default for SymbolOptions {
    fn default() -> SymbolOptions {
        SymbolOptions {
            source_root: None,
            store: None,
            carried: None,
            debug_directories: vec![PathBuf::from("/usr/lib/debug")],
        }
    }
}

/// A distinct place: index of an object, and the address in its program headers.
pub(crate) type Place = (Option<usize>, u64);

/// Frames of all places of a trace.
struct Resolver<'a> {
    modules: &'a [Module],
    options: &'a SymbolOptions,
    table: SymbolTable,
    lists: HashMap<Place, FrameList>,
    done: u64,
    total: u64,
}

/// Finds the frames of every site. `progress` is told how many of how many distinct
/// places are done. Never fails: what cannot be found is a frame with an address, and
/// one of [`SymbolTable::problems`].
pub fn resolve(
    modules: &[Module],
    sites: &[Site],
    options: &SymbolOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> SymbolTable {
    let places = Places::of(modules, sites);
    let total = places
        .by_module
        .values()
        .map(|addresses| addresses.len() as u64)
        .sum();
    let table = SymbolTable::default();
    let mut resolver = Resolver {
        modules,
        options,
        table,
        lists: HashMap::new(),
        done: 0,
        total,
    };
    resolver.open_store();
    for (module, addresses) in &places.by_module {
        resolver.module(*module, addresses, progress);
    }
    resolver.finish(&places.of_sites)
}

/// Sites by object and address, each once.
pub(crate) struct Places {
    pub(crate) by_module: BTreeMap<Option<usize>, Vec<u64>>,
    /// The place of each site; none where frames were omitted.
    pub(crate) of_sites: Vec<Option<Place>>,
}

impl Places {
    /// An object that is mapped several times counts once.
    pub(crate) fn of(modules: &[Module], sites: &[Site]) -> Places {
        let mut first: HashMap<(&str, &[u8]), usize> = HashMap::new();
        for (at, module) in modules.iter().enumerate() {
            first
                .entry((module.file_path(), &module.build_id))
                .or_insert(at);
        }
        let of_sites: Vec<Option<Place>> = sites
            .iter()
            .map(|site| {
                let address = site.address.call_site()?.0;
                let Some(module) = site.module.and_then(|at| modules.get(at)) else {
                    return Some((None, address));
                };
                let object = first.get(&(module.file_path(), &*module.build_id)).copied();
                Some((object, address.wrapping_sub(module.bias)))
            })
            .collect();
        let mut by_module: BTreeMap<Option<usize>, Vec<u64>> = BTreeMap::new();
        for (module, address) in of_sites.iter().flatten() {
            by_module.entry(*module).or_default().push(*address);
        }
        for addresses in by_module.values_mut() {
            addresses.sort_unstable();
            addresses.dedup();
        }
        Places {
            by_module,
            of_sites,
        }
    }
}

impl Resolver<'_> {
    fn open_store(&mut self) {
        let named = self.options.store.as_ref().map(|path| {
            SymbolStore::load(path).map_err(|error| Problem::Store(path.clone(), error.reason()))
        });
        let carried = self.options.carried.as_ref().map(|(path, bytes)| {
            SymbolStore::from_bytes(bytes).map_err(|reason| Problem::Carried(path.clone(), reason))
        });
        for store in named.into_iter().chain(carried) {
            match store {
                // Its texts are those of another build as well.
                Ok(store) if store.is_of_another_build(self.modules) => {}
                Ok(store) => return self.table.set_store(Arc::new(store)),
                Err(problem) => self.table.note(problem),
            }
        }
    }

    fn module(
        &mut self,
        index: Option<usize>,
        addresses: &[u64],
        progress: &mut dyn FnMut(u64, u64),
    ) {
        let Some(module) = index.and_then(|index| self.modules.get(index)) else {
            for address in addresses {
                let frame = Frame::unknown(format!("{address:#x}"), "");
                self.add((index, *address), [frame], None, progress);
            }
            return;
        };
        let rest = self.take_stored(index, module, addresses, progress);
        if !rest.is_empty() {
            self.take_from_files(index, module, &rest, progress);
        }
    }

    /// Gives back what the store does not have.
    fn take_stored(
        &mut self,
        index: Option<usize>,
        module: &Module,
        addresses: &[u64],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Vec<u64> {
        let store = self.table.store().cloned();
        let Some(stored) = store.as_ref().and_then(|store| store.module(module)) else {
            return addresses.to_vec();
        };
        for problem in stored.problems() {
            self.table.note(problem.clone());
        }
        if let Some(index) = index {
            self.table.set_opened(index, stored.built());
        }
        let mut rest = Vec::new();
        for &address in addresses {
            match stored.frames(address) {
                Some(frames) => {
                    self.count(module, &frames);
                    self.add((index, address), frames, stored.built(), progress);
                }
                None => rest.push(address),
            }
        }
        rest
    }

    fn take_from_files(
        &mut self,
        index: Option<usize>,
        module: &Module,
        addresses: &[u64],
        progress: &mut dyn FnMut(u64, u64),
    ) {
        let opened = if module.is_file() {
            self.open(module)
        } else {
            None
        };
        let buffers = Buffers::new();
        let lookup = opened
            .as_ref()
            .map(|files| lookup_in(module, files, &buffers));
        let built = opened.as_ref().and_then(|files| files.object.modified);
        for &address in addresses {
            let frames = match &lookup {
                Some(lookup) => lookup.frames(address),
                None => vec![unnamed(module.name(), address)],
            };
            self.count(module, &frames);
            self.add((index, address), frames, built, progress);
        }
        if let (Some(lookup), Some(index)) = (&lookup, index) {
            self.judge(lookup);
            self.table.set_opened(index, built);
        }
    }

    fn open(&mut self, module: &Module) -> Option<ModuleFiles> {
        match files::open(module, &self.options.debug_directories) {
            Ok(files) => Some(files),
            Err(problem) => {
                self.table.note(problem);
                None
            }
        }
    }

    /// Notes what an object lacks, now that it has been asked.
    fn judge(&mut self, lookup: &Lookup<'_>) {
        let module = lookup.module;
        let path = PathBuf::from(module.file_path());
        if module.build_id.is_empty() {
            self.table.note(Problem::BuildIdUnknown(path.clone()));
        }
        if let Some(dwarf) = &lookup.dwarf {
            self.table.add_roots(dwarf.units.roots.iter().cloned());
        }
        if let Some(problem) = lookup.problem(&path).filter(|_| !is_systems(module)) {
            self.table.note(problem);
        }
    }

    fn add(
        &mut self,
        place: Place,
        frames: impl IntoIterator<Item = Frame>,
        built: Option<SystemTime>,
        progress: &mut dyn FnMut(u64, u64),
    ) {
        let list = self.table.add_list(frames, built);
        self.lists.insert(place, list);
        self.done += 1;
        progress(self.done, self.total);
    }

    fn count(&mut self, module: &Module, frames: &[Frame]) {
        let lacks = |frame: &Frame| match frame.origin {
            Origin::Unknown => true,
            // Code that the compiler merged has no line; nobody can change the library's.
            Origin::Standard | Origin::Runtime => false,
            Origin::Workspace | Origin::Dependency | Origin::Native => frame.line.is_none(),
        };
        if module.is_file() && !is_systems(module) && frames.iter().any(lacks) {
            self.table.count_missing();
        }
    }

    fn finish(mut self, places: &[Option<Place>]) -> SymbolTable {
        let omitted = Frame::unknown("[frames omitted]".to_owned(), "");
        let omitted = self.table.add_list([omitted], None);
        for place in places {
            let list = place
                .and_then(|place| self.lists.get(&place).copied())
                .unwrap_or(omitted);
            self.table.add_site(list);
        }
        self.table
    }
}

/// Opens DWARF and symbols of files that have been read.
fn lookup_in<'data>(
    module: &'data Module,
    files: &'data ModuleFiles,
    buffers: &'data Buffers,
) -> Lookup<'data> {
    let object = files::parse(&files.object.bytes);
    let debug = files
        .debug
        .as_ref()
        .and_then(|file| files::parse(&file.bytes));
    let shared = files
        .shared
        .as_ref()
        .and_then(|file| files::parse(&file.bytes));
    let both: Vec<&object::File<'data>> = debug.iter().chain(&object).collect();
    let informed = both.iter().find(|object| files::has_debug_info(object));
    let dwarf = informed.and_then(|informed| {
        Dwarf::read(&files.object.path, informed, shared.as_ref(), buffers).ok()
    });
    let symbols = ElfSymbols::read(&both);
    Lookup {
        module,
        dwarf,
        symbols,
        names: NameCounts::default(),
    }
}

/// Libraries that come with the system: nobody expects their debug information.
fn is_systems(module: &Module) -> bool {
    const FOLDERS: [&str; 6] = [
        "/lib/",
        "/lib64/",
        "/usr/lib/",
        "/usr/lib64/",
        "/nix/store/",
        "/gnu/store/",
    ];
    let path = Path::new(module.file_path());
    FOLDERS.iter().any(|folder| path.starts_with(folder))
}
