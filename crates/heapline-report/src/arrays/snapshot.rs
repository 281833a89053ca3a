//! The arrays that were alive at an instant, by the buffers they hold.

use heapline_trace::TextId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{Array, BlockKey};
use super::used::used_bytes;
use super::{ArrayBuffer, ArrayFacts, Holds};
use crate::texts::Texts;

/// What was alive at the instant.
///
/// An array is told of after its block: at the peak, which is the begin of a block, the
/// array in it has yet to be heard of. So the first array of a block that lived at the
/// instant belongs to it, even if it comes later. So does the first that is heard of an array
/// whose block was reallocated at the instant.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Blocks with a higher number began later.
    serial: u64,
    arrays: Vec<Array>,
    by_id: FxHashMap<u64, usize>,
    /// Plain arrays whose reallocation was the last begin up to the instant. Of one that was
    /// reallocated before, what is heard after the instant may have come after it, too.
    moved: FxHashMap<(BlockKey, Option<TextId>), usize>,
    /// First handles of the buffers, alive or not.
    firsts: FxHashMap<u64, Array>,
    bytes: FxHashMap<BlockKey, u64>,
    /// Of all blocks, also those without arrays.
    pub(super) live_bytes: u64,
    known: FxHashSet<BlockKey>,
}

impl Snapshot {
    pub(super) fn new(serial: u64, live_bytes: u64) -> Self {
        Snapshot {
            serial,
            arrays: Vec::new(),
            by_id: FxHashMap::default(),
            moved: FxHashMap::default(),
            firsts: FxHashMap::default(),
            bytes: FxHashMap::default(),
            live_bytes,
            known: FxHashSet::default(),
        }
    }

    /// Adds an array that is alive, and the bytes of its block.
    pub(super) fn add(&mut self, array: Array, bytes: Option<u64>) {
        self.hold(array.block, bytes);
        let index = self.arrays.len();
        if array.id > 0 {
            self.by_id.insert(array.id, index);
        } else if let Some(block) = array
            .block
            .filter(|block| array.is_moved && block.serial == self.serial)
        {
            self.moved.insert((block, array.name), index);
        }
        self.arrays.push(array);
    }

    fn hold(&mut self, block: Option<BlockKey>, bytes: Option<u64>) {
        if let (Some(block), Some(bytes)) = (block, bytes) {
            self.bytes.insert(block, bytes);
            self.known.insert(block);
        }
    }

    /// Tells what a buffer was made for.
    pub(super) fn add_first(&mut self, first: Array) {
        self.firsts.insert(first.id, first);
    }

    /// An array was heard of after the instant.
    pub(super) fn add_late(&mut self, array: Array, bytes: Option<u64>) {
        let lived = array.block.filter(|block| block.serial <= self.serial);
        let Some(block) = lived.filter(|_| array.is_first()) else {
            return;
        };
        let old = match array.id {
            0 => self.moved.remove(&(block, array.name)),
            id => self.by_id.get(&id).copied(),
        };
        let is_moved = |index: usize| self.arrays[index].is_moved;
        if self.known.contains(&block) && !old.is_some_and(is_moved) {
            return;
        }
        if array.id > 0 {
            self.add_first(array);
        }
        match old {
            Some(old) => {
                self.hold(array.block, bytes);
                self.arrays[old] = array;
            }
            None => self.add(array, bytes),
        }
    }

    /// A name was heard of after the instant.
    pub(super) fn rename(&mut self, id: u64, name: TextId) {
        if let Some(&index) = self.by_id.get(&id) {
            self.arrays[index].name = Some(name);
        }
        if let Some(first) = self.firsts.get_mut(&id) {
            first.name = Some(name);
        }
    }

