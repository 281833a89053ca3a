//! Which crates an object was compiled from, told by its compilation units.
//!
//! cargo runs rustc in the workspace for its members, with the crate's root file
//! relative to it, and with whole paths for all other packages. rustc names its units
//! `src/main.rs/@/app.0123456789abcdef-cgu.0`: root file, crate, codegen unit; where it
//! compiles incrementally, the latter is a mere hash, and the crate a guess by its path.

use super::crates::{as_crate, is_elsewhere, is_standard, normalised};
use super::dwarf::Reader;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The crates of an object, as far as its debug information tells.
#[derive(Debug, Default)]
pub(crate) struct Units {
    /// Where members of a workspace were compiled: usually one folder.
    pub(crate) roots: BTreeSet<PathBuf>,
    /// Root file and name of each crate, the standard library's excepted.
    pub(crate) crates: BTreeMap<PathBuf, UnitCrate>,
    /// Whether there is Rust code, be it the standard library's alone.
    pub(crate) has_rust: bool,
    /// Whether there is code that is neither the standard library's nor foreign.
    pub(crate) has_own_rust: bool,
    /// Whether there is foreign code.
    pub(crate) has_foreign: bool,
}

/// A crate that was compiled into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitCrate {
    pub(crate) name: String,
    /// Whether the name was read, not guessed.
    pub(crate) certain: bool,
    pub(crate) member: bool,
}

impl Units {
    /// No debug information at all.
    pub(crate) const NONE: Units = Units {
        roots: BTreeSet::new(),
        crates: BTreeMap::new(),
        has_rust: false,
        has_own_rust: false,
        has_foreign: false,
    };

    /// Looks at the head of every unit.
    pub(crate) fn scan(dwarf: &gimli::Dwarf<Reader<'_>>) -> Units {
        let mut found = Units::default();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Ok(unit) = dwarf.unit(header) else {
                continue;
            };
            let name = unit.name.map(|name| name.to_string_lossy());
            let folder = unit
                .comp_dir
                .map(|folder| folder.to_string_lossy())
                .unwrap_or_default();
            match name {
                Some(name) => found.add(&name, &folder),
                None if unit.dwo_id.is_some() => found.add_split(&folder),
                None => {}
            }
        }
        found
    }

    /// One unit: its name, and the folder in which the compiler ran.
    pub(crate) fn add(&mut self, name: &str, folder: &str) {
        let Some((root_file, codegen_unit)) = name.split_once("/@/") else {
            self.has_foreign = true;
            return;
        };
        self.has_rust = true;
        if is_standard(root_file) || is_standard(folder) {
            return;
        }
        self.has_own_rust = true;
        let member = Path::new(root_file).is_relative() && !is_elsewhere(folder);
        if member && !folder.is_empty() {
            self.roots.insert(normalised(Path::new(folder)));
        }
        let path = normalised(&Path::new(folder).join(root_file));
        let name = codegen_unit
            .contains("-cgu.")
            .then(|| codegen_unit.split('.').next());
        let found = UnitCrate {
            certain: name.is_some(),
            name: match name.flatten() {
                Some(name) => name.to_owned(),
                None => guessed_name(&path),
            },
            member,
        };
        self.crates.insert(path, found);
    }

    /// The names of split units are elsewhere: the folder must do.
    fn add_split(&mut self, folder: &str) {
        self.has_rust = true;
        self.has_own_rust = true;
        if !folder.is_empty() && !is_elsewhere(folder) && !is_standard(folder) {
            self.roots.insert(normalised(Path::new(folder)));
        }
    }

    /// The longest workspace that holds the path.
    pub(crate) fn root_of(&self, path: &Path) -> Option<&Path> {
        let holding = self.roots.iter().filter(|root| path.starts_with(root));
        holding
            .max_by_key(|root| root.components().count())
            .map(PathBuf::as_path)
    }

    /// The crate whose root file stands in the nearest folder around the path. Where
    /// several do (a library beside its binary), the one that the symbol names.
    pub(crate) fn crate_of(&self, path: &Path, by_symbol: Option<&str>) -> Option<&UnitCrate> {
        if let Some(exact) = self.crates.get(path) {
            return Some(exact);
        }
        let folder_depth = |root_file: &Path| {
            let folder = root_file.parent()?;
            path.starts_with(folder)
                .then(|| folder.components().count())
        };
        self.crates
            .iter()
            .filter_map(|(root_file, found)| {
                let named = by_symbol == Some(found.name.as_str());
                Some(((folder_depth(root_file)?, named), found))
            })
            .max_by_key(|(rank, _)| *rank)
            .map(|(_, found)| found)
    }

    /// A crate by its name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&UnitCrate> {
        self.crates.values().find(|found| found.name == name)
    }
}

/// `tool` of `src/bin/tool.rs` and `src/bin/tool/main.rs`, `the_package` of
/// `the-package/src/lib.rs` and `the-package/src/main.rs`.
fn guessed_name(root_file: &Path) -> String {
    let mut names = root_file.iter().rev().map(|name| name.to_string_lossy());
    let file = names.next().unwrap_or_default();
    let folder = names.find(|folder| folder != "src");
    let name = match (&*file, folder) {
        ("main.rs" | "lib.rs", Some(folder)) => folder,
        _ => file,
    };
    as_crate(name.trim_end_matches(".rs"))
}
