//! Stacks as numbers: one for each pair of a parent node and a code address.
//!
//! A node takes eight bytes, and some seven more in the index that finds it. That is
//! more than caches hold for programs with many stacks, and five new frames, each
//! found below the one before, would wait for memory five times. Therefore a node is
//! found by a hash of all its frames ([`PathHash`]): the innermost one at once. What
//! is found there is no guess: from it outwards the nodes are compared frame by frame.
//! They lie side by side, since they were made together.

use crate::code::Code;
use crate::records::Records;
use crate::rule::Rule;
use crate::rule_table::RuleTable;
use crate::{FIRST_NODE, FrameAddress, LOST_NODE, Pages, StackLog, sys};

/// Words of the first index: two slots in each.
const FIRST_INDEX_WORDS: usize = 512;
/// While links are placed one after the other, the slot for that many further on is
/// asked for.
const PLACED_AHEAD: usize = 16;
/// Slots that an index has at most, as a power of two: their numbers have 32 bits.
const MAX_BITS: u32 = 30;

/// A hash of a stack, from the outermost frame inwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathHash(u64);

impl PathHash {
    /// What is outside of the outermost frame.
    #[inline]
    pub(crate) const fn of_root(root: u32) -> PathHash {
        PathHash(root as u64).inward(u32::MAX)
    }

    /// The stack with a frame more.
    #[inline]
    pub(crate) const fn inward(self, site: u32) -> PathHash {
        // The golden ratio; the upper bits of the product are the well-mixed ones.
        PathHash((self.0.rotate_left(23) ^ site as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    #[inline]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn from_word(word: u64) -> PathHash {
        PathHash(word)
    }
}

/// All nodes of one thread, numbered in the order they came.
#[derive(Debug)]
pub(crate) struct NodeTree {
    /// Parent (upper half) and site, by number less `base`.
    links: Records<1>,
    /// The number of the first of these.
    base: u32,
    /// Slots of 32 bits, two in a word: the index of a link plus 1, and above it as
    /// much of the hash as there is room for; 0 if free. Open addressing with linear
    /// probes, at most seven eighths full.
    index: &'static mut [u64],
    /// There are 2^bits slots.
    bits: u32,
}

/// What a tree needs of others to add a node.
pub(crate) struct Adding<'a, P, L> {
    pub(crate) rules: &'a RuleTable,
    pub(crate) pages: &'a mut P,
    pub(crate) log: &'a mut L,
}

impl NodeTree {
    pub(crate) const fn new() -> NodeTree {
        NodeTree {
            links: Records::new(),
            base: FIRST_NODE,
            index: &mut [],
            bits: 1,
        }
    }

    /// Forgets all nodes; their numbers are not used again.
    pub(crate) fn forget(&mut self) {
        self.base = self.next_node().unwrap_or(u32::MAX);
        self.clear();
    }

    /// Forgets all nodes and begins with the first number.
    pub(crate) fn restart(&mut self) {
        self.base = FIRST_NODE;
        self.clear();
    }

    fn clear(&mut self) {
        self.links.truncate(0);
        self.index.fill(0);
    }

    /// How many nodes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    /// The number the next node gets.
    fn next_node(&self) -> Option<u32> {
        u32::try_from(self.links.len()).ok()?.checked_add(self.base)
    }

    /// The node of the frame at `site` below `parent`; `hash` is that of the stack with
    /// it. [`LOST_NODE`] if it is new and there is no memory for it, or it could not be
    /// logged.
    #[inline]
    pub(crate) fn child<P: Pages, L: StackLog>(
        &mut self,
        parent: u32,
        site: u32,
        hash: PathHash,
        adding: &mut Adding<'_, P, L>,
    ) -> u32 {
        if parent == LOST_NODE {
            return parent;
        }
        let link = link(parent, site);
        // Nothing is below the newest node.
        let newest = self.links.len().wrapping_sub(1);
        let found = if parent.wrapping_sub(self.base) as usize == newest {
            None
        } else {
            self.find(hash, |found| found == link)
        };
        match found {
            Some(index) => self.base.wrapping_add(index),
            None => self.add(link, hash, adding).unwrap_or(LOST_NODE),
        }
    }

