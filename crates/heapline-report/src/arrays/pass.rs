//! The pass over a trace that follows arrays: live blocks by address, handles by number.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use heapline_trace::{ArrayHandle, ArrayNote, ScopeTable, TextId};
use rustc_hash::FxHashMap;

use super::Arrays;
use super::advice::advice;
use super::facts::{Array, BlockKey};
use super::scopes::CurrentLines;
use super::sites::{Copy, Sites, Source};
use super::snapshot::Snapshot;
use crate::event::{Cause, Scope};
use crate::folded::At;
use crate::replay::{Block, Ending, Moment, Observer};
use crate::texts::Texts;

/// Handles that start at one byte and are looked through for one; a damaged trace can have
/// any number.
const MAX_ALIKE: usize = 64;

/// When the arrays are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instant {
    /// When so many bytes were live for the first time.
    Live(u64),
    /// After the last event up to this stamp.
    Behind(u64),
    End,
}

/// A live block.
#[derive(Clone, Copy, Debug)]
struct LiveBlock {
    bytes: u64,
    serial: u64,
}

/// What the arrays of a block are.
#[derive(Clone, Debug, Default)]
struct InBlock {
    /// First handle of the buffer that the block is, if it is one.
    first: Option<Array>,
    /// Plain arrays in it, by the names they were given.
    tracked: BTreeMap<TextId, Array>,
}

/// The handles of one buffer.
#[derive(Clone, Copy, Debug)]
struct Buffer {
    first: Option<Array>,
    holders: u64,
}

pub(super) struct ArrayPass {
    instant: Instant,
    snapshot: Option<Snapshot>,
    blocks: BTreeMap<u64, LiveBlock>,
    serial: u64,
    handles: FxHashMap<u64, Array>,
    /// Where the handles' lowest bytes are, and their numbers.
    handle_places: BTreeSet<(u64, u64)>,
    buffers: FxHashMap<u64, Buffer>,
    in_blocks: FxHashMap<u64, InBlock>,
    /// Plain arrays in no block that is known, by their lowest bytes and names.
    elsewhere: BTreeMap<(u64, TextId), Array>,
    /// What was in the block that a lane is reallocating.
    moving: FxHashMap<usize, InBlock>,
    lines: CurrentLines,
    sites: Sites,
    counted_views: u64,
}

impl ArrayPass {
    pub(super) fn new(instant: Instant) -> Self {
        ArrayPass {
            instant,
            snapshot: None,
            blocks: BTreeMap::new(),
            serial: 0,
            handles: FxHashMap::default(),
            handle_places: BTreeSet::new(),
            buffers: FxHashMap::default(),
            in_blocks: FxHashMap::default(),
            elsewhere: BTreeMap::new(),
            moving: FxHashMap::default(),
            lines: CurrentLines::default(),
            sites: Sites::default(),
            counted_views: 0,
        }
    }

