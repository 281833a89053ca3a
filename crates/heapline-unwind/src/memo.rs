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
//! - the frames: registers of the frame ([`State`]), its node in the caller's
//!   tree, and a number `reads`;
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

use crate::code::{Code, State};
use crate::depth_limit::DepthLimit;
use crate::records::Records;
use crate::stack_memory::StackMemory;
use crate::{FrameAddress, FrameTree, Pages};

/// In the last word of a remembered frame, beside the node (lower 32 bits) and
/// `reads` (the 30 bits above): the node has been asked for.
const NODE_KNOWN: u64 = 1 << 63;
/// In any frame's last word: the walk from here outwards depends on bp. In a
/// frame of the walk under way: its own rule does.
const NEEDS_BP: u64 = 1 << 62;
/// In the last word of a frame of the walk under way: bp is restored by the
/// last read that leaves this frame. Above the number of reads that leave it.
const RESTORES_BP: u64 = 1 << 61;
const READS_MASK: u64 = (1 << 30) - 1;

/// What leaving a frame does with bp: two bits, which are those of
/// [`RESTORES_BP`] and [`NEEDS_BP`] when shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BpUse(u64);

impl BpUse {
    /// Neither computes from it nor changes it.
    pub(crate) const KEEPS: BpUse = BpUse(0);
    /// Replaces it by the last word that is read.
    pub(crate) const RESTORES: BpUse = BpUse(1);
    /// Computes from it, and leaves it.
    pub(crate) const NEEDS: BpUse = BpUse(2);
    /// Computes from it, then replaces it by the last word that is read.
    pub(crate) const NEEDS_AND_RESTORES: BpUse = BpUse(3);

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> BpUse {
        BpUse(bits)
    }

    #[inline]
    const fn in_frame(self) -> u64 {
        self.0 << RESTORES_BP.trailing_zeros()
    }
}

/// The frames and reads of the last walk, outermost first, and those of the walk
/// under way, innermost first; [`LastWalk::join`] turns these around and puts
/// them behind the remembered ones that are left.
#[derive(Debug)]
pub(crate) struct LastWalk {
    /// (code, sp, bp, node and reads)
    frames: Records<4>,
    /// (address, value)
    reads: Records<2>,
    /// (code, sp, bp, reads before the step out of the frame)
    new_frames: Records<4>,
    /// (address, value)
    new_reads: Records<2>,
    /// Remembered frames that may still be met.
    kept: usize,
    /// Reads that were compared in this capture and had their old values.
    proven: usize,
    /// All that the walk under way has read is recorded.
    whole: bool,
    /// The node outside of the outermost frame.
    root: u32,
    #[cfg(test)]
    pub(crate) skip_comparison: bool,
}

impl LastWalk {
    pub(crate) const fn new() -> LastWalk {
        LastWalk {
            frames: Records::new(),
            reads: Records::new(),
            new_frames: Records::new(),
            new_reads: Records::new(),
            kept: 0,
            proven: 0,
            whole: false,
            root: 0,
            #[cfg(test)]
            skip_comparison: false,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.frames.truncate(0);
        self.reads.truncate(0);
        self.kept = 0;
    }

    /// Starts a walk that may meet the remembered one.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.discard();
        self.kept = self.frames.len();
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
        self.kept = 0;
        self.whole = false;
    }

    /// Adds a frame to the walk under way; false without memory.
    #[inline]
    pub(crate) fn push_frame(
        &mut self,
        state: &State,
        bp_use: BpUse,
        pages: &mut impl Pages,
    ) -> bool {
        let word = self.new_reads.len() as u64 | bp_use.in_frame();
        self.new_frames
            .push([state.code.word(), state.sp, state.bp, word], pages)
    }

    /// Records what the walk under way has read.
    #[inline]
    pub(crate) fn push_read(&mut self, address: u64, value: u64, pages: &mut impl Pages) {
        if self.whole {
            self.whole = self.new_reads.push([address, value], pages);
        }
    }

    /// Whether a walk that has come to `state` would go on as the last one did.
    ///
    /// Remembered frames that the walk has passed are dropped: steps only lead
    /// outwards.
    #[inline]
    pub(crate) fn meets(
        &mut self,
        state: &State,
        memory: &StackMemory,
        compared: &mut u64,
    ) -> bool {
        while let Some(index) = self.kept.checked_sub(1) {
            let Some(&[code, sp, bp, word]) = self.frames.get(index) else {
                return false;
            };
            if sp > state.sp {
                return false;
            }
            let equal = sp == state.sp
                && code == state.code.word()
                && (bp == state.bp || word & NEEDS_BP == 0);
            if !equal {
                self.kept = index;
            } else if self.prove(reads_of(word), memory, compared) {
                return true;
            }
        }
        false
    }

    /// Compares the reads that vouch for a frame with memory. At the first
    /// difference, drops every frame that the read vouches for.
    #[inline]
    fn prove(&mut self, reads: usize, memory: &StackMemory, compared: &mut u64) -> bool {
        #[cfg(test)]
        if self.skip_comparison {
            return true;
        }
        let vouching = self.reads.range(self.proven, reads);
        let Some(wrong) = memory.first_difference(vouching) else {
            *compared += reads.saturating_sub(self.proven) as u64;
            self.proven = self.proven.max(reads);
            return true;
        };
        *compared += wrong as u64 + 1;
        self.proven += wrong;
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
        self.new_reads.truncate(0);
    }