    /// Says that the stack with these frames more (innermost first, rules in their last
    /// words) is about to be asked for, and gives its hash. The index is in memory that
    /// caches may not hold.
    #[inline]
    pub(crate) fn expect(&self, outer: PathHash, frames: &[[u64; 4]]) -> PathHash {
        frames.iter().rev().fold(outer, |hash, frame| {
            let hash = hash.inward(site(frame));
            prefetch(self.index, self.bits, hash);
            hash
        })
    }

    #[inline]
    fn slot(&self, slot: usize) -> Option<u32> {
        Some((*self.index.get(slot / 2)? >> (slot % 2 * 32)) as u32)
    }

    /// The first link under this hash that is a wanted one.
    #[inline]
    fn find(&self, hash: PathHash, wanted: impl Fn(u64) -> bool) -> Option<u32> {
        let mask = (1 << self.bits) - 1;
        let (mut slot, tag) = position(hash, self.bits);
        loop {
            let value = self.slot(slot)?;
            let index = (value & mask as u32).checked_sub(1)?;
            if value >> self.bits == tag
                && let Some(&[link]) = self.links.get(index as usize)
                && wanted(link)
            {
                return Some(index);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The node of the first of `frames` (innermost first, rules in their last words)
    /// below `outer` if all are known: each is handed to `found`, with its index. `hash`
    /// is that of the stack with all of them. If there is none what was handed over is
    /// void.
    #[inline]
    pub(crate) fn find_path(
        &self,
        outer: u32,
        frames: &[[u64; 4]],
        hash: PathHash,
        mut found: impl FnMut(usize, u32),
    ) -> Option<u32> {
        let first = site(frames.first()?);
        let index = self.find(hash, |link| link as u32 == first)?;
        let innermost = self.base.wrapping_add(index);
        let mut node = innermost;
        for (index, frame) in frames.iter().enumerate() {
            let &[link] = self.links.get(node.wrapping_sub(self.base) as usize)?;
            if link as u32 != site(frame) {
                return None;
            }
            found(index, node);
            node = parent_of(link);
        }
        (node == outer).then_some(innermost)
    }

    #[cold]
    fn add<P: Pages, L: StackLog>(
        &mut self,
        link: u64,
        hash: PathHash,
        adding: &mut Adding<'_, P, L>,
    ) -> Option<u32> {
        let slots = self.index.len() * 2;
        if (self.links.len() + 1) * 8 > slots * 7 && !self.grow(adding.pages) {
            return None;
        }
        if !self.links.reserve(1, adding.pages) {
            return None;
        }
        let node = self.next_node()?;
        let code = adding.rules.code(link as u32);
        let address = code.map_or(FrameAddress::Omitted, Code::frame_address);
        if !adding.log.node(node, parent_of(link), address) {
            return None;
        }
        self.links.push_reserved([link]);
        place(self.index, self.bits, hash, self.links.len() as u32);
        Some(node)
    }

    /// Doubles the index.
    fn grow(&mut self, pages: &mut impl Pages) -> bool {
        let words = (self.index.len() * 2).max(FIRST_INDEX_WORDS);
        let bits = (words * 2).trailing_zeros();
        if bits > MAX_BITS {
            return false;
        }
        let Some(index) = pages.zeroed(words) else {
            return false;
        };
        if !self.fill(index, bits, pages) {
            pages.release(index);
            return false;
        }
        self.bits = bits;
        let old = core::mem::replace(&mut self.index, index);
        if !old.is_empty() {
            pages.release(old);
        }
        true
    }

    /// Places all links in an empty index. Parents come first, so each hash follows
    /// from one that was computed before.
    fn fill(&self, index: &mut [u64], bits: u32, pages: &mut impl Pages) -> bool {
        let links = self.links.all();
        if links.is_empty() {
            return true;
        }
        let Some(hashes) = pages.zeroed(links.len()) else {
            return false;
        };
        for (number, &[link]) in links.iter().enumerate() {
            let parent = parent_of(link);
            let outer = parent.checked_sub(self.base);
            let outer = outer.and_then(|outer| hashes.get(outer as usize));
            let outer = outer.map_or(PathHash::of_root(parent), |&word| PathHash(word));
            if let Some(slot) = hashes.get_mut(number) {
                *slot = outer.inward(link as u32).0;
            }
        }
        for (number, &hash) in hashes.iter().enumerate() {
            if let Some(&ahead) = hashes.get(number + PLACED_AHEAD) {
                prefetch(index, bits, PathHash(ahead));
            }
            place(index, bits, PathHash(hash), number as u32 + 1);
        }
        pages.release(hashes);
        true
    }
}

#[inline]
fn site(frame: &[u64; 4]) -> u32 {
    Rule::from_word(frame[3]).site()
}

#[inline]
fn link(parent: u32, site: u32) -> u64 {
    u64::from(parent) << 32 | u64::from(site)
}

#[inline]
fn parent_of(link: u64) -> u32 {
    (link >> 32) as u32
}

/// The first slot to look into, and what the value there has above its number.
#[inline]
fn position(hash: PathHash, bits: u32) -> (usize, u32) {
    let upper = (hash.0 >> 32) as u32;
    let tag_bits = 32 - bits;
    ((upper >> tag_bits) as usize, upper & ((1 << tag_bits) - 1))
}

/// Asks for the memory of the first slot.
#[inline]
fn prefetch(index: &[u64], bits: u32, hash: PathHash) {
    let (slot, _) = position(hash, bits);
    if let Some(word) = index.get(slot / 2) {
        sys::prefetch(word);
    }
}

/// Into the first free slot; there is one.
fn place(index: &mut [u64], bits: u32, hash: PathHash, number: u32) {
    let (mut slot, tag) = position(hash, bits);
    while let Some(word) = index.get_mut(slot / 2) {
        let half = slot % 2 * 32;
        if (*word >> half) as u32 == 0 {
            *word |= u64::from(tag << bits | number) << half;
            return;
        }
        slot = (slot + 1) & ((1 << bits) - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleKind;
    use crate::tests::common::{LeakedPages, NoPages, Tree};

    /// A tree, the codes of as many sites, and where nodes are told to.
    fn make(sites: u32) -> (NodeTree, RuleTable, Tree) {
        let mut rules = RuleTable::new();
        for site in 1..=sites {
            let code = Code::return_address(u64::from(site) * 16).unwrap();
            rules.insert(code, Rule::plain(RuleKind::NoRule), &mut LeakedPages);
        }
        (NodeTree::new(), rules, Tree::default())
    }

    fn frames(sites: &[u32]) -> Vec<[u64; 4]> {
        let frame = |&site: &u32| {
            [
                0,
                0,
                0,
                Rule::plain(RuleKind::NoRule).with_site(site).word(),
            ]
        };
        sites.iter().map(frame).collect()
    }

    /// As [`NodeTree::child`], for stacks of one frame below a parent's.
    fn child(
        tree: &mut NodeTree,
        (parent, outer): (u32, PathHash),
        site: u32,
        adding: &mut Adding<'_, impl Pages, impl StackLog>,
    ) -> (u32, PathHash) {
        let hash = outer.inward(site);
        (tree.child(parent, site, hash, adding), hash)
    }

    const ROOT: (u32, PathHash) = (0, PathHash::of_root(0));

    #[test]
    fn every_pair_is_told_once_and_found_again() {
        let (mut tree, rules, mut log) = make(100);
        let mut adding = Adding {
            rules: &rules,
            pages: &mut LeakedPages,
            log: &mut log,
        };
        let mut rounds = [Vec::new(), Vec::new()];
        for round in &mut rounds {
            for outer in 0..100 {
                let parent = child(&mut tree, ROOT, outer, &mut adding);
                for inner in 0..100 {
                    round.push(child(&mut tree, parent, inner, &mut adding).0);
                }
            }
        }
        let [first, again] = rounds;
        assert_eq!(first, again);
        assert!(first.is_sorted_by(|a, b| a < b));
        assert_eq!(adding.log.told, 100 + 10_000);
    }

    #[test]
    fn equal_hashes_are_told_apart() {
        let (mut tree, rules, mut log) = make(50);
        let mut adding = Adding {
            rules: &rules,
            pages: &mut LeakedPages,
            log: &mut log,
        };
        let hash = ROOT.1;
        let nodes: Vec<u32> = (0..50)
            .map(|site| tree.child(0, site, hash, &mut adding))
            .collect();
        for (site, node) in nodes.iter().enumerate() {
            assert_eq!(*node, FIRST_NODE + site as u32);
            assert_eq!(tree.child(0, site as u32, hash, &mut adding), *node);
        }
    }

    #[test]
    fn numbers_go_on_behind_what_was_forgotten() {
        let (mut tree, rules, mut log) = make(2);
        let mut adding = Adding {
            rules: &rules,
            pages: &mut LeakedPages,
            log: &mut log,
        };
        assert_eq!(child(&mut tree, ROOT, 1, &mut adding).0, FIRST_NODE);
        tree.forget();
        adding.log.modules_changed();
        let first = child(&mut tree, ROOT, 1, &mut adding);
        assert_eq!(first.0, FIRST_NODE + 1);
        assert_eq!(child(&mut tree, first, 2, &mut adding).0, FIRST_NODE + 2);
        tree.restart();
        *adding.log = Tree::default();
        assert_eq!(child(&mut tree, ROOT, 2, &mut adding).0, FIRST_NODE);
    }

    #[test]
    fn a_path_is_found_below_its_own_parent_only() {
        let (mut tree, rules, mut log) = make(3);
        let mut adding = Adding {
            rules: &rules,
            pages: &mut LeakedPages,
            log: &mut log,
        };
        let outer = child(&mut tree, ROOT, 3, &mut adding);
        let caller = child(&mut tree, outer, 2, &mut adding);
        let path = frames(&[1, 2]);
        let hash = caller.1.inward(1);
        let find = |tree: &NodeTree, parent: u32, path: &[[u64; 4]]| {
            let mut nodes = Vec::new();
            let found = tree.find_path(parent, path, hash, |_, node| nodes.push(node));
            found.map(|innermost| {
                assert_eq!(nodes.first(), Some(&innermost));
                nodes
            })
        };
        assert_eq!(find(&tree, outer.0, &path), None);
        let inner = child(&mut tree, caller, 1, &mut adding);
        assert_eq!(find(&tree, outer.0, &path), Some(vec![inner.0, caller.0]));
        // Equal hashes are no proof.
        for (parent, sites) in [(0, [1, 2]), (outer.0, [2, 2]), (outer.0, [1, 3])] {
            assert_eq!(find(&tree, parent, &frames(&sites)), None);
        }
        tree.forget();
        assert_eq!(find(&tree, outer.0, &path), None);
    }

    #[test]
    fn without_memory_nodes_are_lost() {
        let (mut tree, rules, mut log) = make(1);
        let mut adding = Adding {
            rules: &rules,
            pages: &mut NoPages,
            log: &mut log,
        };
        let lost = child(&mut tree, ROOT, 1, &mut adding);
        assert_eq!(lost.0, LOST_NODE);
        assert_eq!(child(&mut tree, lost, 1, &mut adding).0, LOST_NODE);
        assert_eq!(adding.log.told, 0);
    }
}
