//! Stacks as numbers: each thread's own table (parent, address) → node.

use heapline_trace::{FrameAddress, NodeId};

use crate::sys;

/// Slots of the first table: 16 KiB.
const FIRST_SLOTS: usize = 1024;

/// Words of a slot: the address, then parent and node.
const SLOT_WORDS: usize = 2;

/// Marks the address of an interrupted frame; user addresses end far below.
const EXACT: u64 = 1 << 63;
/// Stands for omitted frames.
const OMITTED: u64 = u64::MAX;

/// An open-addressing table that starts small and doubles. Node 0 marks a free slot.
pub(crate) struct StackTree {
    words: Option<&'static mut [u64]>,
    used: usize,
}

impl StackTree {
    pub(crate) const fn new() -> Self {
        StackTree {
            words: None,
            used: 0,
        }
    }

    /// The node of this frame, if it was seen before.
    #[inline]
    pub(crate) fn find(&self, parent: NodeId, address: FrameAddress) -> Option<NodeId> {
        let words = self.words.as_deref()?;
        let key = key(address);
        let mut slot = first_slot(words, parent, key);
        loop {
            let (found, link) = read(words, slot)?;
            if link == 0 {
                return None;
            }
            if found == key && (link >> 32) as u32 == parent.0 {
                return Some(NodeId(link as u32));
            }
            slot = next_slot(words, slot);
        }
    }

    /// Remembers a node; false if there is no memory for it.
    pub(crate) fn insert(&mut self, parent: NodeId, address: FrameAddress, node: NodeId) -> bool {
        if !self.make_room() {
            return false;
        }
        let Some(words) = self.words.as_deref_mut() else {
            return false;
        };
        put(words, key(address), link(parent, node));
        self.used += 1;
        true
    }

    /// Forgets all nodes: addresses may mean something else from now on.
    pub(crate) fn clear(&mut self) {
        if let Some(words) = self.words.as_deref_mut() {
            words.fill(0);
        }
        self.used = 0;
    }

    /// Doubles the table when it is two thirds full.
    fn make_room(&mut self) -> bool {
        let slots = self
            .words
            .as_deref()
            .map_or(0, |words| words.len() / SLOT_WORDS);
        if self.used * 3 < slots * 2 {
            return true;
        }
        let Some(larger) = sys::map_words((slots * 2).max(FIRST_SLOTS) * SLOT_WORDS) else {
            // A table without a free slot would be searched for ever.
            return self.used + 1 < slots;
        };
        if let Some(old) = self.words.take() {
            for slot in old.chunks_exact(SLOT_WORDS).filter(|slot| slot[1] != 0) {
                put(larger, slot[0], slot[1]);
            }
            sys::release_words(old);
        }
        self.words = Some(larger);
        true
    }
}

fn key(address: FrameAddress) -> u64 {
    match address {
        FrameAddress::Return(address) => address & !EXACT,
        FrameAddress::Exact(address) => address | EXACT,
        FrameAddress::Omitted => OMITTED,
    }
}

fn link(parent: NodeId, node: NodeId) -> u64 {
    u64::from(parent.0) << 32 | u64::from(node.0)
}

#[inline]
fn first_slot(words: &[u64], parent: NodeId, key: u64) -> usize {
    let mixed = (key ^ (u64::from(parent.0) << 40 | u64::from(parent.0)))
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let slots = words.len() / SLOT_WORDS;
    // Tables have 2^n slots: the product's top bits depend on all bits below.
    (mixed >> 20) as usize & (slots - 1)
}

#[inline]
fn next_slot(words: &[u64], slot: usize) -> usize {
    (slot + 1) & (words.len() / SLOT_WORDS - 1)
}

#[inline]
fn read(words: &[u64], slot: usize) -> Option<(u64, u64)> {
    match words.get(slot * SLOT_WORDS..slot * SLOT_WORDS + SLOT_WORDS)? {
        [key, link] => Some((*key, *link)),
        _ => None,
    }
}

fn put(words: &mut [u64], key: u64, link: u64) {
    let mut slot = first_slot(words, NodeId((link >> 32) as u32), key);
    while read(words, slot).is_some_and(|(_, link)| link != 0) {
        slot = next_slot(words, slot);
    }
    if let Some(pair) = words.get_mut(slot * SLOT_WORDS..slot * SLOT_WORDS + SLOT_WORDS) {
        pair.copy_from_slice(&[key, link]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_found_again_and_no_other() {
        let mut tree = StackTree::new();
        let frames: Vec<_> = (0..10_000u32)
            .map(|number| {
                let address = 0x5555_5555_0000 + u64::from(number % 100) * 4;
                let address = if number % 3 == 0 {
                    FrameAddress::Exact(address)
                } else {
                    FrameAddress::Return(address)
                };
                (
                    NodeId(number / 100),
                    address,
                    NodeId(number + NodeId::FIRST_FRAME.0),
                )
            })
            .collect();
        for &(parent, address, node) in &frames {
            assert_eq!(tree.find(parent, address), None);
            assert!(tree.insert(parent, address, node));
        }
        for &(parent, address, node) in &frames {
            assert_eq!(tree.find(parent, address), Some(node));
        }
        assert_eq!(tree.find(NodeId(0), FrameAddress::Omitted), None);
        tree.clear();
        assert_eq!(tree.find(frames[0].0, frames[0].1), None);
    }
}
