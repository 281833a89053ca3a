//! Addresses of new blocks. An allocator gives out what was freed last of that size, or
//! goes on behind the block that it cut off last; both are foretold.

use super::numbers::{Number, Tree, signed};
use super::range_coder::{Bit, Coder};
use super::scale::Scale;

/// Sizes below 2 KiB each have a list, those above share as many.
const LISTS: usize = 256;
/// Freed addresses below the newest that one symbol can name.
const DEEP_BITS: u32 = 5;
const DEEP: usize = 1 << DEEP_BITS;

/// Where an address came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Freed = 0,
    Behind = 1,
    Elsewhere = 2,
}

/// Addresses that are free as far as the stream knows, newest last, and where the last
/// ones came from.
#[derive(Clone, Default)]
struct FreeList {
    addresses: Vec<u64>,
    /// Three origins, two bits each.
    origins: usize,
}

pub(super) struct Addresses {
    lists: Vec<FreeList>,
    limit: usize,
    /// Address behind the block that came last from no list.
    frontier: u64,
    is_newest: Vec<Bit>,
    is_frontier: [Bit; 256],
    is_deep: [Bit; 64],
    deep: Tree<DEEP_BITS, DEEP>,
    is_aligned: Bit,
    distance: Number,
    odd: Number,
}

/// Bytes that a block takes in the heap: a word in front of it, 16-byte steps. What
/// most allocators on Linux do; where it is wrong, more bits are needed and no more.
fn step(bytes: u64) -> u64 {
    (bytes.saturating_add(8 + 15) & !15).max(32)
}

fn list_of(bytes: u64) -> usize {
    let step = step(bytes) / 16;
    if step < LISTS as u64 / 2 {
        return step as usize;
    }
    LISTS / 2 + (step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as usize
}

impl Addresses {
    pub(super) fn new(scale: &Scale) -> Self {
        Addresses {
            lists: vec![FreeList::default(); LISTS],
            limit: scale.freed_addresses,
            frontier: 0,
            is_newest: vec![Bit::UNKNOWN; 32 * 64],
            is_frontier: [Bit::UNKNOWN; 256],
            is_deep: [Bit::UNKNOWN; 64],
            deep: Tree::new(),
            is_aligned: Bit::UNKNOWN,
            distance: Number::new(),
            odd: Number::new(),
        }
    }

    /// A block of that size was freed.
    pub(super) fn freed(&mut self, address: u64, bytes: u64) {
        let list = &mut self.lists[list_of(bytes)].addresses;
        if list.len() == self.limit {
            list.drain(..self.limit / 2);
        }
        list.push(address);
    }

    /// Codes the address of a new block.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        address: u64,
        bytes: u64,
    ) -> (u64, Origin) {
        let number = list_of(bytes);
        let mut list = std::mem::take(&mut self.lists[number]);
        let (address, origin) = self.code_in(coder, &mut list, number.min(31), address, bytes);
        list.origins = (list.origins << 2 | origin as usize) & 63;
        self.lists[number] = list;
        if origin != Origin::Freed {
            self.frontier = address.wrapping_add(step(bytes));
        }
        (address, origin)
    }

    fn code_in<C: Coder>(
        &mut self,
        coder: &mut C,
        list: &mut FreeList,
        size: usize,
        address: u64,
        bytes: u64,
    ) -> (u64, Origin) {
        let free = &mut list.addresses;
        if let Some(&newest) = free.last() {
            let kind = &mut self.is_newest[size * 64 + list.origins];
            if coder.bit(kind, newest == address) {
                free.pop();
                return (newest, Origin::Freed);
            }
        }
        let kind = usize::from(!free.is_empty()) | (list.origins & 15) << 1;
        let kind = kind | usize::from(bytes > 1_024) << 5;
        if coder.bit(&mut self.is_frontier[kind], self.frontier == address) {
            return (self.frontier, Origin::Behind);
        }
        if let Some(address) = self.code_deep(coder, list, address) {
            return (address, Origin::Freed);
        }
        (self.code_distance(coder, address), Origin::Elsewhere)
    }

    /// One of the addresses below the newest of a list.
    fn code_deep<C: Coder>(
        &mut self,
        coder: &mut C,
        list: &mut FreeList,
        address: u64,
    ) -> Option<u64> {
        let free = &mut list.addresses;
        if free.len() < 2 {
            return None;
        }
        let below = free.iter().rev().skip(1).take(DEEP);
        let found = if C::WRITES {
            below.into_iter().position(|&free| free == address)
        } else {
            None
        };
        if !coder.bit(&mut self.is_deep[list.origins], found.is_some()) {
            return None;
        }
        let depth = self.deep.code(coder, found.unwrap_or(0));
        let at = free.len().checked_sub(depth + 2)?;
        Some(free.remove(at))
    }

    fn code_distance<C: Coder>(&mut self, coder: &mut C, address: u64) -> u64 {
        let distance = address.wrapping_sub(self.frontier) as i64;
        if coder.bit(&mut self.is_aligned, distance & 15 == 0) {
            let steps = signed(&mut self.distance, coder, distance >> 4);
            return self.frontier.wrapping_add((steps as u64) << 4);
        }
        self.odd.code(coder, address)
    }
}