    pub(super) fn finish(mut self, at: At, texts: &Texts, scopes: &[ScopeTable]) -> Arrays {
        let snapshot = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => self.take_snapshot(),
        };
        let buffers = snapshot.buffers(texts);
        let copies = self.sites.copy_sites(texts);
        Arrays {
            at,
            advice: advice(&buffers, &copies, self.counted_views > 0),
            lines: self.sites.line_notes(texts, scopes),
            live_bytes: snapshot.live_bytes,
            buffers,
            copies,
            counted_views: self.counted_views,
        }
    }

    fn take_snapshot(&self) -> Snapshot {
        let live_bytes = super::sum(self.blocks.values().map(|block| block.bytes));
        let mut snapshot = Snapshot::new(self.serial, live_bytes);
        let tracked = self.in_blocks.values();
        let tracked = tracked.flat_map(|block| block.tracked.values());
        let tracked = tracked.chain(self.elsewhere.values());
        for array in self.handles.values().chain(tracked) {
            snapshot.add(*array, self.bytes_of(array.block));
        }
        for first in self.buffers.values().filter_map(|buffer| buffer.first) {
            snapshot.add_first(first);
        }
        snapshot
    }

    /// Takes the snapshot if its time has come before what happens at this moment.
    fn is_time_before(&mut self, moment: Moment) {
        if let Instant::Behind(stamp) = self.instant
            && moment.stamp > stamp
            && self.snapshot.is_none()
        {
            self.snapshot = Some(self.take_snapshot());
        }
    }

    /// The live block that holds an address.
    fn block_at(&self, address: u64) -> Option<BlockKey> {
        let (&start, block) = self.blocks.range(..=address).next_back()?;
        (address > 0 && address - start < block.bytes).then_some(BlockKey {
            address: start,
            serial: block.serial,
        })
    }

    /// The live block that a handle keeps: one without elements has no address, but keeps the
    /// buffer that it is a view of.
    fn block_of(&self, handle: &ArrayHandle) -> Option<BlockKey> {
        self.block_at(handle.address).or_else(|| {
            let buffer = self.buffers.get(&handle.base)?;
            let first = buffer.first.filter(|first| first.id != handle.id)?;
            first.block.filter(|_| handle.address == 0)
        })
    }

    fn bytes_of(&self, block: Option<BlockKey>) -> Option<u64> {
        let block = block?;
        let live = self.blocks.get(&block.address)?;
        (live.serial == block.serial).then_some(live.bytes)
    }

    /// An array was heard of; it may have been alive at an instant that has passed.
    fn tell_snapshot(&mut self, array: Array) {
        let bytes = self.bytes_of(array.block);
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.add_late(array, bytes);
        }
    }

    fn handle(&mut self, handle: &ArrayHandle, texts: &Texts) {
        let block = self.block_of(handle);
        let mut array = Array::of_handle(handle, block);
        // A buffer that was resized is told of again, under its number.
        let old = self.handles.get(&array.id).copied();
        array.name = old.and_then(|old| old.name);
        if array.is_first() {
            array.name = array.name.or(self.take_over(&array));
        }
        let buffer = self.buffers.entry(array.base).or_insert(Buffer {
            first: None,
            holders: 0,
        });
        buffer.holders += u64::from(old.is_none());
        if array.is_first() {
            array.is_told = true;
            buffer.first = Some(array);
            if let Some(block) = block {
                self.in_blocks.entry(block.address).or_default().first = Some(array);
            }
            self.sites.made(&array, texts.nbytes(array.layout));
        } else {
            let of = buffer.first.and_then(|first| first.name);
            let held = self.bytes_of(block);
            self.sites.viewed(&array, held, of);
        }
        if let Some(old) = self.handles.insert(array.id, array) {
            self.handle_places.remove(&(old.address, old.id));
        }
        self.handle_places.insert((array.address, array.id));
        self.tell_snapshot(array);
    }

    /// Plain arrays in the memory that a buffer was made of are that buffer now. The name that
    /// one of just its elements had, and has no more.
    fn take_over(&mut self, first: &Array) -> Option<TextId> {
        let is_first = |(_, plain): &(TextId, Array)| plain.is_same(first);
        let named = match first.block {
            Some(block) => {
                let arrays = self.in_blocks.get_mut(&block.address)?;
                std::mem::take(&mut arrays.tracked)
                    .into_iter()
                    .find(is_first)
            }
            None if first.address == 0 => None,
            None => {
                let gone = self.forget_elsewhere(first.address..=first.address);
                gone.into_iter().find(is_first)
            }
        };
        named.map(|(name, _)| name)
    }

    fn dropped(&mut self, id: u64) {
        let Some(array) = self.handles.remove(&id) else {
            return;
        };
        self.handle_places.remove(&(array.address, id));
        if let Some(buffer) = self.buffers.get_mut(&array.base) {
            buffer.holders = buffer.holders.saturating_sub(1);
            if buffer.holders == 0 {
                self.buffers.remove(&array.base);
            }
        }
    }

    fn renamed(&mut self, id: u64, name: TextId) {
        if let Some(array) = self.handles.get_mut(&id) {
            array.name = Some(name);
            let buffer = self.buffers.get_mut(&array.base);
            if let Some(first) = buffer.and_then(|buffer| buffer.first.as_mut())
                && first.id == id
            {
                first.name = Some(name);
                let block = array
                    .block
                    .and_then(|block| self.in_blocks.get_mut(&block.address));
                if let Some(first) = block.and_then(|block| block.first.as_mut()) {
                    first.name = Some(name);
                }
            }
        }
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.rename(id, name);
        }
    }

    /// The handle onto just these elements, if one is alive.
    fn handle_of(&self, array: &Array, texts: &Texts) -> Option<u64> {
        if array.address == 0 {
            return None;
        }
        let layout = texts.layout(array.layout)?;
        let here = (array.address, 0)..=(array.address, u64::MAX);
        let handles = self.handle_places.range(here).take(MAX_ALIKE);
        let is_same = |id: &u64| {
            let handle = self.handles.get(id);
            handle.is_some_and(|handle| texts.layout(handle.layout).as_ref() == Some(&layout))
        };
        handles.map(|(_, id)| *id).find(is_same)
    }

    fn tracked(&mut self, array: Array, name: TextId, texts: &Texts) {
        self.sites.tracked(&array, texts.nbytes(array.layout));
        // A handle keeps a name of its own: the plain array may be a view of all of it.
        let handle = self.handle_of(&array, texts);
        let own = handle.and_then(|id| self.handles.get(&id)?.name);
        if let Some(id) = handle.filter(|_| own.is_none_or(|own| own == name)) {
            self.renamed(id, name);
            return;
        }
        // What had the name before is not it any more.
        match array.block {
            Some(block) => {
                let arrays = self.in_blocks.entry(block.address).or_default();
                arrays.tracked.insert(name, array);
            }
            None => {
                self.elsewhere.insert((array.address, name), array);
            }
        }
        self.tell_snapshot(array);
    }

    fn copied(&mut self, (from, to): (u64, u64), copy: Copy, texts: &Texts) {
        if let Some(made) = self.handles.get_mut(&to)
            && std::mem::take(&mut made.is_told)
        {
            let made = *made;
            self.sites.made_by_copy(&made, texts.nbytes(made.layout));
        }
        let from = self.handles.get(&from);
        // A view without a name is of the buffer that it is a view of.
        let base = from.and_then(|from| self.buffers.get(&from.base)?.first);
        let of = from.and_then(|from| from.name);
        let source = Source {
            array: from,
            nbytes: from.map_or(0, |from| texts.nbytes(from.layout)),
            name: of.or(base.and_then(|base| base.name)),
        };
        self.sites.copied(copy, source, self.handles.get(&to));
    }

    /// What was in a block that ends by a reallocation goes to the one that begins by it.
    fn moved(&mut self, lane: usize, block: Block, serial: u64) {
        let Some(mut moved) = self.moving.remove(&lane) else {
            return;
        };
        let to = BlockKey {
            address: block.address,
            serial,
        };
        if let Some(first) = &moved.first {
            let handle = self.handles.get_mut(&first.id);
            let buffer = self.buffers.get_mut(&first.base);
            let known = buffer.and_then(|buffer| buffer.first.as_mut());
            for array in handle.into_iter().chain(known) {
                if array.block == first.block {
                    array.move_to(to);
                }
            }
        }
        let arrays = moved.tracked.values_mut().chain(&mut moved.first);
        arrays.for_each(|array| array.move_to(to));
        self.in_blocks.insert(block.address, moved);
    }

    /// Plain arrays that began in this memory, and are gone: it is another block's now, or
    /// freed.
    fn forget_elsewhere(&mut self, memory: RangeInclusive<u64>) -> Vec<(TextId, Array)> {
        let names = (*memory.start(), TextId(0))..=(*memory.end(), TextId(u32::MAX));
        let gone: Vec<(u64, TextId)> = self.elsewhere.range(names).map(|(key, _)| *key).collect();
        let gone = gone.into_iter();
        gone.filter_map(|key| Some((key.1, self.elsewhere.remove(&key)?)))
            .collect()
    }

    fn freed(&mut self, lane: usize, bytes: u64, arrays: &InBlock) {
        let Some(line) = self.lines.current(lane) else {
            return;
        };
        let array = arrays
            .first
            .as_ref()
            .or_else(|| arrays.tracked.values().next());
        self.sites
            .freed(line, bytes, array.and_then(|array| array.name));
    }
}

