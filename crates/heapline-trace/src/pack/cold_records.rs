//! Records that are rare, or small: scopes, threads, modules, arrays, and the marks of damage.

use super::array_notes::ArrayNotes;
use super::item::{DAMAGES, Item};
use super::numbers::{Number, Tree};
use super::range_coder::{Bit, Coder};
use super::times::Times;
use crate::{Record, TextId, TextKind};

/// The longest text that is written: a path with room to spare.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 14;

/// Circumstances of stamps of records that are no events: above those of events.
const SCOPE_TIMES: usize = 1 << 12;
const THREAD_TIMES: usize = SCOPE_TIMES << 1;
const ARRAY_TIMES: usize = SCOPE_TIMES << 2;

pub(super) struct ColdRecords {
    kinds: Tree<3, 8>,
    scope_kinds: Tree<2, 4>,
    scope_line: Number,
    is_depth: [Bit; 3],
    depth: Number,
    function: Number,
    /// Depth of the innermost activation; below 0 without one.
    last_depth: i64,
    numbers: Number,
    text_length: Number,
    text: Tree<8, 256>,
    arrays: ArrayNotes,
}

/// Codes of the kinds below.
const MODULE: usize = 0;
const MODULES_CHANGED: usize = 1;
const THREAD: usize = 2;
const DAMAGE: usize = 3;
const TEXT: usize = 4;
const ARRAY: usize = 5;

impl ColdRecords {
    pub(super) fn new() -> Self {
        ColdRecords {
            kinds: Tree::new(),
            scope_kinds: Tree::new(),
            scope_line: Number::new(),
            is_depth: [Bit::UNKNOWN; 3],
            depth: Number::new(),
            function: Number::new(),
            last_depth: -1,
            numbers: Number::new(),
            text_length: Number::new(),
            text: Tree::new(),
            arrays: ArrayNotes::new(),
        }
    }

    /// Kind and line of a scope record.
    pub(super) fn code_scope_line<C: Coder>(
        &mut self,
        coder: &mut C,
        kind: u8,
        line: u32,
    ) -> Option<(u8, u32)> {
        let kind = self.scope_kinds.code(coder, usize::from(kind)) as u8;
        match kind {
            0 | 1 => Some((kind, self.code_u32_of(coder, line)?)),
            2 => Some((kind, 0)),
            _ => None,
        }
    }

    fn code_u32_of<C: Coder>(&mut self, coder: &mut C, line: u32) -> Option<u32> {
        u32::try_from(self.scope_line.code(coder, u64::from(line))).ok()
    }

    /// The rest of a scope record. Numbers that are too large become 0: only a reader of
    /// damaged bytes meets them.
    pub(super) fn code_scope<C: Coder>(
        &mut self,
        coder: &mut C,
        times: &mut Times,
        (kind, line): (u8, u32),
        item: &Item,
    ) -> Item {
        let (stamp, depth, function) = match item {
            Item::Record(Record::ScopeEnter {
                stamp,
                depth,
                function,
                ..
            }) => (*stamp, *depth, *function),
            Item::Record(Record::ScopeLine { stamp, depth, .. })
            | Item::Record(Record::ScopeExit { stamp, depth }) => (*stamp, *depth, 0),
            _ => (0, 0, 0),
        };
        let depth = self.code_depth(coder, kind, depth);
        let place = (line as usize & 255) << 2 | usize::from(kind);
        let stamp = times.code(coder, SCOPE_TIMES + place, stamp);
        Item::Record(match kind {
            0 => Record::ScopeEnter {
                stamp,
                depth,
                function: u32::try_from(self.function.code(coder, u64::from(function)))
                    .unwrap_or(0),
                line,
            },
            1 => Record::ScopeLine { stamp, depth, line },
            _ => Record::ScopeExit { stamp, depth },
        })
    }

    /// One more for each that begins, one less for each that ends.
    fn code_depth<C: Coder>(&mut self, coder: &mut C, kind: u8, depth: u32) -> u32 {
        let likely = self.last_depth + i64::from(kind == 0);
        let is_likely = &mut self.is_depth[usize::from(kind.min(2))];
        let depth = if coder.bit(is_likely, likely == i64::from(depth)) {
            likely
        } else {
            i64::from(self.depth.code(coder, u64::from(depth)) as u32)
        };
        self.last_depth = depth - i64::from(kind == 2);
        u32::try_from(depth).unwrap_or(0)
    }

