//! The last walk, and when its outer part may stand for a new one's.
//!
//! # The idea
//!
//! Two captures in a row mostly differ in a few inner frames. What is further
//! out has been walked before, so a walk should be able to stop where it meets
//! the last one. Meeting at a frame address is not enough: the frames further
//! out may have been left and others entered in their place, with the same
//! sizes. Therefore a walk keeps two lists, outermost first:
//!
//! - the frames: registers of the frame ([`State`]), its node in the tree, and a
//!   number `reads`;
//! - every word of stack memory it read: address and value.
//!
//! The first `reads` words of the second list are those read while walking from
//! that frame to the end. They *vouch* for the frame: they all still being in
//! memory proves that a walk from there would go the same way.
//!
//! ```text
//! frames   main        parse       visit      visit      leaf
//!          reads=1     reads=3     reads=5    reads=6    reads=8
//! words    w0          w1 w2       w3 w4      w5         w6 w7
//!          └──── vouch for visit (reads=5) ────┘
//! ```
//!
//! # Why it is exact
//!
//! A step computes the next state from the present one, from unwind tables, and
//! from words of the stack; nothing else enters. Take a new walk that arrives at
//! a state equal to a remembered one, while all words that vouch for it have
//! their old values. Then the new walk's next step uses the same rule, reads the
//! same addresses (they are computed from equal inputs) and finds equal values,
//! so it yields the remembered next state; and the words vouching for that one
//! are among those compared. By induction the walk would pass every remembered
//! frame outside and end in the same way: its frames are known without a step.
//! Which activations these frames belong to does not matter, because contents
//! were compared and not identities. Nothing on the stack is ever changed, so
//! panics, `longjmp` and shadow stacks cannot be disturbed either.
//!
//! # When bp does not matter
//!
//! Code without frame pointers uses bp for anything: a loop counter there would
//! make equal stacks look different. But whether a walk outwards from a frame
//! depends on the value of bp is known once that walk is done: it does if the
//! frame's rule computes from bp; it does not if the rule restores bp from the
//! stack, since that value replaces it, or if the frame is the outermost; else
//! it does if the next frame's walk does. Where it does not, bp is not compared.
//! For the same reason a saved bp that the frames outside do not depend on is
//! no input of the walk and need not be among the words. The proof holds as
//! before, for states without the part that is never used.
//!
//! # What is further in
//!
//! The stretch of a walk up to the frame it met is kept as well, for walks that begin
//! in the same place later: see `branches.rs`.
//!
//! # What it takes
//!
//! | the proof needs | so |
//! |---|---|
//! | the state holds every register a step uses | a rule that needs another one cuts the walk |
//! | equal states select equal rules | whether `ip` is exact is part of [`Code`] |
//! | tables that do not change | a change of modules drops memo and rules |
//! | all that is read is recorded | rules and expressions read through one function |
//! | recorded addresses stay readable | all lie in one stack; another stack drops the memo |
//! | memory for the record | a walk that could not be recorded whole is forgotten |
//! | an end that stays the same | the end is the root of the nodes; ends that time can change expire |
//! | the lower part of the stack is dead | frames below the current sp are dropped unread |
//!
//! # What it costs
//!
//! One comparison for every vouching word. When one of them is wrong, all frames
//! it vouches for are wrong, and those are all frames inside of it. Comparison
//! runs from the outermost word inwards, so the first difference is the
//! outermost: what lies outside of it is proven for the rest of this capture
//! and never compared again, what lies inside is dropped at once. A capture
//! thus compares each word at most once and steps each frame at most once.

mod nodes;

use crate::branches::{Branches, Met};
use crate::code::{Code, State};
use crate::depth_limit::DepthLimit;
use crate::node_tree::{Adding, NodeTree, PathHash};
use crate::read_list::ReadList;
use crate::records::Records;
use crate::rule::Rule;
use crate::stack_memory::StackMemory;
use crate::{Pages, StackLog};

/// In the last word of a remembered frame, beside the node (lower 32 bits) and
/// `reads` (the 30 bits above): the node has been asked for.
const NODE_KNOWN: u64 = 1 << 63;
/// In the last word of a remembered frame: the walk from here outwards depends on bp.
const NEEDS_BP: u64 = 1 << 62;
const READS_MASK: u64 = (1 << 30) - 1;

