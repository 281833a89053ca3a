//! The unwinder of one thread, and what it holds between captures.

use crate::cfi::CfiContext;
use crate::code::{Code, State};
use crate::depth_limit::DepthLimit;
use crate::maps::MapsText;
use crate::memo::LastWalk;
use crate::module_map::{ModuleMap, Refreshed};
use crate::rule_table::RuleTable;
use crate::stack_bounds;
use crate::stack_memory::StackMemory;
use crate::walk::{Outcome, Walk};
use crate::{
    Counters, CutReason, FrameTree, MODE, Memo, Mode, Pages, Registers, StackEnd, capture_portable,
};

/// Walks that are begun again because the modules changed meanwhile.
const ATTEMPTS: u32 = 3;

/// Captures the call stacks of one thread.
///
/// It holds everything a capture needs and shares none of it, so there is
/// nothing to lock. Its tables grow in memory from [`Pages`]; dropping it gives
/// none of that back.
#[derive(Debug)]
pub struct Unwinder {
    pub(crate) last: LastWalk,
    pub(crate) rules: RuleTable,
    /// The stack of the last capture.
    pub(crate) stack: StackMemory,
    /// The stack the thread was started on, once seen.
    pub(crate) home: StackMemory,
    memo: Memo,
    limit: DepthLimit,
    pub(crate) counters: Counters,
    /// The capture from which on a remembered end at unknown code is doubtful.
    pub(crate) doubt_at: u64,
    /// The capture in which the modules were last looked up.
    pub(crate) refreshed_at: u64,
    /// The capture in which a module was last added.
    pub(crate) added_at: u64,
    pub(crate) modules: ModuleMap,
    /// Made at the first look into unwind tables.
    pub(crate) cfi: Option<CfiContext>,
    pub(crate) maps: MapsText,
}

impl Unwinder {
    /// An unwinder without memory that stores at most `max_frames` frames of a
    /// stack: with more, the outermost `max_frames` - 64, a mark, and the
    /// innermost 63 (below 128, half as many at each end). 4 is the least.
    #[must_use]
    pub const fn new(max_frames: u32) -> Unwinder {
        Unwinder {
            last: LastWalk::new(),
            rules: RuleTable::new(),
            stack: StackMemory::NONE,
            home: StackMemory::NONE,
            memo: Memo::On,
            limit: DepthLimit::new(max_frames),
            counters: Counters::ZERO,
            doubt_at: u64::MAX,
            refreshed_at: 0,
            added_at: 0,
            modules: ModuleMap::new(),
            cfi: None,
            maps: MapsText::new(),
        }
    }

    /// The node of the current thread's stack from the frame of `start`
    /// outwards. `start` must be of a frame that is still there.
    pub fn capture(
        &mut self,
        start: Registers,
        pages: &mut impl Pages,
        tree: &mut impl FrameTree,
    ) -> u32 {
        self.counters.captures += 1;
        if MODE == Mode::Backtrace {
            return capture_portable(tree);
        }
        if self.memo == Memo::Off || self.counters.captures >= self.doubt_at {
            self.forget_walk();
        }
        if !self.stack.contains(start.sp) {
            self.enter_stack(start.sp, pages, tree);
        }
        let Some(code) = Code::return_address(start.ip) else {
            return tree.root(StackEnd::Cut(CutReason::NoModule));
        };
        let state = State {
            code,
            sp: start.sp,
            bp: start.bp,
        };
        let node = self.walk(&state, pages, tree);
        if self.memo == Memo::Verify {
            return self.verify(node, &state, pages, tree);
        }
        node
    }

    #[inline]
    fn walk(&mut self, start: &State, pages: &mut impl Pages, tree: &mut impl FrameTree) -> u32 {
        for _ in 0..ATTEMPTS {
            self.last.begin();
            match Walk::new(self, pages, tree).run(*start) {
                Outcome::Met => self.counters.memo_hits += 1,
                Outcome::Ended(end) => self.end(end, tree),
                Outcome::ModulesChanged => continue,
            }
            if let Some(node) = self.last.join(&self.limit, pages, tree) {
                return node;
            }
            self.counters.cut += 1;
            return tree.root(StackEnd::Cut(CutReason::NoMemory));
        }
        self.counters.cut += 1;
        tree.root(StackEnd::Cut(CutReason::NoModule))
    }

    fn end(&mut self, end: StackEnd, tree: &mut impl FrameTree) {
        if end != StackEnd::Complete {
            self.counters.cut += 1;
        }
        self.last.end(tree.root(end));
    }

    /// Repeats a capture without the memo and gives the right node.
    #[cold]
    fn verify(
        &mut self,
        node: u32,
        start: &State,
        pages: &mut impl Pages,
        tree: &mut impl FrameTree,
    ) -> u32 {
        self.last.begin_aside();
        let Outcome::Ended(end) = Walk::new(self, pages, tree).run(*start) else {
            return node;
        };
        self.last.end(tree.root(end));
        let right = self.last.node_aside(&self.limit, tree);
        self.last.discard();
        if right != node {
            self.counters.mismatches += 1;
            self.forget_walk();
        }
        right
    }

    /// Looks up the bounds of a stack that was not the last capture's.
    #[cold]
    fn enter_stack(&mut self, sp: u64, pages: &mut impl Pages, tree: &mut impl FrameTree) {
        let stack = if self.modules.is_empty() {
            self.refresh(sp, pages, tree).stack
        } else {
            self.counters.maps_reads += 1;
            stack_bounds::find(&mut self.maps, sp)
        };
        let memory = stack.map_or(StackMemory::NONE, |stack| stack.memory);
        if !memory.has_grown_from(&self.stack) {
            self.forget_walk();
        }
        self.stack = memory;
        if stack.is_some_and(|stack| stack.native) {
            self.home = memory;
        }
    }

    /// Looks at the modules anew and drops what is no longer true.
    pub(crate) fn refresh(
        &mut self,
        sp: u64,
        pages: &mut impl Pages,
        tree: &mut impl FrameTree,
    ) -> Refreshed {
        self.counters.maps_reads += 1;
        self.refreshed_at = self.counters.captures;
        let refreshed = self.modules.refresh(&mut self.maps, sp, pages);
        if refreshed.added {
            self.added_at = self.counters.captures;
        }
        if refreshed.added || refreshed.lost {
            self.forget_walk();
        }
        if refreshed.lost {
            self.rules.clear();
        }
        if refreshed.told_lost {
            tree.modules_changed();
        }
        refreshed
    }

    fn forget_walk(&mut self) {
        self.last.clear();
        self.doubt_at = u64::MAX;
    }

    /// To be called when another thread takes this unwinder over: forgets the
    /// last walk and the stacks, keeps rules and modules.
    pub fn forget_stack(&mut self) {
        self.forget_walk();
        self.stack = StackMemory::NONE;
        self.home = StackMemory::NONE;
    }

    /// To be called when captures go on with a tree that knows nothing: forgets
    /// the walk, the stacks and the rules, and tells the tree of modules anew.
    /// The memory stays.
    pub fn restart(&mut self, max_frames: u32) {
        self.forget_stack();
        self.rules.clear();
        self.modules.forget_told();
        self.limit = DepthLimit::new(max_frames);
    }

    /// Whether captures may use what earlier ones left; [`Memo::On`] at first.
    pub fn set_memo(&mut self, memo: Memo) {
        self.memo = memo;
    }

    /// Captures for which [`Memo::Verify`] found another stack than the memo.
    #[must_use]
    pub fn mismatches(&self) -> u64 {
        self.counters.mismatches
    }

    /// What this unwinder has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