    /// Makes the walk under way the inner part of the remembered one, and gives the
    /// node of its innermost frame. `None` without memory for it.
    #[inline]
    pub(crate) fn join(
        &mut self,
        limit: &DepthLimit,
        pages: &mut impl Pages,
        tree: &mut impl FrameTree,
    ) -> Option<u32> {
        let outer = self.kept.checked_sub(1);
        let outer = outer.and_then(|index| self.frames.get(index));
        let outer = outer.map_or(NODE_KNOWN | u64::from(self.root), |frame| frame[3]);
        let depth = self.kept + self.new_frames.len();
        self.frames.truncate(self.kept);
        self.reads.truncate(reads_of(outer));
        let room = self.frames.reserve(self.new_frames.len(), pages)
            && self.reads.reserve(self.new_reads.len(), pages);
        if !room {
            self.clear();
            return None;
        }
        // Deep stacks get the nodes of their frames only as far as the limit lets them.
        let known = outer & NODE_KNOWN != 0 && depth <= limit.frames();
        let node = self.append(outer, known, tree);
        self.kept = depth;
        let node = if known { node } else { self.node(limit, tree) };
        if !self.whole {
            self.clear();
        }
        Some(node)
    }

    /// Appends the frames and reads of the walk under way, outermost first, to those
    /// remembered, the last of which has the word `outer`; with `known` asks for their
    /// nodes on the way. There is room for all.
    #[inline]
    fn append(&mut self, outer: u64, known: bool, tree: &mut impl FrameTree) -> u32 {
        let mut vouching = reads_of(outer);
        let mut needs_bp = outer & NEEDS_BP;
        let mut node = outer as u32;
        let mut unread = self.new_reads.len();
        for frame in self.new_frames.range(0, self.new_frames.len()).iter().rev() {
            let [code, sp, bp, word] = *frame;
            let before = (word & READS_MASK) as usize;
            let mut end = unread;
            if word & RESTORES_BP != 0 && end > before {
                // The last read is the saved bp: no input where nobody outside asks for it.
                end -= usize::from(needs_bp == 0);
                needs_bp = 0;
            }
            for read in self.new_reads.range(before, end).iter().rev() {
                self.reads.push_reserved(*read);
            }
            vouching += end.saturating_sub(before);
            unread = before;
            needs_bp |= word & NEEDS_BP;
            let mut last = (vouching as u64 & READS_MASK) << 32 | needs_bp;
            if known {
                node = tree.child(node, Code::from_word(code).frame_address());
                last |= NODE_KNOWN | u64::from(node);
            }
            self.frames.push_reserved([code, sp, bp, last]);
        }
        node
    }

    /// The node of the innermost frame.
    #[cold]
    fn node(&mut self, limit: &DepthLimit, tree: &mut impl FrameTree) -> u32 {
        match self.kept.checked_sub(1) {
            None => self.root,
            Some(index) if self.kept <= limit.frames() => self.chain_node(index, tree),
            Some(index) => self.limited_node(index, limit, tree),
        }
    }

    /// The node of a frame all of whose outer frames have one.
    #[inline]
    fn chain_node(&mut self, index: usize, tree: &mut impl FrameTree) -> u32 {
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
            node = tree.child(node, self.address(index));
            self.set_node(index, node);
        }
        node
    }

    /// The node of a frame that is too deep: outermost frames, a mark for the
    /// omitted ones, innermost frames. Kept with the frame, since it depends on
    /// the frames outside of it alone.
    #[cold]
    fn limited_node(&mut self, index: usize, limit: &DepthLimit, tree: &mut impl FrameTree) -> u32 {
        if let Some(node) = self.known_node(index) {
            return node;
        }
        let outer = self.chain_node(limit.outer().saturating_sub(1), tree);
        let mut node = tree.child(outer, FrameAddress::Omitted);
        for inner in (index + 1).saturating_sub(limit.inner())..=index {
            node = tree.child(node, self.address(inner));
        }
        self.set_node(index, node);
        node
    }

    /// The node of the walk under way, without a look at what is remembered.
    pub(crate) fn node_aside(&self, limit: &DepthLimit, tree: &mut impl FrameTree) -> u32 {
        let walk = self.new_frames.range(0, self.new_frames.len());
        let mut node = self.root;
        for (index, frame) in walk.iter().rev().enumerate() {
            if walk.len() > limit.frames() {
                if index == limit.outer() {
                    node = tree.child(node, FrameAddress::Omitted);
                }
                if index >= limit.outer() && index < walk.len() - limit.inner() {
                    continue;
                }
            }
            node = tree.child(node, Code::from_word(frame[0]).frame_address());
        }
        node
    }

    fn address(&self, index: usize) -> FrameAddress {
        let code = self.frames.get(index).map_or(0, |frame| frame[0]);
        Code::from_word(code).frame_address()
    }

    #[inline]
    fn known_node(&self, index: usize) -> Option<u32> {
        let word = self.frames.get(index)?[3];
        (word & NODE_KNOWN != 0).then_some(word as u32)
    }

    #[inline]
    fn set_node(&mut self, index: usize, node: u32) {
        if let Some(frame) = self.frames.get_mut(index) {
            frame[3] = frame[3] & !u64::from(u32::MAX) | NODE_KNOWN | u64::from(node);
        }
    }
}

#[inline]
fn reads_of(word: u64) -> usize {
    (word >> 32 & READS_MASK) as usize
}
