//! Everything that one replay can find without symbols.

use heapline_trace::ArrayNote;

use crate::event::{Cause, Scope};
use crate::replay::{Block, Ending, Moment, Observer};

use crate::texts::Texts;

use super::{Scopes, StackTable, Totals};

/// The counters of the first pass.
#[derive(Default)]
pub(crate) struct FirstPass {
    pub(crate) totals: Totals,
    pub(crate) stacks: StackTable,
    pub(crate) scopes: Scopes,
    /// Events by lane.
    pub(crate) events: Vec<u64>,
    /// Notes on arrays.
    pub(crate) array_notes: u64,
    /// Net bytes matter only where scopes were recorded.
    pub(crate) has_scopes: bool,
}

impl FirstPass {
    pub(crate) fn new(lanes: usize, has_scopes: bool) -> Self {
        FirstPass {
            events: vec![0; lanes],
            has_scopes,
            ..FirstPass::default()
        }
    }
}

impl Observer for FirstPass {
    #[inline]
    fn begin(&mut self, moment: Moment, block: Block, by: Cause) {
        let Block { bytes, stack, .. } = block;
        self.events[moment.lane] += 1;
        self.stacks.begin(stack, bytes, by);
        if self.totals.begin(moment, bytes, by) {
            self.stacks.peak();
        }
        if self.has_scopes {
            self.scopes.net(moment, bytes as i64);
        }
    }

    #[inline]
    fn end(&mut self, moment: Moment, block: Block, ending: Ending) {
        let Block { bytes, stack, .. } = block;
        self.stacks.end(stack, bytes, ending);
        self.totals.end(moment, bytes, ending);
        if ending == Ending::Unseen {
            return;
        }
        // A reallocation is one event, counted at its second half.
        self.events[moment.lane] += u64::from(ending != Ending::Reallocated);
        if self.has_scopes {
            self.scopes.net(moment, -(bytes as i64));
        }
    }

    fn end_of_unknown(&mut self, moment: Moment, _address: u64, by: Cause) {
        self.totals.end_of_unknown(by);
        self.events[moment.lane] += u64::from(by == Cause::Call);
    }

    fn thread(&mut self, moment: Moment) {
        self.scopes.new_thread(moment);
    }

    fn scope(&mut self, moment: Moment, scope: Scope) {
        self.scopes.mark(moment, scope);
    }

    fn array(&mut self, _moment: Moment, _note: &ArrayNote, _texts: &Texts) {
        self.array_notes += 1;
    }
}
