//! Whose code is it? By the path first, by the symbol second.
//!
//! | path | crate, shown as |
//! |---|---|
//! | `/rustc/HASH/library/alloc/src/vec/mod.rs` | `alloc`, `library/alloc/src/vec/mod.rs` |
//! | `…/registry/src/INDEX/serde_json-1.0.1/src/de.rs` | `serde_json`, `serde_json-1.0.1/src/de.rs` |
//! | `…/git/checkouts/tokio-0123456789abcdef/89abcde/tokio/src/lib.rs` | `tokio`, `tokio-89abcde/tokio/src/lib.rs` |
//! | `…/build/serde_core-0123456789abcdef/out/private.rs` | `serde_core`, `serde_core/out/private.rs` |
//! | `ROOT/vendor/memchr/src/lib.rs` | `memchr`, `vendor/memchr/src/lib.rs` |
//! | `ROOT/src/main.rs` | the member's crate, `src/main.rs` |
//! | all others | by symbol; the path itself |

use super::demangle::crate_of;
use super::frame::Origin;
use super::units::Units;
use std::path::{Component, Path, PathBuf};

/// What a path and a symbol say about a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attribution {
    pub(crate) krate: String,
    pub(crate) origin: Origin,
    /// The file as shown.
    pub(crate) file: Option<String>,
}

/// Crates that are told by name alone where there is no path.
const STANDARD_CRATES: [&str; 13] = [
    "core",
    "alloc",
    "std",
    "proc_macro",
    "test",
    "panic_unwind",
    "panic_abort",
    "unwind",
    "std_detect",
    "core_arch",
    "compiler_builtins",
    "rustc_std_workspace_core",
    "__rustc",
];

/// Whose code a frame with a file is. `object` is the file name of its object.
pub(crate) fn by_path(path: &Path, function: &str, object: &str, units: &Units) -> Attribution {
    let path = normalised(path);
    let text = path.to_string_lossy();
    let by_symbol = crate_of(function);
    let found = standard(&text)
        .or_else(|| generated(&text, units))
        .or_else(|| registry(&text))
        .or_else(|| git(&text, units))
        .or_else(|| workspace(&path, by_symbol, units))
        .unwrap_or_else(|| elsewhere(&path, by_symbol, units));
    if is_rust(&path) {
        return found;
    }
    let krate = if found.krate.is_empty() {
        object.to_owned()
    } else {
        found.krate
    };
    Attribution {
        krate,
        origin: Origin::Native,
        ..found
    }
}

/// Whose code a frame without a file is. `object` is the file name of its object:
/// the only hint at the program's own crate where there is no debug information.
pub(crate) fn by_symbol(function: &str, mangled: bool, object: &str, units: &Units) -> Attribution {
    let named = crate_of(function).filter(|_| mangled);
    let (krate, origin) = match named {
        None => (object.to_owned(), Origin::Native),
        Some(name) if STANDARD_CRATES.contains(&name) => (name.to_owned(), Origin::Standard),
        Some(name) => (name.to_owned(), origin_by_name(name, object, units)),
    };
    Attribution {
        krate,
        origin,
        file: None,
    }
}

fn origin_by_name(name: &str, object: &str, units: &Units) -> Origin {
    let is_program = || !units.has_own_rust && as_crate(object) == name;
    let member = units
        .by_name(name)
        .map_or_else(is_program, |found| found.member);
    if member {
        Origin::Workspace
    } else {
        Origin::Dependency
    }
}

/// Whether a path is in the standard library's sources.
pub(crate) fn is_standard(path: &str) -> bool {
    standard(path).is_some() || after_commit(path).is_some() || path.contains("/rust/deps/")
}

/// Whether a path is in a place where packages from elsewhere are kept.
pub(crate) fn is_elsewhere(path: &str) -> bool {
    path.contains("/registry/src/") || path.contains("/git/checkouts/")
}

