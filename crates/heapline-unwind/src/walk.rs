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
use crate::{CutReason, Pages, StackEnd, StackLog};

/// Captures for which code that no module holds stays unknown without another
/// look at the list of mappings.
const UNKNOWN_FOR: u32 = 1_000;

/// What compilers may use below the stack pointer: an interrupted function may
/// have just popped a register that its unwind table still has on the stack.
const RED_ZONE_BYTES: u64 = 128;

/// Bytes of the stack that reading unwind tables takes, 6.6 KiB with a recorder around it,
/// and some more.
const TABLE_READING_BYTES: u64 = 8 << 10;

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

/// What a step turned out to be.
enum Rare {
    /// An ordinary one after all.
    Framed(Rule),
    /// Done: this is the caller's frame.
    Caller(State),
    /// The last one.
    End(Outcome),
}

const fn cut(reason: CutReason) -> Outcome {
    Outcome::Ended(StackEnd::Cut(reason))
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
    fn read(&mut self, address: u64) -> Option<u64> {
        if address < self.floor {
            return None;
        }
        let value = self.memory.read(address)?;
        self.last.list(address, value, self.pages);
        Some(value)
    }
}

/// A walk under way.
pub(crate) struct Walk<'a, P, L> {
    unwinder: &'a mut Unwinder,
    pages: &'a mut P,
    log: &'a mut L,
    /// The stack the walk is on now.
    memory: StackMemory,
}

