//! The modules (files mapped as code) that this thread knows, and their unwind
//! tables as slices of mapped memory.
//!
//! A refresh takes ranges from the kernel's list alone. Headers are read, and
//! the module told to the log, only when a return address on the current stack
//! lies inside: code that will be returned into may not be unmapped, so its
//! headers and tables can be read where they lie without asking the loader.
//! What could have happened since the last look is that another module came to
//! lie there; so all but the module this crate itself is part of are compared
//! with a fresh list before their tables are touched.
#![allow(unsafe_code)]

mod grouping;

use core::ops::ControlFlow;

use grouping::{Grouping, Range};

use crate::cfi::{self, Tables};
use crate::code::Code;
use crate::elf::{self, Headers};
use crate::maps::MapsText;
use crate::records::Records;
use crate::stack_bounds::{self, Stack};
use crate::sys::MapsFile;
use crate::{Module, Pages, StackLog};

/// Words of a record.
const WORDS: usize = 13;

/// What the headers say, as addresses in the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    bias: u64,
    /// `.eh_frame_hdr`; empty when the module has no tables.
    header_start: u64,
    header_end: u64,
    frames_start: u64,
    frames_end: u64,
    /// A hash over build id and the header of the tables: a file that was
    /// replaced can have the old one's inode number.
    fingerprint: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    range: Range,
    found: Found,
    flags: u64,
    /// The capture in which the module was last compared with the list.
    confirmed: u64,
}

/// The headers were read and the log was told.
const TOLD: u64 = 1;
/// In the list at the last refresh.
const LISTED: u64 = 2;
/// A comparison with the list failed.
const REPLACED: u64 = 4;
/// Rules were made for addresses inside.
const USED: u64 = 8;

impl Known {
    fn from_words(words: &[u64; WORDS]) -> Known {
        let [start, end, headers_end, device, inode, rest @ ..] = *words;
        let [bias, header_start, header_end, frames_start, frames_end, ..] = rest;
        let [.., fingerprint, flags, confirmed] = rest;
        Known {
            range: Range {
                start,
                end,
                headers_end,
                device,
                inode,
            },
            found: Found {
                bias,
                header_start,
                header_end,
                frames_start,
                frames_end,
                fingerprint,
            },
            flags,
            confirmed,
        }
    }

    fn words(&self) -> [u64; WORDS] {
        let (range, found) = (&self.range, &self.found);
        [
            range.start,
            range.end,
            range.headers_end,
            range.device,
            range.inode,
            found.bias,
            found.header_start,
            found.header_end,
            found.frames_start,
            found.frames_end,
            found.fingerprint,
            self.flags,
            self.confirmed,
        ]
    }
}

/// What a refresh found out.
#[derive(Debug, Default)]
pub(crate) struct Refreshed {
    /// The mapping around the address that was asked for.
    pub(crate) stack: Option<Stack>,
    /// There are modules that were not known.
    pub(crate) added: bool,
    /// A range with rules went away: rules must be dropped.
    pub(crate) lost: bool,
    /// A module that the log was told of went away.
    pub(crate) told_lost: bool,
}

/// What the map says about a code address.
#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    /// No known module holds the address.
    Unknown,
    /// The module has no unwind tables.
    NoTables,
    /// The list is out of date: refresh it.
    OutOfDate,
    Tables(Tables<'a>),
}

/// The known modules, in no order.
#[derive(Debug)]
pub(crate) struct ModuleMap {
    known: Records<WORDS>,
}

