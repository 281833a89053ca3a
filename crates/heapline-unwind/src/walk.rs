//! One walk: from the innermost frame outwards, to a remembered frame or to
//! the end.

use crate::capture::Unwinder;
use crate::cfi::{self, CfiContext, OddStep};
use crate::code::{Code, State};
use crate::memo::LastWalk;
use crate::module_map::Lookup;
use crate::rule::{Rule, RuleKind};
use crate::stack_bounds;
use crate::stack_memory::StackMemory;
use crate::{CutReason, FrameTree, Pages, StackEnd};

/// Captures for which code that no module holds stays unknown without another
/// look at the list of mappings.
const UNKNOWN_FOR: u32 = 1_000;

/// What compilers may use below the stack pointer: an interrupted function may
/// have just popped a register that its unwind table still has on the stack.
const RED_ZONE_BYTES: u64 = 128;

/// How a walk ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// At a remembered frame.
    Met,
    /// At the end of the stack.
    Ended(StackEnd),
    /// What it has used so far is not true any more: begin again.
    ModulesChanged,
}

/// `Some` ends the walk. The state is changed in place: a new one, handed back
/// through memory, costs as much as the rest of a step.
type Step = Option<Outcome>;

const fn cut(reason: CutReason) -> Step {
    Some(Outcome::Ended(StackEnd::Cut(reason)))
}

/// Reads of the stack that one step makes: bounded, and recorded.
struct Reader<'a, P> {
    last: &'a mut LastWalk,
    pages: &'a mut P,
    memory: StackMemory,
    /// Nothing below is read.
    floor: u64,
}

impl<P: Pages> Reader<'_, P> {
    #[inline]
    fn read(&mut self, address: u64) -> Option<u64> {
        if address < self.floor {
            return None;
        }
        let value = self.memory.read(address)?;
        self.last.push_read(address, value, self.pages);
        Some(value)
    }
}

/// A walk under way.
pub(crate) struct Walk<'a, P, T> {
    unwinder: &'a mut Unwinder,
    pages: &'a mut P,
    tree: &'a mut T,
    /// The stack the walk is on now.
    memory: StackMemory,
}

