//! Inner ends of recent walks: where they began, what they read, and the remembered
//! frame they met.
//!
//! The last walk alone is not enough for a program that allocates in turn at two
//! places of one function: each capture would step the few frames that the other one
//! has replaced. Here the stretch from the innermost frame to the one that was met is
//! kept as a whole. It may be used again when a walk begins in the same state, the
//! words read on the way have their old values, and the remembered frame is there as
//! it was then. From there on the proof is the memo's own (`memo.rs`): a walk from an
//! equal state over equal words arrives at an equal state.

use crate::code::State;
use crate::records::Records;
use crate::stack_memory::StackMemory;
use crate::{LOST_NODE, Pages};

/// Stretches that are kept: 32 KiB.
const ENTRIES: usize = 256;
/// Reads that a stretch has at most.
const READS: usize = 6;

const VALUES: usize = 7;
const PLACES: usize = 13;
const COUNT_SHIFT: u32 = 32;
const NEEDS_BP: u64 = 1 << 36;
const EPOCH_SHIFT: u32 = 40;
const LAST_EPOCH: u64 = (1 << 24) - 1;

/// The remembered frame that a walk has met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    /// How many remembered frames lie outside of it.
    pub(crate) index: usize,
    pub(crate) node: u32,
    pub(crate) sp: u64,
    pub(crate) bp: u64,
}

/// A direct-mapped table by code and sp.
#[derive(Debug)]
pub(crate) struct Branches {
    /// | words | |
    /// |---|---|
    /// | 0..3 | code, sp and bp that a walk began with |
    /// | 3, 4 | sp and bp of the remembered frame that it met |
    /// | 5 | that frame's place and (upper half) its node |
    /// | 6 | the innermost node; above it the reads (4 bits), whether bp matters, the epoch |
    /// | 7..13 | values read |
    /// | 13..16 | where: words above sp, 32 bits each |
    entries: Records<16>,
    /// What was kept in another epoch does not count.
    epoch: u64,
}

impl Branches {
    pub(crate) const fn new() -> Branches {
        Branches {
            entries: Records::new(),
            epoch: 1,
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.epoch += 1;
        if self.epoch > LAST_EPOCH {
            self.epoch = 1;
            self.entries.all_mut().fill([0; 16]);
        }
    }

    /// Where a walk from `state` would meet a frame, and the node of its stack if that
    /// frame is there and has its old node. The words in between have been compared.
    #[inline]
    pub(crate) fn find(&self, state: State, stack: &StackMemory) -> Option<(Met, u32)> {
        let entry = self.entries.get(slot(state))?;
        let tail = entry[6];
        let same = entry[0] == state.code.word()
            && entry[1] == state.sp
            && tail >> EPOCH_SHIFT == self.epoch
            && (entry[2] == state.bp || tail & NEEDS_BP == 0);
        if !same {
            return None;
        }
        let reads = (tail >> COUNT_SHIFT) as usize & 7;
        for read in 0..reads.min(READS) {
            let place = entry.get(PLACES + read / 2)? >> (read % 2 * 32) & u64::from(u32::MAX);
            let value = *entry.get(VALUES + read)?;
            if stack.read(state.sp.wrapping_add(place * 8)) != Some(value) {
                return None;
            }
        }
        let met = Met {
            index: entry[5] as u32 as usize,
            node: (entry[5] >> 32) as u32,
            sp: entry[3],
            bp: entry[4],
        };
        Some((met, tail as u32))
    }

    /// Keeps a walk from `state` over these reads to a remembered frame.
    #[inline]
    pub(crate) fn keep(
        &mut self,
        state: State,
        needs_bp: bool,
        reads: &[[u64; 2]],
        met: Met,
        node: u32,
        pages: &mut impl Pages,
    ) {
        if reads.len() > READS || node == LOST_NODE || met.node == LOST_NODE {
            return;
        }
        if self.entries.len() == 0 && !self.make(pages) {
            return;
        }
        let Some(entry) = self.entries.get_mut(slot(state)) else {
            return;
        };
        let mut places = [0; READS / 2];
        for (read, &[address, value]) in reads.iter().enumerate() {
            let place = address.wrapping_sub(state.sp) / 8;
            // What an interrupted function keeps below its sp is no multiple of it above.
            if place > u64::from(u32::MAX) {
                entry[6] = 0;
                return;
            }
            if let (Some(pair), Some(kept)) =
                (places.get_mut(read / 2), entry.get_mut(VALUES + read))
            {
                *pair |= place << (read % 2 * 32);
                *kept = value;
            }
        }
        entry[PLACES..].copy_from_slice(&places);
        entry[0] = state.code.word();
        entry[1] = state.sp;
        entry[2] = state.bp;
        entry[3] = met.sp;
        entry[4] = met.bp;
        entry[5] = met.index as u64 & u64::from(u32::MAX) | u64::from(met.node) << 32;
        let needs = if needs_bp { NEEDS_BP } else { 0 };
        let reads = (reads.len() as u64) << COUNT_SHIFT;
        entry[6] = u64::from(node) | reads | needs | self.epoch << EPOCH_SHIFT;
    }

    #[cold]
    fn make(&mut self, pages: &mut impl Pages) -> bool {
        let made = self.entries.reserve(ENTRIES, pages);
        if made {
            self.entries.extend(ENTRIES);
        }
        made
    }
}

/// The same sp with another code, or the other way round, is what comes in turn.
#[inline]
fn slot(state: State) -> usize {
    let key = state.code.word() ^ state.sp.rotate_left(20);
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - ENTRIES.trailing_zeros())) as usize
}