/// The frames and reads of the last walk, outermost first, and the frames of the walk
/// under way, innermost first; [`LastWalk::join`] turns these around and puts them
/// behind the remembered ones that are left.
///
/// A framed rule reads the next frame's code below the next frame's sp, and the next
/// frame's bp where the rule says: frames alone tell what was read. Other steps list
/// their reads.
#[derive(Debug)]
pub(crate) struct LastWalk {
    /// (code, sp, bp, node and reads, hash of the stack as far as here)
    frames: Records<5>,
    reads: ReadList,
    /// (code, sp, bp, rule)
    new_frames: Records<4>,
    /// (address, value), in the order of the walk
    listed: Records<2>,
    branches: Branches,
    /// Remembered frames that may still be met.
    kept: usize,
    /// The sp of the innermost of these; the highest number if there is none.
    kept_sp: u64,
    /// Reads that were compared in this capture and had their old values.
    proven: usize,
    /// All that the walk under way has read is known.
    whole: bool,
    /// The node outside of the outermost frame.
    root: u32,
    /// The hash of the stack whose walk has met a remembered frame.
    met: PathHash,
    /// The last stack that was not as it had been before was a new one.
    was_new: bool,
    #[cfg(test)]
    pub(crate) skip_comparison: bool,
}

impl LastWalk {
    pub(crate) const fn new() -> LastWalk {
        LastWalk {
            frames: Records::new(),
            reads: ReadList::new(),
            new_frames: Records::new(),
            listed: Records::new(),
            branches: Branches::new(),
            kept: 0,
            kept_sp: u64::MAX,
            proven: 0,
            whole: false,
            root: 0,
            met: PathHash::of_root(0),
            was_new: true,
            #[cfg(test)]
            skip_comparison: false,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.frames.truncate(0);
        self.reads.truncate(0);
        self.branches.clear();
        self.keep(0);
    }

    /// From now on captures are of this stack.
    pub(crate) fn set_stack(&mut self, stack: StackMemory) {
        self.reads.set_stack(stack);
    }

    /// Starts a walk that may meet the remembered one.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.discard();
        self.keep(self.frames.len());
        self.proven = 0;
        self.whole = true;
    }

    /// Starts a walk that leaves the remembered one alone and is not
    /// remembered: it ends in [`LastWalk::discard`].
    pub(crate) fn begin_aside(&mut self) {
        self.begin();
        self.meet_no_more();
    }

    /// From here on the walk meets no remembered frame and is not remembered.
    pub(crate) fn meet_no_more(&mut self) {
        self.keep(0);
        self.whole = false;
    }

    #[inline]
    fn keep(&mut self, frames: usize) {
        self.kept = frames;
        let last = frames.checked_sub(1);
        let last = last.and_then(|index| self.frames.get(index));
        self.kept_sp = last.map_or(u64::MAX, |frame| frame[1]);
    }

    /// The node of a walk from `state`, if that is where the last one began, or if one
    /// like it was kept whole as far as a frame that is still remembered.
    #[inline]
    pub(crate) fn branch(
        &mut self,
        state: State,
        stack: &StackMemory,
        compared: &mut u64,
    ) -> Option<u32> {
        if let Some(&[code, sp, bp, word, _]) = self.frames.all().last()
            && (code, sp) == (state.code.word(), state.sp)
        {
            let same = word & NODE_KNOWN != 0 && (bp == state.bp || word & NEEDS_BP == 0);
            return (same && self.prove(reads_of(word), compared)).then_some(word as u32);
        }
        let (met, node) = self.branches.find(state, stack)?;
        let &[_, sp, bp, word, _] = self.frames.get(met.index)?;
        let there = sp == met.sp
            && word & NODE_KNOWN != 0
            && word as u32 == met.node
            && (bp == met.bp || word & NEEDS_BP == 0);
        (there && self.prove(reads_of(word), compared)).then_some(node)
    }