impl<'a, P: Pages, L: StackLog> Walk<'a, P, L> {
    #[inline]
    pub(crate) fn new(
        unwinder: &'a mut Unwinder,
        pages: &'a mut P,
        log: &'a mut L,
    ) -> Walk<'a, P, L> {
        let memory = unwinder.stack;
        Walk {
            unwinder,
            pages,
            log,
            memory,
        }
    }

    /// The state is three values and not one: they stay in registers.
    #[inline(always)]
    pub(crate) fn run(&mut self, start: State) -> Outcome {
        let State {
            mut code,
            mut sp,
            mut bp,
        } = start;
        loop {
            let state = State { code, sp, bp };
            let Unwinder {
                last,
                counters,
                rules,
                nodes,
                ..
            } = &mut *self.unwinder;
            if last.may_meet(sp) && last.meets(state, nodes, &mut counters.re_read_values) {
                return Outcome::Met;
            }
            let rule = match rules.get(code) {
                Some(rule) if rule.is_framed() => rule,
                kept => match self.rare_step(state, kept) {
                    Rare::Framed(rule) => rule,
                    Rare::Caller(caller) => {
                        State { code, sp, bp } = caller;
                        continue;
                    }
                    Rare::End(outcome) => return outcome,
                },
            };
            if !self.unwinder.last.push_frame(state, rule, self.pages) {
                return self.no_memory();
            }
            let cfa = rule.cfa(state);
            let inside = sp < cfa && cfa <= self.memory.high();
            if !inside && !self.leave_stack(cfa.wrapping_sub(8)) {
                return self.cut(no_frame_at(cfa, sp), None);
            }
            let Some(return_address) = self.memory.read(cfa.wrapping_sub(8)) else {
                return self.cut(CutReason::OutsideStack, None);
            };
            let read = (cfa, return_address);
            if rule.bp_bytes() != 0 {
                let address = cfa.wrapping_sub(rule.bp_bytes());
                // What is further in is not part of the frame.
                let own = address >= lowest_read(state) || !inside;
                match self.memory.read(address) {
                    Some(saved) if own => bp = saved,
                    _ => return self.cut(CutReason::OutsideStack, Some(read)),
                }
            }
            match Code::return_address(return_address) {
                Some(caller) => (code, sp) = (caller, cfa),
                None => return self.end_at(return_address, read),
            }
        }
    }

    /// The walk is cut in leaving the newest frame, whose return address was read
    /// below this CFA, if at all.
    #[cold]
    fn cut(&mut self, reason: CutReason, read: Option<(u64, u64)>) -> Outcome {
        let last = &mut self.unwinder.last;
        let before = last.listed();
        if let Some((cfa, return_address)) = read {
            last.list(cfa.wrapping_sub(8), return_address, self.pages);
        }
        last.close_list(before);
        Outcome::Ended(StackEnd::Cut(reason))
    }

    /// The walk ends at an address that is no code's. Zero is how a thread's first
    /// frame may be marked.
    #[cold]
    fn end_at(&mut self, return_address: u64, read: (u64, u64)) -> Outcome {
        let cut = self.cut(CutReason::NoModule, Some(read));
        match return_address {
            0 => Outcome::Ended(StackEnd::Complete),
            _ => cut,
        }
    }

    /// The frames so far are right, but they are no walk to remember.
    #[cold]
    fn no_memory(&mut self) -> Outcome {
        self.unwinder.last.meet_no_more();
        Outcome::Ended(StackEnd::Cut(CutReason::NoMemory))
    }

    /// For code whose rule is not known to be two additions.
    #[cold]
    fn rare_step(&mut self, state: State, kept: Option<Rule>) -> Rare {
        let rule = match kept {
            Some(rule) if !matches!(rule.kind(), RuleKind::NoModule | RuleKind::Stale) => rule,
            _ if !self.unwinder.has_room(TABLE_READING_BYTES) => {
                return Rare::End(self.no_memory());
            }
            kept => match self.learn(state.code, kept) {
                Ok(rule) => rule,
                Err(outcome) => return Rare::End(outcome),
            },
        };
        if rule.is_framed() {
            return Rare::Framed(rule);
        }
        let last = &mut self.unwinder.last;
        // Until reads are listed there are none.
        let listed = rule.listed(0).unwrap_or(rule);
        if !last.push_frame(state, listed, self.pages) {
            return Rare::End(self.no_memory());
        }
        let end = match rule.kind() {
            RuleKind::Outermost => StackEnd::Complete,
            RuleKind::NoRule => StackEnd::Cut(CutReason::NoRule),
            RuleKind::NoModule => StackEnd::Cut(CutReason::NoModule),
            _ => {
                let before = last.listed();
                let caller = self.odd_step(&state);
                self.unwinder.last.close_list(before);
                return caller.map_or_else(Rare::End, Rare::Caller);
            }
        };
        Rare::End(Outcome::Ended(end))
    }

    /// Leaves a frame by evaluating its rule.
    fn odd_step(&mut self, state: &State) -> Result<State, Outcome> {
        if !self.unwinder.has_room(TABLE_READING_BYTES) {
            return Err(self.no_memory());
        }
        let (memory, floor) = (self.memory, lowest_read(*state));
        let unwinder = &mut *self.unwinder;
        let lookup = unwinder.modules.tables(
            state.code,
            unwinder.counters.captures,
            &mut unwinder.maps,
            &mut unwinder.counters.maps_reads,
            self.log,
        );
        let Lookup::Tables(tables) = lookup else {
            self.refresh();
            return Err(Outcome::ModulesChanged);
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
            Some(OddStep::Outermost) => return Err(Outcome::Ended(StackEnd::Complete)),
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
            None if return_address == 0 => Err(Outcome::Ended(StackEnd::Complete)),
            None => Err(cut(CutReason::NoModule)),
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
        let fresh = |rule: &Rule| {
            let age = rule.age(now);
            rule.kind() == RuleKind::NoModule && age < UNKNOWN_FOR && age <= since_added
        };
        let rule = match kept.filter(fresh) {
            Some(rule) => rule,
            None => {
                let rule = self.find_rule(code)?;
                let kept = self.unwinder.rules.insert(code, rule, self.pages);
                kept.ok_or(Outcome::Ended(StackEnd::Cut(CutReason::NoMemory)))?
            }
        };
        if rule.kind() == RuleKind::NoModule {
            // From then on a memo that ends here is not to be trusted either.
            let unwinder = &mut *self.unwinder;
            let doubt_at = unwinder.counters.captures + u64::from(UNKNOWN_FOR - rule.age(now));
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
            self.log,
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
        self.unwinder.refresh(sp, self.pages, self.log);
    }
}

/// The lowest address that leaving a frame may read: what is further in is not
/// part of the frame, and may change behind the memo's back.
#[inline]
fn lowest_read(state: State) -> u64 {
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
