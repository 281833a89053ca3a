//! Frames at one address of one object: DWARF first, the symbol table second.

use super::crates::{Attribution, by_path, by_symbol};
use super::demangle::{demangle, is_mangled};
use super::dwarf::{Dwarf, DwarfFrame};
use super::elf_symbols::ElfSymbols;
use super::fold::{is_plumbing, is_runtime};
use super::frame::{Frame, Module, Origin};
use super::problem::Problem;
use super::units::Units;
use std::cell::Cell;
use std::path::{Path, PathBuf};

/// One object, open for questions.
pub(crate) struct Lookup<'data> {
    pub(crate) module: &'data Module,
    pub(crate) dwarf: Option<Dwarf<'data>>,
    pub(crate) symbols: ElfSymbols<'data>,
    pub(crate) names: NameCounts,
}

/// How the program's own functions were named where they were inlined: there, no symbol
/// helps out.
#[derive(Default)]
pub(crate) struct NameCounts {
    whole: Cell<u64>,
    short: Cell<u64>,
}

impl NameCounts {
    /// Whether functions have names without module and crate.
    pub(crate) fn are_short(&self) -> bool {
        self.whole.get() == 0 && self.short.get() > 0
    }

    fn count(&self, frame: &Frame, is_mangled: bool) {
        if frame.inlined && matches!(frame.origin, Origin::Workspace | Origin::Dependency) {
            let count = if is_mangled { &self.whole } else { &self.short };
            count.set(count.get() + 1);
        }
    }
}

/// What DWARF says about a frame.
#[derive(Default)]
struct RawFrame {
    name: Option<String>,
    path: Option<PathBuf>,
    line: Option<u32>,
}

impl Lookup<'_> {
    /// The frames at an address of the object, innermost first; at least one.
    pub(crate) fn frames(&self, address: u64) -> Vec<Frame> {
        let mut raw = self.raw_frames(address);
        if raw.is_empty() {
            raw.push(RawFrame::default());
        }
        let last = raw.len() - 1;
        if let Some(outer) = raw.last_mut() {
            self.prefer_symbol(outer, address);
        }
        let frames = raw.into_iter().enumerate();
        frames
            .map(|(at, raw)| self.frame(raw, at < last, address))
            .collect()
    }

    /// What this object lacks, as far as it was asked.
    pub(crate) fn problem(&self, path: &Path) -> Option<Problem> {
        let units = self.units();
        let informed = units.has_own_rust || units.has_foreign && !units.has_rust;
        let path = path.to_owned();
        if !informed && self.symbols.is_whole() {
            Some(Problem::NoDebugInfo(path))
        } else if !informed {
            Some(Problem::Stripped(path))
        } else if self.dwarf.as_ref().is_some_and(Dwarf::split_is_missing) {
            Some(Problem::SplitDebugMissing(path))
        } else {
            self.names.are_short().then_some(Problem::ShortNames(path))
        }
    }

    /// A broken unit says as much as a missing one.
    fn raw_frames(&self, address: u64) -> Vec<RawFrame> {
        let mut raw = Vec::new();
        let Some(dwarf) = &self.dwarf else {
            return raw;
        };
        let Ok(mut frames) = dwarf.frames(address) else {
            return raw;
        };
        while let Ok(Some(frame)) = frames.next() {
            raw.push(raw_frame(dwarf, frame, address));
        }
        raw
    }

    /// The function that was not inlined has a symbol, whose name may say more.
    fn prefer_symbol(&self, outer: &mut RawFrame, address: u64) {
        let whole = outer.name.as_deref().is_some_and(is_mangled);
        if let Some(symbol) = self.symbols.name_at(address).filter(|_| !whole)
            && (outer.name.is_none() || is_mangled(symbol))
        {
            outer.name = Some(symbol.to_owned());
        }
    }

    fn frame(&self, raw: RawFrame, inlined: bool, address: u64) -> Frame {
        let object = self.module.name();
        let Some(name) = &raw.name else {
            return Frame {
                line: raw.line,
                path: raw.path,
                ..unnamed(object, address)
            };
        };
        let mangled = is_mangled(name);
        let function = demangle(name);
        let path = raw.path.filter(|path| path.file_name().is_some());
        let found = match &path {
            Some(path) => by_path(path, &function, object, self.units()),
            None => by_symbol(&function, mangled, object, self.units()),
        };
        let frame = finished(function, found, path, raw.line);
        let frame = Frame { inlined, ..frame };
        self.names.count(&frame, mangled);
        frame
    }

    fn units(&self) -> &Units {
        static NONE: Units = Units::NONE;
        self.dwarf.as_ref().map_or(&NONE, |dwarf| &dwarf.units)
    }
}

/// A frame without a name: its address in the object, which every run shares.
pub(crate) fn unnamed(object: &str, address: u64) -> Frame {
    Frame::unknown(format!("{address:#x} in {object}"), object)
}

/// Without a line the file is whatever stood in the line table before: the function's
/// declaration knows better, and even a whole name does.
fn raw_frame(dwarf: &Dwarf<'_>, frame: DwarfFrame<'_, '_>, address: u64) -> RawFrame {
    let location = frame.location.as_ref();
    let line = location.and_then(|location| location.line);
    let located = location
        .and_then(|location| location.file)
        .map(PathBuf::from);
    let name = frame
        .function
        .and_then(|name| Some(name.raw_name().ok()?.into_owned()));
    let path = match line {
        Some(_) => located,
        None => frame
            .dw_die_offset
            .and_then(|function| dwarf.declared_in(address, function))
            .or_else(|| located.filter(|_| !name.as_deref().is_some_and(is_mangled))),
    };
    RawFrame { name, path, line }
}

fn finished(
    function: String,
    found: Attribution,
    path: Option<PathBuf>,
    line: Option<u32>,
) -> Frame {
    let file = found.file.as_deref();
    let runtime = is_runtime(&function, file);
    Frame {
        folded: is_plumbing(&function, file),
        origin: if runtime {
            Origin::Runtime
        } else {
            found.origin
        },
        function,
        file: found.file,
        path,
        line,
        krate: found.krate,
        inlined: false,
    }
}
