//! Allocations, deallocations and reallocations: the block, its address, its bytes, when.

use super::super::addresses::Origin;
use super::super::call_tree::UNKNOWN_NODE;
use super::super::item::Item;
use super::super::live_blocks::{Block, Choice, NO_BLOCK};
use super::super::next::Kind;
use super::super::numbers::{Number, Tree, signed};
use super::super::predictor::What;
use super::super::range_coder::{Bit, Coder};
use super::StreamModel;
use crate::{NodeId, Record};

/// Mark the place of an event that is no allocation.
const FREED_AT: u32 = 1 << 31;
const REALLOCATED_AT: u32 = 1 << 30;

/// Learnt probabilities of what is said about events.
pub(super) struct EventBits {
    choices: [Tree<7, 128>; 6],
    is_free_aligned: Bit,
    free_distance: Number,
    free_block: Number,
    is_zeroed: [Bit; 2],
    is_in_place: [Bit; 8],
    is_doubled: [Bit; 8],
    is_nodes_bytes: [Bit; 64],
    is_sites_bytes: [Bit; 64],
    bytes: Number,
}

impl EventBits {
    pub(super) fn new() -> Self {
        EventBits {
            choices: std::array::from_fn(|_| Tree::new()),
            is_free_aligned: Bit::UNKNOWN,
            free_distance: Number::new(),
            free_block: Number::new(),
            is_zeroed: [Bit::UNKNOWN; 2],
            is_in_place: [Bit::UNKNOWN; 8],
            is_doubled: [Bit::UNKNOWN; 8],
            is_nodes_bytes: [Bit::UNKNOWN; 64],
            is_sites_bytes: [Bit::UNKNOWN; 64],
            bytes: Number::new(),
        }
    }
}

impl StreamModel {
    /// The same way is foretold the next time.
    pub(super) fn learn_way(&mut self, is_realloc: bool, node: u32) {
        if node == UNKNOWN_NODE {
            return;
        }
        let way = self.tree.way(self.current, node);
        self.frames_walked = usize::from(way.down);
        self.predictor.learn(if is_realloc {
            What::Realloc(way)
        } else {
            What::Alloc(way)
        });
        self.current = node;
    }

    pub(super) fn code_choice<C: Coder>(
        &mut self,
        coder: &mut C,
        context: usize,
        choice: Choice,
    ) -> Option<(Choice, u32)> {
        let choice = self.event_bits.choices[context].code(coder, usize::from(choice.0));
        let choice = Choice(choice as u8);
        if choice.0 > Choice::UNKNOWN.0 {
            return None;
        }
        let block = if choice.is_open() {
            NO_BLOCK
        } else {
            self.live.chosen(choice)?
        };
        Some((choice, block))
    }

    fn circumstances(&self, kind: usize, hit: usize, detail: usize) -> usize {
        let walked = match self.frames_walked {
            few @ 0..=3 => few,
            4..=6 => 4,
            7..=12 => 5,
            _ => 6,
        };
        (((kind * 8 + self.last_kind as usize) * 2 + hit) * 8 + walked) * 8 + detail
    }

    pub(super) fn code_alloc<C: Coder>(
        &mut self,
        coder: &mut C,
        node: u32,
        hit: usize,
        item: &Item,
    ) -> Option<Record> {
        let (stamp, address, bytes, id, zeroed) = match item {
            Item::Record(Record::Alloc {
                stamp,
                address,
                bytes,
                node,
                zeroed,
            }) => (*stamp, *address, *bytes, *node, *zeroed),
            _ => (0, 0, 0, NodeId(0), false),
        };
        let id = self.code_id(coder, node, id)?;
        let site = self.tree.site_of(node);
        self.predictor.remember(site, node);
        let bytes = self.code_bytes(coder, node, None, bytes);
        let last = self.tree.site(site).zeroed;
        let zeroed = coder.bit(&mut self.event_bits.is_zeroed[usize::from(last)], zeroed);
        self.tree.site(site).zeroed = zeroed;
        let (address, origin) = self.addresses.code(coder, address, bytes);
        let stamp = self.code_stamp(coder, (0, hit, origin as usize), stamp);
        self.live.add(address, bytes, site, C::WRITES);
        Some(Record::Alloc {
            stamp,
            address,
            bytes,
            node: id,
            zeroed,
        })
    }

    fn code_stamp<C: Coder>(
        &mut self,
        coder: &mut C,
        (kind, hit, detail): (usize, usize, usize),
        stamp: u64,
    ) -> u64 {
        let circumstances = self.circumstances(kind, hit, detail);
        self.times.code(coder, circumstances, stamp)
    }

    pub(super) fn code_dealloc<C: Coder>(
        &mut self,
        coder: &mut C,
        (choice, block): (Choice, u32),
        hit: usize,
        item: &Item,
    ) -> Option<Record> {
        let (stamp, address) = match item {
            Item::Record(Record::Dealloc { stamp, address }) => (*stamp, *address),
            _ => (0, 0),
        };
        let (address, freed) = self.code_freed(coder, choice, block, address)?;
        if let Some(block) = &freed {
            self.addresses.freed(address, block.bytes);
        }
        let site = freed.map_or(0, |block| block.site);
        self.predictor.remember(FREED_AT | site, FREED_AT | site);
        let detail = match choice {
            Choice::NEWEST => 0,
            Choice::NEIGHBOUR => 1,
            _ => 2,
        };
        let stamp = self.code_stamp(coder, (1, hit, detail), stamp);
        self.frames_walked = 0;
        Some(Record::Dealloc { stamp, address })
    }