    /// Keeps the walk that was just joined to the remembered frame `outer`.
    #[inline]
    fn keep_branch(&mut self, outer: &[u64; 5], node: u32, pages: &mut impl Pages) {
        let (Some(&[code, sp, bp, _]), Some(last)) =
            (self.new_frames.all().first(), self.frames.all().last())
        else {
            return;
        };
        let state = State {
            code: Code::from_word(code),
            sp,
            bp,
        };
        let met = Met {
            index: self.kept - 1,
            node: outer[3] as u32,
            sp: outer[1],
            bp: outer[2],
        };
        let reads = self.reads.range(reads_of(outer[3]), reads_of(last[3]));
        let needs_bp = last[3] & NEEDS_BP != 0;
        self.branches.keep(state, needs_bp, reads, met, node, pages);
    }

    /// Adds a frame to the walk under way; false without memory.
    #[inline]
    pub(crate) fn push_frame(&mut self, state: State, rule: Rule, pages: &mut impl Pages) -> bool {
        let frame = [state.code.word(), state.sp, state.bp, rule.word()];
        self.new_frames.push(frame, pages)
    }

    /// Frames of the walk under way.
    #[inline]
    pub(crate) fn new_frames(&self) -> usize {
        self.new_frames.len()
    }

    /// How many reads are listed by now.
    pub(crate) fn listed(&self) -> usize {
        self.listed.len()
    }

    /// Lists a read of the walk under way.
    pub(crate) fn list(&mut self, address: u64, value: u64, pages: &mut impl Pages) {
        if self.whole {
            self.whole = self.listed.push([address, value], pages);
        }
    }

    /// The reads listed since there were `before` are those of leaving the newest frame.
    pub(crate) fn close_list(&mut self, before: usize) {
        let reads = self.listed.len() - before;
        let last = self.new_frames.len().wrapping_sub(1);
        let Some(frame) = self.new_frames.get_mut(last) else {
            return;
        };
        match Rule::from_word(frame[3]).listed(reads) {
            Some(rule) => frame[3] = rule.word(),
            None => self.whole = false,
        }
    }

    /// Whether the walk has come as far out as the next remembered frame.
    #[inline]
    pub(crate) fn may_meet(&self, sp: u64) -> bool {
        sp >= self.kept_sp
    }

    /// Whether a walk that has come to `state` would go on as the last one did.
    ///
    /// Remembered frames that the walk has passed are dropped: steps only lead
    /// outwards.
    #[inline(always)]
    pub(crate) fn meets(&mut self, state: State, tree: &NodeTree, compared: &mut u64) -> bool {
        let mut index = self.kept;
        loop {
            let Some(&[code, sp, bp, word, _]) = self.frames.get(index.wrapping_sub(1)) else {
                (self.kept, self.kept_sp) = (0, u64::MAX);
                return false;
            };
            if sp > state.sp {
                (self.kept, self.kept_sp) = (index, sp);
                return false;
            }
            let equal = sp == state.sp
                && code == state.code.word()
                && (bp == state.bp || word & NEEDS_BP == 0);
            if !equal {
                index -= 1;
                continue;
            }
            self.kept = index;
            if self.is_as_it_was(tree, compared) {
                return true;
            }
            index = self.kept;
        }
    }

    /// Whether the walk outwards of the innermost frame that is kept would go as before.
    /// If not, the frames for which that is so are dropped.
    #[inline(never)]
    fn is_as_it_was(&mut self, tree: &NodeTree, compared: &mut u64) -> bool {
        let Some(&[.., word, hash]) = self.frames.get(self.kept.wrapping_sub(1)) else {
            return false;
        };
        // What memory takes to answer goes by while words are compared.
        self.met = tree.expect(PathHash::from_word(hash), self.new_frames.all());
        self.prove(reads_of(word), compared)
    }

    /// Compares the reads that vouch for a frame with memory. At the first
    /// difference, drops every frame that the read vouches for.
    #[inline]
    fn prove(&mut self, reads: usize, compared: &mut u64) -> bool {
        #[cfg(test)]
        if self.skip_comparison {
            return true;
        }
        let Some(wrong) = self.reads.first_difference(self.proven, reads) else {
            *compared += reads.saturating_sub(self.proven) as u64;
            self.proven = self.proven.max(reads);
            return true;
        };
        *compared += (wrong - self.proven) as u64 + 1;
        self.proven = wrong;
        while let Some(index) = self.kept.checked_sub(1) {
            let vouched = self.frames.get(index).map_or(0, |frame| reads_of(frame[3]));
            if vouched <= self.proven {
                break;
            }
            self.kept = index;
        }
        false
    }