impl Observer for ArrayPass {
    fn begin(&mut self, moment: Moment, block: Block, by: Cause) {
        self.is_time_before(moment);
        self.serial += 1;
        let live = LiveBlock {
            bytes: block.bytes,
            serial: self.serial,
        };
        self.blocks.insert(block.address, live);
        let last = block.address.saturating_add(block.bytes.saturating_sub(1));
        self.forget_elsewhere(block.address..=last);
        if by == Cause::Reallocation {
            self.moved(moment.lane, block, live.serial);
        }
        if self.instant == Instant::Live(moment.live_bytes) && self.snapshot.is_none() {
            self.snapshot = Some(self.take_snapshot());
        }
    }

    fn end(&mut self, moment: Moment, block: Block, ending: Ending) {
        self.is_time_before(moment);
        self.blocks.remove(&block.address);
        let Some(arrays) = self.in_blocks.remove(&block.address) else {
            return;
        };
        match ending {
            Ending::Freed { .. } => self.freed(moment.lane, block.bytes, &arrays),
            Ending::Reallocated => {
                self.moving.insert(moment.lane, arrays);
            }
            Ending::Unseen => {}
        }
    }

    fn end_of_unknown(&mut self, moment: Moment, address: u64, _by: Cause) {
        self.is_time_before(moment);
        self.forget_elsewhere(address..=address);
    }

    fn thread(&mut self, moment: Moment) {
        self.lines.clear(moment.lane);
    }

    fn scope(&mut self, moment: Moment, scope: Scope) {
        self.lines.mark(moment.lane, scope);
    }

    fn array(&mut self, moment: Moment, note: &ArrayNote, texts: &Texts) {
        self.is_time_before(moment);
        match *note {
            ArrayNote::Handle(handle) => self.handle(&handle, texts),
            ArrayNote::Tracked {
                address,
                layout,
                unique_bytes,
                name,
                place,
            } => {
                let array = Array {
                    id: 0,
                    base: 0,
                    layout,
                    unique_bytes,
                    mapped_bytes: None,
                    record_bytes: 0,
                    operation: None,
                    name: Some(name),
                    place,
                    address,
                    block: self.block_at(address),
                    is_moved: false,
                    is_told: false,
                };
                self.tracked(array, name, texts);
            }
            ArrayNote::Dropped { id } => self.dropped(id),
            ArrayNote::Copied {
                from,
                to,
                bytes,
                fits_narrower,
                operation,
                place,
            } => {
                let copy = Copy {
                    bytes,
                    fits_narrower,
                    operation,
                    place,
                };
                self.copied((from, to), copy, texts);
            }
            ArrayNote::Counted { views, place } => {
                self.counted_views = self.counted_views.saturating_add(views);
                self.sites.counted(views, place);
            }
            ArrayNote::Renamed { id, name } => self.renamed(id, name),
        }
    }
}
