//! Opens what symbols are read from: the object, and the debug file that belongs to it.
//!
//! Paths come from a trace or from debug information, so only regular files are
//! opened, and only so large ones: `/dev/zero` or a pipe would never end.

use super::frame::Module;
use super::problem::Problem;
use object::{Object, ObjectSection};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Objects above this are not read.
const OBJECT_BYTES_MAX: u64 = 8 << 30;

/// A file in memory.
pub(crate) struct FileBytes {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) modified: Option<SystemTime>,
}

/// The files that a module's symbols are read from.
pub(crate) struct ModuleFiles {
    /// The object itself, or the separate debug file where the object is gone.
    pub(crate) object: FileBytes,
    /// A separate file with debug information.
    pub(crate) debug: Option<FileBytes>,
    /// What several debug files share (made by `dwz`).
    pub(crate) shared: Option<FileBytes>,
}

/// Reads a regular file of at most `bytes_max` bytes.
pub(crate) fn read_regular(path: &Path, bytes_max: u64) -> io::Result<FileBytes> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > bytes_max {
        return Err(io::Error::other("too large"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    std::fs::File::open(path)?
        .take(bytes_max)
        .read_to_end(&mut bytes)?;
    Ok(FileBytes {
        path: path.to_owned(),
        bytes,
        modified: metadata.modified().ok(),
    })
}

/// Opens a module's object and debug file, and refuses those of another build.
pub(crate) fn open(module: &Module, debug_directories: &[PathBuf]) -> Result<ModuleFiles, Problem> {
    let path = Path::new(module.file_path());
    let object = match open_object(path, &module.build_id) {
        Ok(object) => object,
        Err(problem) => by_build_id(&module.build_id, debug_directories).ok_or(problem)?,
    };
    let debug = match parse(&object.bytes) {
        Some(parsed) if !has_debug_info(&parsed) => separate(&object, &parsed, debug_directories),
        _ => None,
    };
    let shared = shared_debug(debug.as_ref().unwrap_or(&object), debug_directories);
    Ok(ModuleFiles {
        object,
        debug,
        shared,
    })
}

pub(crate) fn parse(bytes: &[u8]) -> Option<object::File<'_>> {
    object::File::parse(bytes).ok()
}

/// Whether there are line tables in this very file.
pub(crate) fn has_debug_info(object: &object::File<'_>) -> bool {
    object
        .section_by_name(".debug_info")
        .is_some_and(|section| section.size() > 0)
}

fn open_object(path: &Path, build_id: &[u8]) -> Result<FileBytes, Problem> {
    let unreadable = |reason: String| Problem::Unreadable(path.to_owned(), reason);
    let file = match read_regular(path, OBJECT_BYTES_MAX) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Problem::Gone(path.to_owned()));
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let object =
        object::File::parse(&*file.bytes).map_err(|error| unreadable(error.to_string()))?;
    if !build_id.is_empty() && id_of(&object) != build_id {
        return Err(Problem::Rebuilt(path.to_owned()));
    }
    Ok(file)
}

fn id_of<'data>(object: &object::File<'data>) -> &'data [u8] {
    object.build_id().ok().flatten().unwrap_or_default()
}

/// `DIRECTORY/.build-id/01/23….debug`.
fn by_build_id(build_id: &[u8], debug_directories: &[PathBuf]) -> Option<FileBytes> {
    let (first, rest) = build_id.split_first()?;
    let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!(".build-id/{first:02x}/{rest}.debug");
    debug_directories
        .iter()
        .find_map(|directory| same_build(&directory.join(&name), build_id))
}

fn same_build(path: &Path, build_id: &[u8]) -> Option<FileBytes> {
    let file = read_regular(path, OBJECT_BYTES_MAX).ok()?;
    let same = id_of(&parse(&file.bytes)?) == build_id;
    same.then_some(file)
}

/// The debug file by build id, else by the link in the object.
fn separate(
    file: &FileBytes,
    object: &object::File<'_>,
    debug_directories: &[PathBuf],
) -> Option<FileBytes> {
    by_build_id(id_of(object), debug_directories)
        .or_else(|| by_debug_link(file, object, debug_directories))
}

fn by_debug_link(
    file: &FileBytes,
    object: &object::File<'_>,
    debug_directories: &[PathBuf],
) -> Option<FileBytes> {
    let (name, checksum) = object.gnu_debuglink().ok()??;
    let name = Path::new(OsStr::from_bytes(name));
    let folder = file.path.parent()?;
    let inside = folder.strip_prefix("/").unwrap_or(folder);
    let beside = [folder.join(name), folder.join(".debug").join(name)];
    let central = debug_directories
        .iter()
        .map(|directory| directory.join(inside).join(name));
    beside
        .into_iter()
        .chain(central)
        .filter(|path| *path != file.path)
        .find_map(|path| {
            let found = read_regular(&path, OBJECT_BYTES_MAX).ok()?;
            let same = match id_of(object) {
                [] => crc32fast::hash(&found.bytes) == checksum,
                id => id_of(&parse(&found.bytes)?) == id,
            };
            same.then_some(found)
        })
}

/// The file that `.gnu_debugaltlink` names: by build id, else by its path.
fn shared_debug(file: &FileBytes, debug_directories: &[PathBuf]) -> Option<FileBytes> {
    let object = parse(&file.bytes)?;
    let (name, build_id) = object.gnu_debugaltlink().ok()??;
    let path = file.path.parent()?.join(OsStr::from_bytes(name));
    by_build_id(build_id, debug_directories).or_else(|| same_build(&path, build_id))
}