    /// Modules, threads, damage.
    pub(super) fn code_other<C: Coder>(
        &mut self,
        coder: &mut C,
        times: &mut Times,
        item: &Item,
    ) -> Option<Item> {
        let kind = match item {
            Item::Record(Record::Module { .. }) => MODULE,
            Item::Record(Record::ModulesChanged) => MODULES_CHANGED,
            Item::Record(Record::Thread { .. }) => THREAD,
            Item::Record(Record::Text { .. }) => TEXT,
            Item::Record(Record::Array { .. }) => ARRAY,
            _ => DAMAGE,
        };
        Some(match self.kinds.code(coder, kind) {
            MODULE => self.code_module(coder, item)?,
            MODULES_CHANGED => Item::Record(Record::ModulesChanged),
            THREAD => self.code_thread(coder, times, item)?,
            DAMAGE => {
                let (offset, what) = match item {
                    Item::Damage { offset, what } => (*offset, *what),
                    Item::Record(_) => (0, 0),
                };
                let offset = self.numbers.code(coder, offset);
                let what = usize::try_from(self.numbers.code(coder, what as u64)).ok()?;
                DAMAGES.get(what)?;
                Item::Damage { offset, what }
            }
            TEXT => self.code_array_text(coder, item)?,
            ARRAY => {
                let (stamp, note) = match item {
                    Item::Record(Record::Array { stamp, note }) => (*stamp, Some(note)),
                    _ => (0, None),
                };
                let note = self.arrays.code(coder, note)?;
                let kind = note.numbers().0[0] as usize;
                let stamp = times.code(coder, ARRAY_TIMES + kind, stamp);
                Item::Record(Record::Array { stamp, note })
            }
            _ => return None,
        })
    }

    fn code_module<C: Coder>(&mut self, coder: &mut C, item: &Item) -> Option<Item> {
        let (range, bias, build_id, path) = match item {
            Item::Record(Record::Module {
                start,
                end,
                bias,
                build_id,
                path,
            }) => ((*start, *end), *bias, build_id.as_slice(), path.as_slice()),
            _ => ((0, 0), 0, [].as_slice(), [].as_slice()),
        };
        Some(Item::Record(Record::Module {
            start: self.numbers.code(coder, range.0),
            end: self.numbers.code(coder, range.1),
            bias: self.numbers.code(coder, bias),
            build_id: self.code_text(coder, build_id)?,
            path: self.code_text(coder, path)?,
        }))
    }

    fn code_thread<C: Coder>(
        &mut self,
        coder: &mut C,
        times: &mut Times,
        item: &Item,
    ) -> Option<Item> {
        let (stamp, tid, name) = match item {
            Item::Record(Record::Thread { stamp, tid, name }) => (*stamp, *tid, name.as_slice()),
            _ => (0, 0, [].as_slice()),
        };
        Some(Item::Record(Record::Thread {
            stamp: times.code(coder, THREAD_TIMES, stamp),
            tid: u32::try_from(self.numbers.code(coder, u64::from(tid))).ok()?,
            name: self.code_text(coder, name)?,
        }))
    }

    fn code_array_text<C: Coder>(&mut self, coder: &mut C, item: &Item) -> Option<Item> {
        let (id, kind, text) = match item {
            Item::Record(Record::Text { id, kind, text }) => (id.0, *kind as u64, text.as_slice()),
            _ => (0, 0, [].as_slice()),
        };
        Some(Item::Record(Record::Text {
            id: TextId(u32::try_from(self.numbers.code(coder, u64::from(id))).ok()?),
            kind: TextKind::from_code(self.numbers.code(coder, kind))?,
            text: self.code_text(coder, text)?,
        }))
    }

    fn code_text<C: Coder>(&mut self, coder: &mut C, text: &[u8]) -> Option<Vec<u8>> {
        let length = self.text_length.code(coder, text.len() as u64);
        let length = usize::try_from(length)
            .ok()
            .filter(|&length| length <= MAX_TEXT_BYTES)?;
        let byte = |index: usize| usize::from(text.get(index).copied().unwrap_or(0));
        let bytes = (0..length).map(|index| self.text.code(coder, byte(index)) as u8);
        Some(bytes.collect())
    }
}