    pub(super) fn buffers(&self, texts: &Texts) -> Vec<ArrayBuffer> {
        let mut groups: FxHashMap<Key, Vec<&Array>> = FxHashMap::default();
        for (index, array) in self.arrays.iter().enumerate() {
            let key = match (array.block, array.base) {
                (Some(block), _) => Key::Block(block),
                (None, 0) => Key::Single(index),
                (None, base) => Key::Base(base),
            };
            groups.entry(key).or_default().push(array);
        }
        let buffers = groups.into_values().map(|group| self.buffer(group, texts));
        let mut buffers = alike_together(buffers.collect());
        buffers.sort_by_cached_key(|buffer| {
            let held = buffer.holds.heap_bytes().saturating_mul(buffer.count);
            let first = buffer.arrays.first().and_then(|array| array.id);
            (
                std::cmp::Reverse(held),
                first.unwrap_or(u64::MAX),
                name_of(buffer),
            )
        });
        buffers
    }

    fn buffer(&self, mut group: Vec<&Array>, texts: &Texts) -> ArrayBuffer {
        group.sort_by_key(|array| (array.id == 0, !array.is_first(), array.id));
        let holds = group.iter().find_map(|array| {
            let block = array.block.and_then(|block| self.bytes.get(&block));
            block.map(|&bytes| Holds::Block(bytes))
        });
        let base = group.iter().map(|array| array.base).find(|&base| base > 0);
        let first = base.and_then(|base| self.firsts.get(&base));
        let mapped = first
            .and_then(|first| first.mapped_bytes)
            .map(Holds::Mapped);
        let is_alive = group.iter().any(|array| array.id > 0 && array.is_first());
        let gone = first
            .filter(|_| !is_alive)
            .map(|first| first.facts(texts, true));
        let alive = group.iter().map(|array| array.facts(texts, false));
        ArrayBuffer {
            holds: holds.or(mapped).unwrap_or(Holds::Unknown),
            used_bytes: used_bytes(&group, texts),
            arrays: views_together(gone.into_iter().chain(alive)),
            count: 1,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Block(BlockKey),
    Base(u64),
    /// A tracked array in no known block.
    Single(usize),
}

fn name_of(buffer: &ArrayBuffer) -> Option<String> {
    buffer.arrays.first().and_then(|array| array.name.clone())
}

/// Unnamed views of a buffer that one line made, told apart by nothing shown, as one.
fn views_together(arrays: impl Iterator<Item = ArrayFacts>) -> Vec<ArrayFacts> {
    let mut together: Vec<ArrayFacts> = Vec::new();
    let mut seen: FxHashMap<String, usize> = FxHashMap::default();
    for array in arrays {
        let is_told_apart = array.is_gone || !array.is_view || array.name.is_some();
        let key = (!is_told_apart).then(|| view_likeness(&array));
        match key.as_ref().and_then(|key| seen.get(key)) {
            Some(&index) => together[index].count += 1,
            None => {
                seen.extend(key.map(|key| (key, together.len())));
                together.push(array);
            }
        }
    }
    together
}

fn view_likeness(view: &ArrayFacts) -> String {
    let shape = view.layout.as_ref().map(|layout| &layout.shape);
    format!(
        "{:?}",
        (
            &view.operation,
            &view.dtype,
            shape,
            view.order(),
            view.nbytes,
            view.unique_bytes,
            &view.place
        )
    )
}

/// Buffers of one array each that one line made, told apart by nothing, not even by name, as
/// one.
fn alike_together(buffers: Vec<ArrayBuffer>) -> Vec<ArrayBuffer> {
    let mut together: Vec<ArrayBuffer> = Vec::new();
    let mut seen: FxHashMap<String, usize> = FxHashMap::default();
    for buffer in buffers {
        let Some(key) = likeness(&buffer) else {
            together.push(buffer);
            continue;
        };
        match seen.get(&key) {
            Some(&index) => {
                let other = &mut together[index];
                other.count += 1;
                // The oldest stands for all.
                if let (Some(own), Some(new)) = (other.arrays.first_mut(), buffer.arrays.first()) {
                    own.id = own.id.min(new.id);
                }
            }
            None => {
                seen.insert(key, together.len());
                together.push(buffer);
            }
        }
    }
    together
}

fn likeness(buffer: &ArrayBuffer) -> Option<String> {
    let [array] = buffer.arrays.as_slice() else {
        return None;
    };
    let alike = ArrayFacts {
        id: None,
        ..array.clone()
    };
    (array.count == 1).then(|| format!("{:?} {alike:?}", buffer.holds))
}
