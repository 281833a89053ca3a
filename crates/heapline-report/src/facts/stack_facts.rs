//! Sums per stack, and what was live at the peak.
//!
//! Copying every stack's live bytes at each new peak would be quadratic. Instead,
//! the stacks that changed since the last peak are remembered: at the next peak only
//! they are copied, so that each event costs at most one copy.

use crate::event::Cause;
use crate::replay::Ending;
use crate::stacks::StackId;

/// Exact sums over the events of one stack. A deallocation counts at the stack of
/// the block's allocation; a reallocation moves the block to its own stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackFacts {
    /// Allocations made here.
    pub allocations: u64,
    /// Bytes they asked for.
    pub allocated_bytes: u64,
    /// Reallocations made here.
    pub reallocations: u64,
    /// Sum of the sizes they led to.
    pub reallocated_bytes: u64,
    /// Blocks from here that were freed.
    pub deallocations: u64,
    /// Their bytes.
    pub deallocated_bytes: u64,
    /// Bytes of blocks from here that live at the end.
    pub live_at_end_bytes: u64,
    /// Blocks from here that live at the end.
    pub live_at_end_blocks: u64,
    /// Bytes of blocks from here that were live at the global peak.
    pub live_at_peak_bytes: u64,
    /// Blocks from here that were live at the global peak.
    pub live_at_peak_blocks: u64,
    /// The most bytes from here that were ever live at once.
    pub max_live_bytes: u64,
    /// Blocks from here that were temporary.
    pub temporary_allocations: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    facts: StackFacts,
    /// Changed since the last peak.
    changed: bool,
}

/// The facts of every stack, while they are counted.
#[derive(Debug, Default)]
pub(crate) struct StackTable {
    entries: Vec<Entry>,
    changed: Vec<StackId>,
}

impl StackTable {
    #[inline]
    fn entry(&mut self, stack: StackId) -> &mut StackFacts {
        if stack.index() >= self.entries.len() {
            self.entries.resize(stack.index() + 1, Entry::default());
        }
        let entry = &mut self.entries[stack.index()];
        if !entry.changed {
            entry.changed = true;
            self.changed.push(stack);
        }
        &mut entry.facts
    }

    #[inline]
    pub(crate) fn begin(&mut self, stack: StackId, bytes: u64, by: Cause) {
        let facts = self.entry(stack);
        match by {
            Cause::Call => {
                facts.allocations += 1;
                facts.allocated_bytes = facts.allocated_bytes.saturating_add(bytes);
            }
            Cause::Reallocation => {
                facts.reallocations += 1;
                facts.reallocated_bytes = facts.reallocated_bytes.saturating_add(bytes);
            }
        }
        facts.live_at_end_bytes += bytes;
        facts.live_at_end_blocks += 1;
        facts.max_live_bytes = facts.max_live_bytes.max(facts.live_at_end_bytes);
    }

    #[inline]
    pub(crate) fn end(&mut self, stack: StackId, bytes: u64, ending: Ending) {
        let facts = self.entry(stack);
        facts.live_at_end_bytes -= bytes;
        facts.live_at_end_blocks -= 1;
        if let Ending::Freed { temporary } = ending {
            facts.deallocations += 1;
            facts.deallocated_bytes = facts.deallocated_bytes.saturating_add(bytes);
            facts.temporary_allocations += u64::from(temporary);
        }
    }

    /// What lives now is what lived at the peak.
    #[inline]
    pub(crate) fn peak(&mut self) {
        for stack in self.changed.drain(..) {
            let entry = &mut self.entries[stack.index()];
            entry.changed = false;
            entry.facts.live_at_peak_bytes = entry.facts.live_at_end_bytes;
            entry.facts.live_at_peak_blocks = entry.facts.live_at_end_blocks;
        }
    }

    /// The facts by stack, so many.
    pub(crate) fn finish(self, stacks: usize) -> Vec<StackFacts> {
        let mut facts: Vec<StackFacts> =
            self.entries.into_iter().map(|entry| entry.facts).collect();
        facts.resize(stacks, StackFacts::default());
        facts
    }
}
