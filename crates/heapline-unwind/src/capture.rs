//! The unwinder of one thread, and what it holds between captures.

use crate::cfi::CfiContext;
use crate::code::{Code, State};
use crate::depth_limit::DepthLimit;
use crate::maps::MapsText;
use crate::memo::LastWalk;
use crate::module_map::{ModuleMap, Refreshed};
use crate::node_tree::{Adding, NodeTree, PathHash};
use crate::rule_table::RuleTable;
use crate::stack_bounds::{self, Stack};
use crate::stack_memory::StackMemory;
use crate::walk::{Outcome, Walk};
use crate::{
    Counters, CutReason, LOST_NODE, MODE, Memo, Mode, Pages, Registers, StackEnd, StackLog,
    fallback,
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
    pub(crate) nodes: NodeTree,
    /// The stack of the last capture.
    pub(crate) stack: StackMemory,
    /// The same if it stays for as long as the thread runs, else nothing: another one may be
    /// at its place by now.
    lasting: StackMemory,
    /// The stack the thread was started on, once seen.
    pub(crate) home: StackMemory,
    /// It is made larger when it is used up.
    home_grows: bool,
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
    /// For the tests that show what it is needed for.
    #[cfg(test)]
    pub(crate) skip_stack_check: bool,
    #[cfg(test)]
    pub(crate) skip_staleness: bool,
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
            nodes: NodeTree::new(),
            stack: StackMemory::NONE,
            lasting: StackMemory::NONE,
            home: StackMemory::NONE,
            home_grows: false,
            memo: Memo::On,
            limit: DepthLimit::new(max_frames),
            counters: Counters::ZERO,
            doubt_at: u64::MAX,
            refreshed_at: 0,
            added_at: 0,
            modules: ModuleMap::new(),
            cfi: None,
            maps: MapsText::new(),
            #[cfg(test)]
            skip_stack_check: false,
            #[cfg(test)]
            skip_staleness: false,
        }
    }

    /// The node of the current thread's stack from the frame of `start`
    /// outwards. `start` must be of a frame that is still there.
    pub fn capture(
        &mut self,
        start: Registers,
        pages: &mut impl Pages,
        log: &mut impl StackLog,
    ) -> u32 {
        self.counters.captures += 1;
        if MODE == Mode::Backtrace {
            return self.capture_portable(pages, log);
        }
        if self.memo == Memo::Off || self.counters.captures >= self.doubt_at {
            self.forget_walk();
        }
        if !self.is_on_known_stack(start.sp) {
            self.enter_stack(start.sp, pages, log);
        }
        let Some(code) = Code::return_address(start.ip) else {
            return StackEnd::Cut(CutReason::NoModule).root();
        };
        let state = State {
            code,
            sp: start.sp,
            bp: start.bp,
        };
        let node = self.walk(&state, pages, log);
        if self.memo == Memo::Verify {
            return self.verify(node, &state, pages, log);
        }
        node
    }

    #[inline]
    fn is_on_known_stack(&self, sp: u64) -> bool {
        #[cfg(test)]
        if self.skip_stack_check && self.stack != StackMemory::NONE {
            return true;
        }
        self.lasting.contains(sp)
    }

    #[inline]
    fn walk(&mut self, start: &State, pages: &mut impl Pages, log: &mut impl StackLog) -> u32 {
        for _ in 0..ATTEMPTS {
            self.last.begin();
            let compared = &mut self.counters.re_read_values;
            if let Some(node) = self.last.branch(*start, &self.stack, compared) {
                self.counters.memo_hits += 1;
                return node;
            }
            match Walk::new(self, pages, log).run(*start) {
                Outcome::Met => self.counters.memo_hits += 1,
                Outcome::Ended(end) => self.end(end),
                Outcome::ModulesChanged => continue,
            }
            self.counters.stepped += self.last.new_frames() as u64;
            let mut adding = Adding {
                rules: &self.rules,
                pages,
                log,
            };
            if let Some(node) = self.last.join(&self.limit, &mut self.nodes, &mut adding) {
                return node;
            }
            self.counters.cut += 1;
            return StackEnd::Cut(CutReason::NoMemory).root();
        }
        self.counters.cut += 1;
        StackEnd::Cut(CutReason::NoModule).root()
    }

    #[cold]
    fn end(&mut self, end: StackEnd) {
        if end != StackEnd::Complete {
            self.counters.cut += 1;
        }
        self.last.end(end.root());
    }

    /// The stack from this function outwards, as the `backtrace` crate sees it: what
    /// [`Unwinder::capture`] does on targets without rules. Its nodes are among the
    /// same ones.
    #[cold]
    pub fn capture_portable(&mut self, pages: &mut impl Pages, log: &mut impl StackLog) -> u32 {
        let Unwinder { rules, nodes, .. } = self;
        let mut hash = PathHash::of_root(StackEnd::Complete.root());
        fallback::capture(|parent, address| {
            let site = match address.and_then(Code::return_address) {
                None => RuleTable::OMITTED,
                Some(code) => match rules.site(code, pages) {
                    Some(site) => site,
                    None => return LOST_NODE,
                },
            };
            hash = hash.inward(site);
            nodes.child(parent, site, hash, &mut Adding { rules, pages, log })
        })
    }

    /// Repeats a capture without the memo and gives the right node.
    #[cold]
    fn verify(
        &mut self,
        node: u32,
        start: &State,
        pages: &mut impl Pages,
        log: &mut impl StackLog,
    ) -> u32 {
        self.last.begin_aside();
        let Outcome::Ended(end) = Walk::new(self, pages, log).run(*start) else {
            return node;
        };
        self.last.end(end.root());
        let mut adding = Adding {
            rules: &self.rules,
            pages,
            log,
        };
        let right = self
            .last
            .node_aside(&self.limit, &mut self.nodes, &mut adding);
        self.last.discard();
        log.verified(right == node);
        if right != node {
            self.counters.mismatches += 1;
            self.forget_walk();
        }
        right
    }

    /// Looks up the bounds of a stack that was not the last capture's, or that may be
    /// another one at the same addresses.
    #[cold]
    fn enter_stack(&mut self, sp: u64, pages: &mut impl Pages, log: &mut impl StackLog) {
        if self.stack.contains(sp) && stack_bounds::is_there(&self.stack, sp) {
            return;
        }
        let stack = if self.modules.is_empty() {
            self.refresh(sp, pages, log).stack
        } else if self.home.contains(sp) {
            Some(Stack {
                memory: self.home,
                native: true,
                grows: self.home_grows,
            })
        } else {
            self.counters.maps_reads += 1;
            stack_bounds::find(&mut self.maps, sp)
        };
        let memory = stack.map_or(StackMemory::NONE, |stack| stack.memory);
        if !memory.has_grown_from(&self.stack) {
            self.forget_walk();
        }
        self.set_stack(memory);
        if let Some(stack) = stack.filter(|stack| stack.native) {
            self.home = memory;
            self.home_grows = stack.grows;
            self.lasting = memory;
        }
    }

    /// Looks at the modules anew and drops what is no longer true.
    pub(crate) fn refresh(
        &mut self,
        sp: u64,
        pages: &mut impl Pages,
        log: &mut impl StackLog,
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
        #[cfg(test)]
        if self.skip_staleness {
            return refreshed;
        }
        if refreshed.lost {
            self.rules.go_stale();
        }
        if refreshed.told_lost {
            self.nodes.forget();
            log.modules_changed();
        }
        refreshed
    }

    /// Whether so many bytes more of the current stack can be used.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        let here = Registers::current().sp;
        let grows = self.home_grows && self.home.contains(here);
        grows || !self.stack.contains(here) || self.stack.contains(here - bytes)
    }

    fn forget_walk(&mut self) {
        self.last.clear();
        self.doubt_at = u64::MAX;
    }

    fn set_stack(&mut self, memory: StackMemory) {
        self.stack = memory;
        self.lasting = StackMemory::NONE;
        self.last.set_stack(memory);
    }

    /// To be called when another thread takes this unwinder over: forgets the
    /// last walk and the stacks, keeps rules and modules.
    pub fn forget_stack(&mut self) {
        self.forget_walk();
        self.set_stack(StackMemory::NONE);
        self.home = StackMemory::NONE;
    }

    /// To be called when captures go on with a log that knows nothing: forgets the
    /// walk, the stacks, the rules and the nodes, and tells modules anew. The memory
    /// stays.
    pub fn restart(&mut self, max_frames: u32) {
        self.forget_stack();
        self.rules.clear();
        self.nodes.restart();
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
