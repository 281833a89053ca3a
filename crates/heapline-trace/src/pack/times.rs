//! Stamps: ticks since the record before. What kind of event, what it had to do, and how
//! long the one before took tell how long it takes; half of a packed trace is the rest.

use super::numbers::{Number, Tree};
use super::range_coder::{Bit, Coder};
use super::scale::Scale;

/// Ticks that one symbol can tell.
const SHORT_BITS: u32 = 6;
const SHORT: usize = 1 << SHORT_BITS;
const LONG: u64 = SHORT as u64 - 1;

pub(super) struct Times {
    last_stamp: u64,
    last_ticks: u64,
    short: Vec<Tree<SHORT_BITS, SHORT>>,
    is_ahead: Bit,
    long: Number,
    anywhere: Number,
}

impl Times {
    pub(super) fn new(scale: &Scale) -> Self {
        Times {
            last_stamp: 0,
            last_ticks: 0,
            short: vec![Tree::new(); 1 << scale.time_bits],
            is_ahead: Bit::UNKNOWN,
            long: Number::new(),
            anywhere: Number::new(),
        }
    }

    /// Codes a stamp. `circumstances` is any number that bears on how long it took.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        circumstances: usize,
        stamp: u64,
    ) -> u64 {
        // Stamps ascend within a stream, but for what a damaged block left.
        let ticks = stamp.checked_sub(self.last_stamp);
        let short = ticks.unwrap_or(LONG).min(LONG) as usize;
        let before = (64 - self.last_ticks.leading_zeros()).min(7) as usize;
        let key = (circumstances * 8 + before) as u64;
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let context = (hash >> 32) as usize & (self.short.len() - 1);
        let short = self.short[context].code(coder, short) as u64;
        let stamp = if short < LONG {
            self.last_stamp.wrapping_add(short)
        } else {
            self.code_long(coder, ticks, stamp)
        };
        self.last_ticks = stamp.saturating_sub(self.last_stamp);
        self.last_stamp = stamp;
        stamp
    }

    fn code_long<C: Coder>(&mut self, coder: &mut C, ticks: Option<u64>, stamp: u64) -> u64 {
        if coder.bit(&mut self.is_ahead, ticks.is_some()) {
            let rest = ticks.unwrap_or(LONG).saturating_sub(LONG);
            let rest = self.long.code(coder, rest);
            return self.last_stamp.wrapping_add(LONG).wrapping_add(rest);
        }
        self.anywhere.code(coder, stamp)
    }
}