impl<'a, P: Pages, T: FrameTree> Walk<'a, P, T> {
    #[inline]
    pub(crate) fn new(
        unwinder: &'a mut Unwinder,
        pages: &'a mut P,
        tree: &'a mut T,
    ) -> Walk<'a, P, T> {
        let memory = unwinder.stack;
        Walk {
            unwinder,
            pages,
            tree,
            memory,
        }
    }

    #[inline]
    pub(crate) fn run(&mut self, start: State) -> Outcome {
        let mut state = start;
        loop {
            let Unwinder { last, counters, .. } = &mut *self.unwinder;
            if last.meets(&state, &self.memory, &mut counters.re_read_values) {
                return Outcome::Met;
            }
            if let Some(outcome) = self.step(&mut state) {
                return outcome;
            }
        }
    }

    /// From a frame to its caller.
    #[inline(always)]
    fn step(&mut self, state: &mut State) -> Step {
        let rule = match self.unwinder.rules.get(state.code) {
            Some(rule) if rule.kind() != RuleKind::NoModule => rule,
            kept => match self.learn(state.code, kept) {
                Ok(rule) => rule,
                Err(outcome) => return Some(outcome),
            },
        };
        let Unwinder { last, counters, .. } = &mut *self.unwinder;
        if !last.push_frame(state, rule.bp_use(), self.pages) {
            return cut(CutReason::NoMemory);
        }
        counters.stepped += 1;
        let Some(cfa) = rule.cfa(state) else {
            let (outcome, caller) = self.rare_step(*state, rule.kind());
            *state = caller;
            return outcome;
        };
        let mut floor = lowest_read(state);
        if cfa <= state.sp || cfa > self.memory.high() {
            if !self.leave_stack(cfa.wrapping_sub(8)) {
                return cut(no_frame_at(cfa, state.sp));
            }
            floor = 0;
        }
        let mut reader = self.reader(floor);
        let Some(return_address) = reader.read(cfa.wrapping_sub(8)) else {
            return cut(CutReason::OutsideStack);
        };
        let bp_bytes = rule.bp_bytes();
        if bp_bytes != 0 {
            match reader.read(cfa.wrapping_sub(bp_bytes)) {
                Some(bp) => state.bp = bp,
                None => return cut(CutReason::OutsideStack),
            }
        }
        state.sp = cfa;
        let Some(code) = Code::return_address(return_address) else {
            return no_code(return_address);
        };
        state.code = code;
        None
    }

    #[inline]
    fn reader(&mut self, floor: u64) -> Reader<'_, P> {
        Reader {
            last: &mut self.unwinder.last,
            pages: self.pages,
            memory: self.memory,
            floor,
        }
    }

    /// Rules that are not two additions.
    #[cold]
    fn rare_step(&mut self, state: State, kind: RuleKind) -> (Step, State) {
        let outcome = match kind {
            RuleKind::Outermost => Some(Outcome::Ended(StackEnd::Complete)),
            RuleKind::NoRule => cut(CutReason::NoRule),
            RuleKind::NoModule => cut(CutReason::NoModule),
            _ => match self.odd_step(&state) {
                Ok(caller) => return (None, caller),
                Err(outcome) => outcome,
            },
        };
        (outcome, state)
    }

    /// Leaves a frame by evaluating its rule.
    fn odd_step(&mut self, state: &State) -> Result<State, Step> {
        let (memory, floor) = (self.memory, lowest_read(state));
        let unwinder = &mut *self.unwinder;
        let lookup = unwinder.modules.tables(
            state.code,
            unwinder.counters.captures,
            &mut unwinder.maps,
            &mut unwinder.counters.maps_reads,
            self.tree,
        );
        let Lookup::Tables(tables) = lookup else {
            self.refresh();
            return Err(Some(Outcome::ModulesChanged));
        };
        let mut reader = Reader {
            last: &mut unwinder.last,
            pages: &mut *self.pages,
            memory,
            floor,
        };
        let context = unwinder.cfi.get_or_insert_with(CfiContext::new_in);
        let step = cfi::odd_step(&tables, context, state, &mut |address| reader.read(address));
        let (return_address, cfa, bp, signal) = match step {
            None => return Err(cut(CutReason::Odd)),
            Some(OddStep::Outermost) => return Err(Some(Outcome::Ended(StackEnd::Complete))),
            Some(OddStep::Caller {
                return_address,
                cfa,
                bp,
                signal,
            }) => (return_address, cfa, bp, signal),
        };
        if (cfa <= state.sp || cfa > memory.high()) && !(signal && self.leave_stack(cfa)) {
            return Err(cut(no_frame_at(cfa, state.sp)));
        }
        let code = if signal {
            Code::exact(return_address)
        } else {
            Code::return_address(return_address)
        };
        match code {
            Some(code) => Ok(State { code, sp: cfa, bp }),
            None => Err(no_code(return_address)),
        }
    }

    /// Goes over from another stack (a coroutine's, a signal handler's) to the
    /// thread's own if that is where `address` is. What was remembered is about
    /// one stack, so such a walk is not.
    #[cold]
    fn leave_stack(&mut self, address: u64) -> bool {
        let unwinder = &mut *self.unwinder;
        if self.memory.contains(address) {
            return false;
        }
        if !unwinder.home.contains(address) {
            unwinder.counters.maps_reads += 1;
            match stack_bounds::find(&mut unwinder.maps, address) {
                Some(stack) if stack.native => unwinder.home = stack.memory,
                _ => return false,
            }
        }
        // Once at home there is no other stack to go over to.
        if self.memory == unwinder.home || unwinder.stack == unwinder.home {
            return false;
        }
        self.memory = unwinder.home;
        unwinder.last.meet_no_more();
        true
    }

    /// Finds the rule for an address in its module's tables and keeps it.
    /// `kept` is that the code was unknown when it was met before: it is looked
    /// for again only after a while, or when modules were added.
    #[cold]
    fn learn(&mut self, code: Code, kept: Option<Rule>) -> Result<Rule, Outcome> {
        let unwinder = &mut *self.unwinder;
        let now = unwinder.counters.captures as u32;
        let since_added = now.wrapping_sub(unwinder.added_at as u32);
        let age = |rule: Rule| now.wrapping_sub(rule.unknown_since());
        let rule = match kept {
            Some(rule) if age(rule) < UNKNOWN_FOR && age(rule) <= since_added => rule,
            _ => {
                let rule = self.find_rule(code)?;
                self.unwinder.rules.insert(code, rule, self.pages);
                rule
            }
        };
        if rule.kind() == RuleKind::NoModule {
            // From then on a memo that ends here is not to be trusted either.
            let unwinder = &mut *self.unwinder;
            let doubt_at = unwinder.counters.captures + u64::from(UNKNOWN_FOR - age(rule));
            unwinder.doubt_at = unwinder.doubt_at.min(doubt_at);
        }
        Ok(rule)
    }

    fn find_rule(&mut self, code: Code) -> Result<Rule, Outcome> {
        let unwinder = &mut *self.unwinder;
        let capture = unwinder.counters.captures;
        unwinder.counters.rules_found += 1;
        let lookup = unwinder.modules.tables(
            code,
            capture,
            &mut unwinder.maps,
            &mut unwinder.counters.maps_reads,
            self.tree,
        );
        match lookup {
            Lookup::Tables(tables) => {
                let context = unwinder.cfi.get_or_insert_with(CfiContext::new_in);
                Ok(cfi::rule(&tables, context, code.lookup_address()))
            }
            Lookup::NoTables => Ok(Rule::plain(RuleKind::NoRule)),
            Lookup::Unknown if unwinder.refreshed_at == capture => {
                Ok(Rule::unknown(capture as u32))
            }
            Lookup::Unknown | Lookup::OutOfDate => {
                self.refresh();
                Err(Outcome::ModulesChanged)
            }
        }
    }

    fn refresh(&mut self) {
        self.unwinder.last.clear();
        let sp = self.memory.high().wrapping_sub(8);
        self.unwinder.refresh(sp, self.pages, self.tree);
    }
}

/// The lowest address that leaving a frame may read: what is further in is not
/// part of the frame, and may change behind the memo's back.
#[inline]
fn lowest_read(state: &State) -> u64 {
    if state.code.is_exact() {
        state.sp.saturating_sub(RED_ZONE_BYTES)
    } else {
        state.sp
    }
}

const fn no_frame_at(cfa: u64, sp: u64) -> CutReason {
    if cfa <= sp {
        CutReason::NotAdvancing
    } else {
        CutReason::OutsideStack
    }
}

/// A return address of zero is how a thread's first frame may be marked.
const fn no_code(return_address: u64) -> Step {
    if return_address == 0 {
        Some(Outcome::Ended(StackEnd::Complete))
    } else {
        cut(CutReason::NoModule)
    }
}
