//! The newest live blocks of a stream in the order of their allocation, and how to say
//! which of them is freed in few bits: programs free what they allocated last, or the
//! neighbour of what they freed before.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::scale::Scale;

pub(super) const NO_BLOCK: u32 = u32::MAX;

/// Places looked at in each direction.
const NEAR: u8 = 32;

/// Which block is freed, seen from the newest one or from the one freed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice(pub(super) u8);

impl Choice {
    /// The newest block.
    pub(super) const NEWEST: Choice = Choice(0);
    /// The one allocated right behind the block that was freed before.
    pub(super) const NEIGHBOUR: Choice = Choice(NEAR);
    /// One of the blocks remembered, by its number.
    pub(super) const FAR: Choice = Choice(3 * NEAR);
    /// A block that is not remembered, by its address.
    pub(super) const UNKNOWN: Choice = Choice(3 * NEAR + 1);

    /// Whether the choice alone does not tell the block.
    pub(super) fn is_open(self) -> bool {
        self.0 >= Self::FAR.0
    }
}

#[derive(Clone)]
pub(super) struct Block {
    pub(super) address: u64,
    pub(super) bytes: u64,
    /// Where it was allocated.
    pub(super) site: u32,
    older: u32,
    newer: u32,
    is_live: bool,
}

pub(super) struct LiveBlocks {
    blocks: Vec<Block>,
    unused: Vec<u32>,
    newest: u32,
    oldest: u32,
    /// Neighbours of the block freed last.
    before: u32,
    after: u32,
    limit: usize,
    /// For the writer alone.
    by_address: HashMap<u64, u32, BuildHasherDefault<AddressHasher>>,
}

impl LiveBlocks {
    pub(super) fn new(scale: &Scale) -> Self {
        LiveBlocks {
            blocks: Vec::new(),
            unused: Vec::new(),
            newest: NO_BLOCK,
            oldest: NO_BLOCK,
            before: NO_BLOCK,
            after: NO_BLOCK,
            limit: scale.live_blocks,
            by_address: HashMap::default(),
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Block> {
        self.blocks
            .get(number as usize)
            .filter(|block| block.is_live)
    }

    /// Numbers that blocks have or had.
    pub(super) fn numbers(&self) -> u32 {
        self.blocks.len() as u32
    }

    /// Sites of the newest block and of the one behind that which was freed last.
    pub(super) fn sites_in_view(&self) -> (u32, u32) {
        let site = |number| self.get(number).map_or(0, |block| block.site);
        (site(self.newest), site(self.after))
    }

    /// Adds the newest block; the oldest is forgotten if there are too many. Only a
    /// writer needs to find it by its address.
    pub(super) fn add(&mut self, address: u64, bytes: u64, site: u32, is_sought: bool) {
        let block = Block {
            address,
            bytes,
            site,
            older: self.newest,
            newer: NO_BLOCK,
            is_live: true,
        };
        let number = match self.unused.pop() {
            Some(number) => {
                self.blocks[number as usize] = block;
                number
            }
            None => {
                self.blocks.push(block);
                self.numbers() - 1
            }
        };
        match self.newest {
            NO_BLOCK => self.oldest = number,
            newest => self.blocks[newest as usize].newer = number,
        }
        self.newest = number;
        if is_sought {
            self.by_address.insert(address, number);
        }
        if self.blocks.len() - self.unused.len() > self.limit {
            self.remove(self.oldest);
        }
    }

    /// Takes a block away that is freed: what lies beside it is in view next.
    pub(super) fn free(&mut self, number: u32) -> Option<Block> {
        let block = self.get(number)?.clone();
        self.remove(number);
        (self.before, self.after) = (block.older, block.newer);
        Some(block)
    }

    fn remove(&mut self, number: u32) {
        let Some(block) = self.get(number).cloned() else {
            return;
        };
        match block.older {
            NO_BLOCK => self.oldest = block.newer,
            older => self.blocks[older as usize].newer = block.newer,
        }
        match block.newer {
            NO_BLOCK => self.newest = block.older,
            newer => self.blocks[newer as usize].older = block.older,
        }
        if self.before == number {
            self.before = block.older;
        }
        if self.after == number {
            self.after = block.newer;
        }
        if self.by_address.get(&block.address) == Some(&number) {
            self.by_address.remove(&block.address);
        }
        self.blocks[number as usize].is_live = false;
        self.unused.push(number);
    }

    /// For the writer: the block at an address and the shortest way to say so.
    pub(super) fn find(&self, address: u64) -> (Choice, u32) {
        let Some(&number) = self.by_address.get(&address) else {
            return (Choice::UNKNOWN, NO_BLOCK);
        };
        let mut views = [self.newest, self.after, self.before];
        for distance in 0..NEAR {
            for (view, at) in views.iter_mut().enumerate() {
                if *at == number {
                    return (Choice(view as u8 * NEAR + distance), number);
                }
                *at = self.beside(*at, view);
            }
        }
        (Choice::FAR, number)
    }

    /// The block that a choice means, if it means one alone.
    pub(super) fn chosen(&self, choice: Choice) -> Option<u32> {
        let view = usize::from(choice.0 / NEAR);
        let mut at = *[self.newest, self.after, self.before].get(view)?;
        for _ in 0..choice.0 % NEAR {
            at = self.beside(at, view);
        }
        self.get(at).map(|_| at)
    }

    fn beside(&self, number: u32, view: usize) -> u32 {
        let Some(block) = self.blocks.get(number as usize) else {
            return NO_BLOCK;
        };
        if view == 1 { block.newer } else { block.older }
    }
}

/// Addresses are as good as random but in their lowest bits.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The table takes the lowest bits.
        self.0 ^= self.0 >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_found_by_short_choices() {
        let mut live = LiveBlocks::new(&Scale::new(1 << 20, 1));
        for number in 0..100 {
            live.add(number * 16, 8, 0, true);
        }
        assert_eq!(live.find(99 * 16), (Choice(0), 99));
        assert_eq!(live.find(10 * 16), (Choice::FAR, 10));
        assert!(live.free(10).is_some());
        assert_eq!(live.find(11 * 16), (Choice(NEAR), 11));
        assert_eq!(live.find(9 * 16), (Choice(2 * NEAR), 9));
        assert_eq!(live.chosen(Choice(NEAR)), Some(11));
        assert_eq!(live.find(10 * 16).0, Choice::UNKNOWN);
        assert!(live.free(10).is_none());
    }

    #[test]
    fn the_oldest_blocks_are_forgotten() {
        let mut live = LiveBlocks::new(&Scale::new(0, 1));
        for number in 0..1_000 {
            live.add(number * 16, 8, 0, true);
        }
        assert_eq!(live.numbers(), 257);
        assert_eq!(live.find(0).0, Choice::UNKNOWN);
        assert_ne!(live.find(900 * 16).0, Choice::UNKNOWN);
    }
}