impl ModuleMap {
    pub(crate) const fn new() -> ModuleMap {
        ModuleMap {
            known: Records::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.len() == 0
    }

    /// Reads the kernel's list, and on the way looks for the stack around `sp`.
    /// Without a list everything stays as it is.
    pub(crate) fn refresh(
        &mut self,
        text: &mut MapsText,
        sp: u64,
        pages: &mut impl Pages,
    ) -> Refreshed {
        let mut refreshed = Refreshed::default();
        let Some(file) = MapsFile::open() else {
            return refreshed;
        };
        self.unlist_all();
        let mut lines = Grouping::default();
        text.for_each(
            |buffer| file.read(buffer),
            |mapping, path| {
                if let Some(stack) = stack_bounds::of_line(mapping, path, sp) {
                    refreshed.stack = Some(stack);
                }
                if let Some(range) = lines.add(mapping, path) {
                    refreshed.added |= self.list(range, pages);
                }
                ControlFlow::Continue(())
            },
        );
        for range in lines.finish() {
            refreshed.added |= self.list(range, pages);
        }
        self.drop_unlisted(&mut refreshed);
        refreshed
    }

    fn unlist_all(&mut self) {
        for words in self.known.tail_mut(0) {
            let mut known = Known::from_words(words);
            known.flags &= !LISTED;
            *words = known.words();
        }
    }

    /// The log is another one: it was told of nothing.
    pub(crate) fn forget_told(&mut self) {
        for words in self.known.tail_mut(0) {
            let mut known = Known::from_words(words);
            known.flags &= !TOLD;
            *words = known.words();
        }
    }

    /// Marks a range as there; true if it is new.
    fn list(&mut self, range: Range, pages: &mut impl Pages) -> bool {
        for words in self.known.tail_mut(0) {
            let mut known = Known::from_words(words);
            if known.range == range && known.flags & REPLACED == 0 {
                known.flags |= LISTED;
                *words = known.words();
                return false;
            }
        }
        let known = Known {
            range,
            found: Found::default(),
            flags: LISTED,
            confirmed: 0,
        };
        self.known.push(known.words(), pages)
    }

    fn drop_unlisted(&mut self, refreshed: &mut Refreshed) {
        for index in (0..self.known.len()).rev() {
            let Some(known) = self.known.get(index).map(Known::from_words) else {
                continue;
            };
            if known.flags & LISTED == 0 {
                refreshed.lost |= known.flags & USED != 0;
                refreshed.told_lost |= known.flags & TOLD != 0;
                self.known.swap_remove(index);
            }
        }
    }

    /// The tables of the module that holds an address of the current stack's
    /// code, told to the log if it has not been and compared with the list if
    /// that has not been done in this capture.
    pub(crate) fn tables(
        &mut self,
        code: Code,
        capture: u64,
        text: &mut MapsText,
        maps_reads: &mut u64,
        log: &mut impl StackLog,
    ) -> Lookup<'_> {
        let address = code.lookup_address();
        let contains = |words: &[u64; WORDS]| words[0] <= address && address < words[1];
        let Some(words) = self
            .known
            .tail_mut(0)
            .iter_mut()
            .find(|words| contains(words))
        else {
            return Lookup::Unknown;
        };
        let mut known = Known::from_words(words);
        known.flags |= USED;
        if known.range.headers_end > known.range.start {
            let told = known.flags & TOLD != 0;
            if !told || (known.confirmed != capture && !is_own(&known.range)) {
                *maps_reads += 1;
                if !check(&mut known, address, text, log) {
                    known.flags |= REPLACED;
                }
                known.confirmed = capture;
            }
        }
        *words = known.words();
        if known.flags & REPLACED != 0 {
            return Lookup::OutOfDate;
        }
        if known.found.header_start == 0 {
            return Lookup::NoTables;
        }
        Lookup::Tables(tables(&known.found))
    }
}

/// Compares a module with a fresh list and reads its headers; false if another
/// one lies there now.
fn check(known: &mut Known, address: u64, text: &mut MapsText, log: &mut impl StackLog) -> bool {
    if !is_listed(&known.range, text) {
        return false;
    }
    let (found, build_id) = read_headers(&known.range, address);
    if known.flags & TOLD != 0 {
        return found == known.found;
    }
    known.found = found;
    known.flags |= TOLD;
    log.module(&Module {
        start: known.range.start,
        end: known.range.end,
        bias: found.bias,
        build_id,
        path: text.path(),
    });
    true
}

