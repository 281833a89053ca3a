//! Sums over the whole trace, and its peak.

use crate::event::Cause;
use crate::replay::{Ending, Moment};

/// Exact sums over all events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Allocations that succeeded, zeroed ones included.
    pub allocations: u64,
    /// Bytes they asked for.
    pub allocated_bytes: u64,
    /// Deallocations, of unknown blocks too.
    pub deallocations: u64,
    /// Bytes of the blocks they freed.
    pub deallocated_bytes: u64,
    /// Reallocations that succeeded.
    pub reallocations: u64,
    /// Sum of the sizes they led to.
    pub reallocated_bytes: u64,
    /// Blocks freed by the thread that had allocated them before it allocated or
    /// reallocated anything else.
    pub temporary_allocations: u64,
    /// The most bytes that were ever live.
    pub peak_bytes: u64,
    /// Stamp at which they were live for the first time.
    pub peak_stamp: u64,
    /// Bytes live after the last event.
    pub live_at_end_bytes: u64,
    /// Blocks live after the last event.
    pub live_at_end_blocks: u64,
}

impl Totals {
    /// Allocations, reallocations and deallocations.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.allocations + self.reallocations + self.deallocations
    }

    /// Returns whether this is a new peak.
    #[inline]
    pub(crate) fn begin(&mut self, moment: Moment, bytes: u64, by: Cause) -> bool {
        match by {
            Cause::Call => {
                self.allocations += 1;
                self.allocated_bytes = self.allocated_bytes.saturating_add(bytes);
            }
            Cause::Reallocation => {
                self.reallocations += 1;
                self.reallocated_bytes = self.reallocated_bytes.saturating_add(bytes);
            }
        }
        self.live_at_end_bytes = moment.live_bytes;
        self.live_at_end_blocks += 1;
        let is_peak = moment.live_bytes > self.peak_bytes;
        if is_peak {
            self.peak_bytes = moment.live_bytes;
            self.peak_stamp = moment.stamp;
        }
        is_peak
    }

    #[inline]
    pub(crate) fn end(&mut self, moment: Moment, bytes: u64, ending: Ending) {
        self.live_at_end_bytes = moment.live_bytes;
        self.live_at_end_blocks -= 1;
        if let Ending::Freed { temporary } = ending {
            self.deallocations += 1;
            self.deallocated_bytes = self.deallocated_bytes.saturating_add(bytes);
            self.temporary_allocations += u64::from(temporary);
        }
    }

    pub(crate) fn end_of_unknown(&mut self, by: Cause) {
        self.deallocations += u64::from(by == Cause::Call);
    }
}
