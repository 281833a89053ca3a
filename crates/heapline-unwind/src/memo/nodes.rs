//! The nodes of remembered frames, in the tree of all stacks.

use super::{LastWalk, NODE_KNOWN, set_node};
use crate::code::Code;
use crate::depth_limit::DepthLimit;
use crate::node_tree::{Adding, NodeTree, PathHash};
use crate::rule::Rule;
use crate::rule_table::RuleTable;
use crate::{Pages, StackLog};

impl LastWalk {
    /// The nodes of the frames just appended, below `outer`; returns the innermost one's.
    ///
    /// Stacks that were seen before are found by their innermost frame, in one look-up.
    /// New ones take one as well if the outermost new frame is asked for first. Either
    /// kind comes in runs.
    #[inline]
    pub(super) fn new_nodes<P: Pages, L: StackLog>(
        &mut self,
        outer: u32,
        tree: &mut NodeTree,
        adding: &mut Adding<'_, P, L>,
    ) -> u32 {
        let new = self.new_frames.all();
        let appended = self.frames.tail_mut(self.kept);
        let found = if self.was_new {
            None
        } else {
            tree.find_path(outer, new, self.met, |index, node| {
                if let Some(frame) = appended.get_mut(new.len() - 1 - index) {
                    frame[3] |= NODE_KNOWN | u64::from(node);
                }
            })
        };
        match found {
            Some(node) => node,
            None => self.add_nodes(outer, tree, adding),
        }
    }

    /// As above, from the outermost one inwards.
    fn add_nodes<P: Pages, L: StackLog>(
        &mut self,
        outer: u32,
        tree: &mut NodeTree,
        adding: &mut Adding<'_, P, L>,
    ) -> u32 {
        let mut node = outer;
        let before = tree.len();
        let new = self.new_frames.all().iter().rev();
        for (frame, new) in self.frames.tail_mut(self.kept).iter_mut().zip(new) {
            let site = Rule::from_word(new[3]).site();
            node = tree.child(node, site, PathHash::from_word(frame[4]), adding);
            set_node(frame, node);
        }
        self.was_new = tree.len() != before;
        node
    }

    /// The node of the innermost frame.
    #[cold]
    pub(super) fn node<P: Pages, L: StackLog>(
        &mut self,
        limit: &DepthLimit,
        tree: &mut NodeTree,
        adding: &mut Adding<'_, P, L>,
    ) -> u32 {
        match self.kept.checked_sub(1) {
            None => self.root,
            Some(index) if self.kept <= limit.frames() => self.chain_node(index, tree, adding),
            Some(index) => self.limited_node(index, limit, tree, adding),
        }
    }

    /// The node of a frame all of whose outer frames may have one.
    fn chain_node<P: Pages, L: StackLog>(
        &mut self,
        index: usize,
        tree: &mut NodeTree,
        adding: &mut Adding<'_, P, L>,
    ) -> u32 {
        let mut first = index + 1;
        let mut node = self.root;
        while let Some(outer) = first.checked_sub(1) {
            if let Some(known) = self.known_node(outer) {
                node = known;
                break;
            }
            first = outer;
        }
        for index in first..=index {
            let site = self.site(index, adding.rules);
            if let Some(frame) = self.frames.get_mut(index) {
                node = tree.child(node, site, PathHash::from_word(frame[4]), adding);
                set_node(frame, node);
            }
        }
        node
    }

    /// The node of a frame that is too deep: outermost frames, a mark for the
    /// omitted ones, innermost frames. Kept with the frame, since it depends on
    /// the frames outside of it alone.
    fn limited_node<P: Pages, L: StackLog>(
        &mut self,
        index: usize,
        limit: &DepthLimit,
        tree: &mut NodeTree,
        adding: &mut Adding<'_, P, L>,
    ) -> u32 {
        if let Some(node) = self.known_node(index) {
            return node;
        }
        let outermost = limit.outer().saturating_sub(1);
        let mut node = self.chain_node(outermost, tree, adding);
        let hash = self.frames.get(outermost).map_or(0, |frame| frame[4]);
        let mut hash = PathHash::from_word(hash);
        let mut child = |site: u32, adding: &mut Adding<'_, P, L>| {
            hash = hash.inward(site);
            node = tree.child(node, site, hash, adding);
            node
        };
        let mut innermost = child(RuleTable::OMITTED, adding);
        for inner in (index + 1).saturating_sub(limit.inner())..=index {
            innermost = child(self.site(inner, adding.rules), adding);
        }
        if let Some(frame) = self.frames.get_mut(index) {
            set_node(frame, innermost);
        }
        innermost
    }

    /// The node of the walk under way, without a look at what is remembered.
    pub(crate) fn node_aside<P: Pages, L: StackLog>(
        &self,
        limit: &DepthLimit,
        tree: &mut NodeTree,
        adding: &mut Adding<'_, P, L>,
    ) -> u32 {
        let walk = self.new_frames.all();
        let mut node = self.root;
        let mut hash = PathHash::of_root(self.root);
        let mut child = |site: u32| {
            hash = hash.inward(site);
            node = tree.child(node, site, hash, adding);
            node
        };
        let mut innermost = self.root;
        for (index, frame) in walk.iter().rev().enumerate() {
            if walk.len() > limit.frames() {
                if index == limit.outer() {
                    child(RuleTable::OMITTED);
                }
                if index >= limit.outer() && index < walk.len() - limit.inner() {
                    continue;
                }
            }
            innermost = child(Rule::from_word(frame[3]).site());
        }
        innermost
    }

    /// The site of a remembered frame: every code that was stepped has one.
    fn site(&self, index: usize, rules: &RuleTable) -> u32 {
        let code = self.frames.get(index).map_or(0, |frame| frame[0]);
        rules
            .get(Code::from_word(code))
            .map_or(RuleTable::OMITTED, Rule::site)
    }

    #[inline]
    fn known_node(&self, index: usize) -> Option<u32> {
        let word = self.frames.get(index)?[3];
        (word & NODE_KNOWN != 0).then_some(word as u32)
    }
}