/// Whether the list has the module's first line; `text` then holds its path.
fn is_listed(range: &Range, text: &mut MapsText) -> bool {
    let Some(file) = MapsFile::open() else {
        return false;
    };
    let mut listed = false;
    text.for_each(
        |buffer| file.read(buffer),
        |mapping, _| {
            if mapping.start < range.start {
                return ControlFlow::Continue(());
            }
            listed = mapping.start == range.start
                && mapping.end == range.headers_end
                && mapping.device == range.device
                && mapping.inode == range.inode;
            ControlFlow::Break(())
        },
    );
    listed
}

/// Whether this crate's own code is in the range: it cannot go away while it
/// runs.
fn is_own(range: &Range) -> bool {
    static ANCHOR: u64 = 0x6865_6170_6c69_6e65;
    let anchor = (&raw const ANCHOR).addr() as u64;
    range.start <= anchor && anchor < range.end
}

/// What the headers say; without tables if they make no sense for the address.
fn read_headers(range: &Range, address: u64) -> (Found, &'static [u8]) {
    let mut found = Found::default();
    let Some(headers) = Headers::parse(mapped(range, range.start, range.headers_end)) else {
        return (found, &[]);
    };
    let Some(linked_start) = headers.linked_start() else {
        return (found, &[]);
    };
    found.bias = range.start.wrapping_sub(linked_start);
    let build_id = headers
        .notes()
        .find_map(|note| {
            let start = found.bias.wrapping_add(note.address);
            let notes = mapped(range, start, start.wrapping_add(note.file_bytes));
            elf::build_id(notes, note.alignment)
        })
        .unwrap_or(&[]);
    if headers.is_code(address.wrapping_sub(found.bias)) {
        find_tables(&mut found, headers, range);
    }
    let header = mapped(range, found.header_start, found.header_end);
    let beginning = header.get(..64).unwrap_or(header);
    found.fingerprint = fingerprint(build_id.iter().chain(beginning));
    (found, build_id)
}

/// Fills in where the tables are, unless they lie outside of the module.
fn find_tables(found: &mut Found, headers: Headers<'_>, range: &Range) -> Option<()> {
    let table = headers.eh_frame_header()?;
    let start = found.bias.wrapping_add(table.address);
    let end = start.checked_add(table.file_bytes)?;
    let frames_start = cfi::frames_address(mapped(range, start, end), start)?;
    let linked = frames_start.wrapping_sub(found.bias);
    let frames_end = found.bias.wrapping_add(headers.segment_end(linked)?);
    if frames_start >= frames_end || range.start > frames_start || frames_end > range.end {
        return None;
    }
    (found.header_start, found.header_end) = (start, end);
    (found.frames_start, found.frames_end) = (frames_start, frames_end);
    Some(())
}

/// FNV-1a.
fn fingerprint<'a>(bytes: impl Iterator<Item = &'a u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The bytes `[start, end)` of a module; empty unless all are inside it.
///
/// The lifetime is an approximation: the slice may be used only in the capture
/// in which the module was compared with the list.
fn mapped(range: &Range, start: u64, end: u64) -> &'static [u8] {
    if start < range.start || end > range.end || start >= end {
        return &[];
    }
    // SAFETY: the range is a module on the current stack (see the module's
    // documentation), listed by the kernel in this capture, and the bytes lie
    // in one of its readable segments: its headers, or what they point to. The
    // loader maps those read-only, or relocates them before any code runs.
    unsafe {
        core::slice::from_raw_parts(
            core::ptr::with_exposed_provenance(start as usize),
            (end - start) as usize,
        )
    }
}

fn tables<'a>(found: &Found) -> Tables<'a> {
    let whole = Range {
        start: found.header_start.min(found.frames_start),
        end: found.header_end.max(found.frames_end),
        headers_end: 0,
        device: 0,
        inode: 0,
    };
    Tables {
        header: mapped(&whole, found.header_start, found.header_end),
        header_address: found.header_start,
        frames: mapped(&whole, found.frames_start, found.frames_end),
        frames_address: found.frames_start,
    }
}