/// The path without `.` and `..`, as far as that can be told from its text.
pub(crate) fn normalised(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// A package's name as Rust code writes it.
pub(crate) fn as_crate(package: &str) -> String {
    package.replace('-', "_")
}

/// What follows `/rustc/` and forty hex digits.
fn after_commit(path: &str) -> Option<&str> {
    let (commit, rest) = path.strip_prefix("/rustc/")?.split_at_checked(40)?;
    is_hex(commit).then_some(rest)
}

/// What follows `/usr/src/rustc-1.85.0`, where distributions keep the sources.
fn after_distribution(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/src/rustc-")?;
    rest.get(rest.find('/')?..)
}

fn standard(path: &str) -> Option<Attribution> {
    if let Some((_, rest)) = path.split_once("/rust/deps/") {
        let (package, _) = rest.split_once('/')?;
        let (name, _) = split_version(package)?;
        return Some(attribution(as_crate(name), Origin::Standard, rest));
    }
    let rest = after_commit(path)
        .or_else(|| path.split_once("/rustlib/src/rust").map(|(_, rest)| rest))
        .or_else(|| after_distribution(path))?;
    let rest = rest.strip_prefix('/')?;
    let inside = rest
        .strip_prefix("library/")
        .or_else(|| rest.strip_prefix("compiler/"))?;
    Some(attribution(
        as_crate(standard_crate(inside)?),
        Origin::Standard,
        rest,
    ))
}

/// `alloc/src/vec/mod.rs`, `stdarch/crates/core_arch/src/x86/sse2.rs`: the folder around `src`.
fn standard_crate(inside: &str) -> Option<&str> {
    let folders = inside.split("/src/").next()?;
    folders.rsplit('/').next()
}

fn registry(path: &str) -> Option<Attribution> {
    let (_, rest) = path.split_once("/registry/src/")?;
    let (_, rest) = rest.split_once('/')?;
    let (package, _) = rest.split_once('/')?;
    let name = split_version(package).map_or(package, |(name, _)| name);
    Some(attribution(as_crate(name), Origin::Dependency, rest))
}

fn git(path: &str, units: &Units) -> Option<Attribution> {
    let (_, rest) = path.split_once("/git/checkouts/")?;
    let (repository, rest) = rest.split_once('/')?;
    let (revision, inside) = rest.split_once('/')?;
    let repository = repository
        .rsplit_once('-')
        .map_or(repository, |(name, _)| name);
    let krate = match units.crate_of(Path::new(path), None) {
        Some(found) => found.name.clone(),
        None => as_crate(folder_around_src(inside).unwrap_or(repository)),
    };
    Some(attribution(
        krate,
        Origin::Dependency,
        &format!("{repository}-{revision}/{inside}"),
    ))
}

/// Code that a build script wrote.
fn generated(path: &str, units: &Units) -> Option<Attribution> {
    let (before, inside) = path.split_once("/out/")?;
    let (_, package) = before.rsplit_once("/build/")?;
    let (name, hash) = package.rsplit_once('-')?;
    if hash.len() != 16 || !is_hex(hash) || name.contains('/') {
        return None;
    }
    let krate = as_crate(name);
    let member = units.by_name(&krate).is_some_and(|found| found.member);
    let origin = if member {
        Origin::Workspace
    } else {
        Origin::Dependency
    };
    Some(attribution(krate, origin, &format!("{name}/out/{inside}")))
}

/// A library of those who use it, in the workspace of heapline itself, too: there its lines
/// would hide those of the examples.
const ARRAY_CRATE: &str = "heapline_array";

fn workspace(path: &Path, by_symbol: Option<&str>, units: &Units) -> Option<Attribution> {
    let inside = path
        .strip_prefix(units.root_of(path)?)
        .ok()?
        .to_string_lossy();
    let unit = units.crate_of(path, by_symbol);
    let vendored = inside
        .strip_prefix("vendor/")
        .filter(|_| !unit.is_some_and(|unit| unit.member));
    if let Some((package, _)) = vendored.and_then(|rest| rest.split_once('/')) {
        let name = split_version(package).map_or(package, |(name, _)| name);
        return Some(attribution(as_crate(name), Origin::Dependency, &inside));
    }
    let krate = local_crate(path, by_symbol, units);
    let origin = if krate == ARRAY_CRATE {
        Origin::Dependency
    } else {
        Origin::Workspace
    };
    Some(attribution(krate, origin, &inside))
}

fn elsewhere(path: &Path, by_symbol: Option<&str>, units: &Units) -> Attribution {
    let text = path.to_string_lossy();
    let unit = units.crate_of(path, by_symbol);
    let krate = local_crate(path, by_symbol, units);
    let member = unit
        .or_else(|| units.by_name(&krate))
        .is_some_and(|found| found.member);
    let origin = if member {
        Origin::Workspace
    } else {
        Origin::Dependency
    };
    attribution(krate, origin, &text)
}

/// The crate that was read from the unit; else the symbol's, unless that is another
/// package's; else what paths suggest.
fn local_crate(path: &Path, by_symbol: Option<&str>, units: &Units) -> String {
    let unit = units.crate_of(path, by_symbol);
    let foreign = |name: &str| {
        let known = units.by_name(name).is_some_and(|found| found.certain);
        known || STANDARD_CRATES.contains(&name)
    };
    match (unit, by_symbol.filter(|name| !foreign(name))) {
        (Some(unit), _) if unit.certain => unit.name.clone(),
        (_, Some(name)) => name.to_owned(),
        (Some(unit), None) => unit.name.clone(),
        (None, None) => as_crate(folder_around_src(&path.to_string_lossy()).unwrap_or_default()),
    }
}

/// The package's folder, where sources lie as usual.
fn folder_around_src(path: &str) -> Option<&str> {
    let (folders, _) = path.split_once("/src/")?;
    folders
        .rsplit('/')
        .next()
        .filter(|folder| !folder.is_empty())
}

/// `name-1.2.3-alpha` into name and version.
fn split_version(package: &str) -> Option<(&str, &str)> {
    package.match_indices('-').find_map(|(at, _)| {
        let version = package.get(at + 1..)?;
        let mut numbers = version.splitn(3, '.');
        let numeric = |part: Option<&str>| {
            part.is_some_and(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let is_version = numeric(numbers.next())
            && numeric(numbers.next())
            && numbers
                .next()
                .is_some_and(|patch| patch.starts_with(|digit: char| digit.is_ascii_digit()));
        Some((package.get(..at)?, version)).filter(|_| is_version)
    })
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn attribution(krate: String, origin: Origin, file: &str) -> Attribution {
    Attribution {
        krate,
        origin,
        file: Some(file.to_owned()),
    }
}

#[cfg(test)]
mod tests;