    /// The block that is freed, taken out of those that live, and its address.
    fn code_freed<C: Coder>(
        &mut self,
        coder: &mut C,
        choice: Choice,
        block: u32,
        address: u64,
    ) -> Option<(u64, Option<Block>)> {
        if choice == Choice::UNKNOWN {
            return Some((self.code_free_address(coder, address), None));
        }
        let block = if choice == Choice::FAR {
            let (_, number) = if C::WRITES {
                self.live.find(address)
            } else {
                (choice, 0)
            };
            let number = self.event_bits.free_block.code(coder, u64::from(number));
            u32::try_from(number).ok()?
        } else {
            block
        };
        let block = self.live.free(block)?;
        Some((block.address, Some(block)))
    }

    fn code_free_address<C: Coder>(&mut self, coder: &mut C, address: u64) -> u64 {
        let distance = address.wrapping_sub(self.last_free) as i64;
        let bits = &mut self.event_bits;
        let address = if coder.bit(&mut bits.is_free_aligned, distance & 15 == 0) {
            let steps = signed(&mut bits.free_distance, coder, distance >> 4);
            self.last_free.wrapping_add((steps as u64) << 4)
        } else {
            let steps = signed(&mut bits.free_distance, coder, distance);
            self.last_free.wrapping_add(steps as u64)
        };
        self.last_free = address;
        address
    }

    pub(super) fn code_realloc<C: Coder>(
        &mut self,
        coder: &mut C,
        node: u32,
        hit: usize,
        item: &Item,
    ) -> Option<Record> {
        let (start, stamp, old_address, address, bytes, id) = match item {
            Item::Record(Record::Realloc {
                start,
                stamp,
                old_address,
                address,
                bytes,
                node,
            }) => (*start, *stamp, *old_address, *address, *bytes, *node),
            _ => (0, 0, 0, 0, 0, NodeId(0)),
        };
        let id = self.code_id(coder, node, id)?;
        let site = self.tree.site_of(node);
        self.predictor.remember(REALLOCATED_AT | site, node);
        let choice = if C::WRITES {
            self.live.find(old_address).0
        } else {
            Choice::UNKNOWN
        };
        let (choice, block) = self.code_choice(coder, Kind::Realloc as usize, choice)?;
        let is_in_place = address == old_address;
        let (old_address, freed) = self.code_freed(coder, choice, block, old_address)?;
        let start = self.code_stamp(coder, (2, hit, 0), start);
        let old_bytes = freed.as_ref().map(|block| block.bytes);
        let bytes = self.code_bytes(coder, node, old_bytes, bytes);
        let context = (bytes.max(1).ilog2() as usize / 2).min(7);
        let is_in_place = coder.bit(&mut self.event_bits.is_in_place[context], is_in_place);
        let (address, origin) = if is_in_place {
            (old_address, Origin::Freed as usize + 3)
        } else {
            let (address, origin) = self.addresses.code(coder, address, bytes);
            (address, origin as usize)
        };
        let stamp = self.code_stamp(coder, (3, 0, origin), stamp);
        if let Some(block) = freed.filter(|_| !is_in_place) {
            self.addresses.freed(old_address, block.bytes);
        }
        self.live.add(address, bytes, site, C::WRITES);
        Some(Record::Realloc {
            start,
            stamp,
            old_address,
            address,
            bytes,
            node: id,
        })
    }

    /// Requested bytes: twice the old block's, the node's last, the site's last, or said.
    fn code_bytes<C: Coder>(
        &mut self,
        coder: &mut C,
        node: u32,
        old: Option<u64>,
        bytes: u64,
    ) -> u64 {
        let site = self.tree.site_of(node);
        let nodes = self.tree.bytes_at(node);
        let of = self.tree.site(site);
        let sites = of.bytes[usize::from(old.is_some())];
        let failures = usize::from(of.failures);
        let bits = &mut self.event_bits;
        let doubled = old.map(|old| old.wrapping_mul(2));
        let (bytes, is_failure) = 'found: {
            if let Some(doubled) = doubled
                && coder.bit(&mut bits.is_doubled[failures & 7], doubled == bytes)
            {
                break 'found (doubled, false);
            }
            if nodes != u64::MAX && coder.bit(&mut bits.is_nodes_bytes[failures], nodes == bytes) {
                break 'found (nodes, false);
            }
            if sites != u64::MAX
                && sites != nodes
                && coder.bit(&mut bits.is_sites_bytes[failures], sites == bytes)
            {
                break 'found (sites, false);
            }
            (bits.bytes.code(coder, bytes), true)
        };
        self.tree.set_bytes_at(node, bytes);
        let of = self.tree.site(site);
        of.bytes[usize::from(old.is_some())] = bytes;
        of.failures = (of.failures << 1 | u8::from(is_failure)) & 63;
        bytes
    }
}