    /// The walk under way has ended at the outermost frame or was cut; `root`
    /// is the node for that.
    pub(crate) fn end(&mut self, root: u32) {
        self.kept = 0;
        self.root = root;
    }

    /// Drops the walk under way.
    #[inline]
    pub(crate) fn discard(&mut self) {
        self.new_frames.truncate(0);
        self.listed.truncate(0);
    }

    /// Makes the walk under way the inner part of the remembered one, and gives the
    /// node of its innermost frame. `None` without memory for it.
    #[inline]
    pub(crate) fn join<P: Pages, L: StackLog>(
        &mut self,
        limit: &DepthLimit,
        tree: &mut NodeTree,
        adding: &mut Adding<'_, P, L>,
    ) -> Option<u32> {
        self.frames.truncate(self.kept);
        let root = root_frame(self.root);
        let outer = *self.frames.all().last().unwrap_or(&root);
        let known = outer[3] & NODE_KNOWN != 0;
        let new = self.new_frames.len();
        if new == 0 && known {
            return Some(outer[3] as u32);
        }
        self.reads.truncate(reads_of(outer[3]));
        let reads = 2 * new + self.listed.len();
        if !self.frames.reserve(new, adding.pages) || !self.reads.reserve(reads, adding.pages) {
            self.clear();
            return None;
        }
        if self.kept == 0 {
            self.met = tree.expect(PathHash::from_word(outer[4]), self.new_frames.all());
        }
        self.append(&outer);
        let depth = self.frames.len();
        // Deep stacks get the nodes of their frames only as far as the limit lets them.
        let node = if known && depth <= limit.frames() {
            let node = self.new_nodes(outer[3] as u32, tree, adding);
            if self.kept > 0 {
                self.keep_branch(&outer, node, adding.pages);
            }
            node
        } else {
            self.kept = depth;
            self.node(limit, tree, adding)
        };
        if !self.whole {
            self.clear();
        }
        Some(node)
    }

    /// Appends the frames of the walk under way, outermost first, to those remembered,
    /// the last of which is `outer`, and what they have read. There is room for all.
    #[inline]
    fn append(&mut self, outer: &[u64; 5]) {
        let [mut next_code, mut next_sp, mut next_bp, word, hash] = *outer;
        let mut needs_bp = word & NEEDS_BP != 0;
        let mut hash = PathHash::from_word(hash);
        let new = self.new_frames.all();
        let mut reads = self.reads.adding();
        let mut unlisted = self.listed.len();
        for (slot, frame) in self.frames.room().iter_mut().zip(new.iter().rev()) {
            let &[code, sp, bp, rule] = frame;
            let rule = Rule::from_word(rule);
            if rule.is_framed() {
                reads.push(next_sp.wrapping_sub(8), next_code);
                let bp_bytes = rule.bp_bytes();
                if bp_bytes != 0 {
                    // No input of the walk where nobody further out asks for it.
                    if needs_bp {
                        reads.push(next_sp.wrapping_sub(bp_bytes), next_bp);
                    }
                    needs_bp = false;
                }
                needs_bp |= rule.needs_bp();
            } else {
                let first = unlisted.saturating_sub(rule.listed_reads());
                for &[address, value] in self.listed.range(first, unlisted) {
                    reads.push(address, value);
                }
                unlisted = first;
                needs_bp = rule.needs_bp();
            }
            hash = hash.inward(rule.site());
            let word = (reads.len() as u64 & READS_MASK) << 32;
            let word = word | if needs_bp { NEEDS_BP } else { 0 };
            *slot = [code, sp, bp, word, hash.word()];
            (next_code, next_sp, next_bp) = (code, sp, bp);
        }
        drop(reads);
        self.frames.extend(new.len());
    }
}

/// What stands outside of the outermost frame.
fn root_frame(root: u32) -> [u64; 5] {
    let hash = PathHash::of_root(root).word();
    [0, 0, 0, NODE_KNOWN | u64::from(root), hash]
}

#[inline]
fn set_node(frame: &mut [u64; 5], node: u32) {
    frame[3] = frame[3] & !u64::from(u32::MAX) | NODE_KNOWN | u64::from(node);
}

#[inline]
fn reads_of(word: u64) -> usize {
    (word >> 32 & READS_MASK) as usize
}
