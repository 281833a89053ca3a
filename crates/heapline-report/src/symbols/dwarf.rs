//! DWARF of one object: sections (compressed or not), split units, lookups.

use super::declaration::declared_in;
use super::files::{self, read_regular};
use super::units::Units;
use addr2line::{Context, FrameIter, LookupContinuation, LookupResult, SplitDwarfLoad};
use gimli::{DwarfPackage, EndianSlice, RunTimeEndian, SectionId, UnitOffset};
use object::{Object, ObjectSection};
use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use typed_arena::Arena;

/// Split debug files above this are not read.
const SPLIT_BYTES_MAX: u64 = 4 << 30;

pub(crate) type Reader<'data> = EndianSlice<'data, RunTimeEndian>;
pub(crate) type DwarfFrame<'lookup, 'data> = addr2line::Frame<'lookup, Reader<'data>>;
pub(crate) type DwarfFrames<'lookup, 'data> = FrameIter<'lookup, Reader<'data>>;

/// Owns what is read or decompressed while a module is symbolised.
pub(crate) type Buffers = Arena<Vec<u8>>;

/// The debug information of one object.
pub(crate) struct Dwarf<'data> {
    context: Context<Reader<'data>>,
    package: Option<DwarfPackage<Reader<'data>>>,
    buffers: &'data Buffers,
    /// Which code the object holds.
    pub(crate) units: Units,
    split_missing: Cell<bool>,
}

impl<'data> Dwarf<'data> {
    /// Reads unit headers; everything else is parsed when it is looked up.
    pub(crate) fn read(
        path: &Path,
        object: &object::File<'data>,
        shared: Option<&object::File<'data>>,
        buffers: &'data Buffers,
    ) -> Result<Dwarf<'data>, gimli::Error> {
        let load = |from: &object::File<'data>, id: SectionId| section(from, id.name(), buffers);
        let mut dwarf = gimli::Dwarf::load(|id| load(object, id))?;
        if let Some(shared) = shared {
            dwarf.load_sup(|id| load(shared, id))?;
        }
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        Ok(Dwarf {
            units: Units::scan(&dwarf),
            context: Context::from_dwarf(dwarf)?,
            package: package(path, buffers),
            buffers,
            split_missing: Cell::new(false),
        })
    }

    /// The frames at an address of the object, innermost first.
    pub(crate) fn frames(&self, address: u64) -> Result<DwarfFrames<'_, 'data>, gimli::Error> {
        let mut lookup = self.context.find_frames(address);
        loop {
            match lookup {
                LookupResult::Output(frames) => return frames,
                LookupResult::Load { load, continuation } => {
                    let split = self.split_unit(&load);
                    if split.is_none() {
                        self.split_missing.set(true);
                    }
                    lookup = continuation.resume(split);
                }
            }
        }
    }

    /// The file in which a function was declared that a frame at the address is of.
    pub(crate) fn declared_in(&self, address: u64, function: UnitOffset) -> Option<PathBuf> {
        match self.context.find_dwarf_and_unit(address) {
            LookupResult::Output(unit) => declared_in(unit?, function),
            LookupResult::Load { .. } => None,
        }
    }

    /// Whether a lookup needed a split unit that is not there.
    pub(crate) fn split_is_missing(&self) -> bool {
        self.split_missing.get()
    }

    fn split_unit(
        &self,
        load: &SplitDwarfLoad<Reader<'data>>,
    ) -> Option<Arc<gimli::Dwarf<Reader<'data>>>> {
        if let Some(package) = &self.package
            && let Ok(Some(unit)) = package.find_cu(load.dwo_id, &load.parent)
        {
            return Some(Arc::new(unit));
        }
        let folder = load
            .comp_dir
            .map(|folder| path_of(folder.slice()))
            .unwrap_or_default();
        let path = folder.join(path_of(load.path?.slice()));
        let object = read_into(&path, self.buffers)?;
        let mut dwarf = gimli::Dwarf::load(|id| split_section(&object, id, self.buffers)).ok()?;
        let header = dwarf.units().next().ok()??;
        if dwarf.unit(header).ok()?.dwo_id != Some(load.dwo_id) {
            return None;
        }
        dwarf.make_dwo(&load.parent);
        Some(Arc::new(dwarf))
    }
}

/// `NAME.dwp` beside the object: all split units in one file.
fn package<'data>(path: &Path, buffers: &'data Buffers) -> Option<DwarfPackage<Reader<'data>>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".dwp");
    let object = read_into(Path::new(&name), buffers)?;
    let empty = EndianSlice::new(&[], endianness(&object));
    DwarfPackage::load(|id| split_section(&object, id, buffers), empty).ok()
}

fn read_into<'data>(path: &Path, buffers: &'data Buffers) -> Option<object::File<'data>> {
    let file = read_regular(path, SPLIT_BYTES_MAX).ok()?;
    let bytes: &'data [u8] = buffers.alloc(file.bytes);
    files::parse(bytes)
}

fn split_section<'data>(
    object: &object::File<'data>,
    id: SectionId,
    buffers: &'data Buffers,
) -> Result<Reader<'data>, gimli::Error> {
    match id.dwo_name() {
        Some(name) => section(object, name, buffers),
        None => Ok(EndianSlice::new(&[], endianness(object))),
    }
}

/// A section's bytes, decompressed; a missing or broken one is empty.
fn section<'data>(
    object: &object::File<'data>,
    name: &str,
    buffers: &'data Buffers,
) -> Result<Reader<'data>, gimli::Error> {
    let bytes: &'data [u8] = match object
        .section_by_name(name)
        .map(|found| found.uncompressed_data())
    {
        Some(Ok(Cow::Borrowed(bytes))) => bytes,
        Some(Ok(Cow::Owned(bytes))) => buffers.alloc(bytes),
        Some(Err(_)) | None => &[],
    };
    Ok(EndianSlice::new(bytes, endianness(object)))
}

fn endianness(object: &object::File<'_>) -> RunTimeEndian {
    if object.is_little_endian() {
        RunTimeEndian::Little
    } else {
        RunTimeEndian::Big
    }
}

pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
