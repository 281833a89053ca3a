//! Records into byte slices: no allocation, no panic, for use inside an allocator.

use crate::cache::{AddressCache, NodeCache};
use crate::record::{
    ADDRESS_CACHED, ALLOC, ALLOC_TIME, DEALLOC, DEALLOC_TIME, IN_PLACE, NEW_CACHED, NODE_CACHED,
    REALLOC, REALLOC_TIME, ZEROED,
};
use crate::varint::{Output, zigzag};
use crate::{ArrayNote, FrameAddress, MAX_TEXT_BYTES, NodeId, RecordKind, TextId, TextKind};

/// Most bytes of an Alloc, Dealloc, Realloc, Node or Scope record.
pub const MAX_HOT_RECORD_BYTES: usize = 64;

/// Most bytes of an Array record.
pub const MAX_ARRAY_RECORD_BYTES: usize = 128;

/// Most bytes of any record: a module with the longest path there is.
pub const MAX_COLD_RECORD_BYTES: usize = 4096 + 256;

/// The delta state of one stream's current block.
///
/// Each method writes one record to the start of `out` and returns its bytes, or
/// `None` if it did not fit; then the state is as if nothing had been written, but
/// for the caches, so the caller must start a new block.
pub struct Encoder {
    addresses: AddressCache,
    nodes: NodeCache,
    last_stamp: u64,
    last_code: u64,
    next_node: u32,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// The state of a stream that has written nothing.
    #[must_use]
    pub const fn new() -> Self {
        Encoder {
            addresses: AddressCache::new(),
            nodes: NodeCache::new(),
            last_stamp: 0,
            last_code: 0,
            next_node: NodeId::FIRST_FRAME.0,
        }
    }

    /// Becomes what [`Encoder::new`] gives, in place: it is too large for small stacks.
    pub fn restart(&mut self) {
        self.begin_block(0);
        self.next_node = NodeId::FIRST_FRAME.0;
    }

    /// Forgets all deltas: a new block begins, its header has this `base_stamp` and [`Encoder::next_node`].
    pub fn begin_block(&mut self, base_stamp: u64) {
        self.addresses.reset();
        self.nodes.reset();
        self.last_stamp = base_stamp;
        self.last_code = 0;
    }

    /// The number that the next node gets.
    #[must_use]
    pub fn next_node(&self) -> u32 {
        self.next_node
    }

    /// The newest stamp written.
    #[must_use]
    pub fn last_stamp(&self) -> u64 {
        self.last_stamp
    }

    /// Writes an Alloc record.
    #[inline]
    pub fn alloc(
        &mut self,
        out: &mut [u8],
        stamp: u64,
        address: u64,
        bytes: u64,
        node: NodeId,
        zeroed: bool,
    ) -> Option<usize> {
        let mut output = Output::new(out);
        let (time, rest) = self.time(stamp, ALLOC_TIME);
        let address_slot = self.address_slot(address);
        let node_slot = self.node_slot(node);
        let mut tag = ALLOC | time;
        tag |= flag(zeroed, ZEROED) | flag(address_slot.is_some(), ADDRESS_CACHED);
        tag |= flag(node_slot.is_some(), NODE_CACHED);
        output.byte(tag);
        put_rest(&mut output, rest);
        self.put_address(&mut output, address, address_slot);
        output.varint(bytes);
        self.put_node(&mut output, node, node_slot);
        output.finish()
    }

    /// Writes a Dealloc record.
    #[inline]
    pub fn dealloc(&mut self, out: &mut [u8], stamp: u64, address: u64) -> Option<usize> {
        let mut output = Output::new(out);
        let (time, rest) = self.time(stamp, DEALLOC_TIME);
        let slot = self.address_slot(address);
        output.byte(DEALLOC | time | flag(slot.is_some(), ADDRESS_CACHED));
        put_rest(&mut output, rest);
        self.put_address(&mut output, address, slot);
        output.finish()
    }

    /// Writes a Realloc record: the old block ended at `stamps.0`, the new one was there at `stamps.1`;
    /// `addresses` are old and new.
    #[inline]
    pub fn realloc(
        &mut self,
        out: &mut [u8],
        stamps: (u64, u64),
        addresses: (u64, u64),
        bytes: u64,
        node: NodeId,
    ) -> Option<usize> {
        let (start, end) = stamps;
        let (old, new) = addresses;
        let mut output = Output::new(out);
        let (time, rest) = self.time(start, REALLOC_TIME);
        let in_place = old == new;
        let old_slot = self.address_slot(old);
        let new_slot = if in_place {
            None
        } else {
            self.address_slot(new)
        };
        // Remembering the old address may overwrite the slot that the new one is in.
        let new_slot = new_slot.filter(|&slot| slot != AddressCache::slot(old));
        let node_slot = self.node_slot(node);
        let mut tag = REALLOC | time;
        tag |= flag(old_slot.is_some(), ADDRESS_CACHED) | flag(node_slot.is_some(), NODE_CACHED);
        tag |= flag(in_place, IN_PLACE) | flag(new_slot.is_some(), NEW_CACHED);
        output.byte(tag);
        put_rest(&mut output, rest);
        output.varint(end.saturating_sub(self.last_stamp));
        self.last_stamp = self.last_stamp.max(end);
        self.put_address(&mut output, old, old_slot);
        if !in_place {
            self.put_address(&mut output, new, new_slot);
        }
        output.varint(bytes);
        self.put_node(&mut output, node, node_slot);
        output.finish()
    }

    /// Writes a Node record and returns its bytes and its number.
    #[inline]
    pub fn node(
        &mut self,
        out: &mut [u8],
        parent: NodeId,
        address: FrameAddress,
    ) -> Option<(usize, NodeId)> {
        let id = self.next_node;
        let mut output = Output::new(out);
        let (kind, code) = match address {
            FrameAddress::Return(code) => (RecordKind::Node, Some(code)),
            FrameAddress::Exact(code) => (RecordKind::NodeExact, Some(code)),
            FrameAddress::Omitted => (RecordKind::NodeOmitted, None),
        };
        output.byte((kind as u8) << 2);
        output.varint(u64::from(id.wrapping_sub(parent.0)));
        if let Some(code) = code {
            output.varint(zigzag(code.wrapping_sub(self.last_code) as i64));
            self.last_code = code;
        }
        self.next_node = id.checked_add(1)?;
        Some((output.finish()?, NodeId(id)))
    }

    /// Writes a Module record; a path that is too long keeps its beginning.
    pub fn module(
        &mut self,
        out: &mut [u8],
        range: (u64, u64),
        bias: u64,
        build_id: &[u8],
        path: &[u8],
    ) -> Option<usize> {
        let path = path.get(..path.len().min(4096)).unwrap_or(&[]);
        let build_id = build_id.get(..build_id.len().min(64)).unwrap_or(&[]);
        let body = |output: &mut Output<'_>| {
            output.varint(range.0);
            output.varint(range.1);
            output.varint(bias);
            output.slice(build_id);
            output.slice(path);
        };
        framed(out, RecordKind::Module, body)
    }

    /// Writes a `ModulesChanged` record.
    pub fn modules_changed(&mut self, out: &mut [u8]) -> Option<usize> {
        framed(out, RecordKind::ModulesChanged, |_| {})
    }

    /// Writes a Thread record.
    pub fn thread(&mut self, out: &mut [u8], stamp: u64, tid: u32, name: &[u8]) -> Option<usize> {
        let delta = self.advance(stamp);
        let name = name.get(..name.len().min(64)).unwrap_or(&[]);
        framed(out, RecordKind::Thread, |output| {
            output.varint(delta);
            output.varint(u64::from(tid));
            output.slice(name);
        })
    }

    /// Writes a `ScopeEnter` record.
    pub fn scope_enter(
        &mut self,
        out: &mut [u8],
        stamp: u64,
        depth: u32,
        function: u32,
        line: u32,
    ) -> Option<usize> {
        let delta = self.advance(stamp);
        framed(out, RecordKind::ScopeEnter, |output| {
            output.varint(delta);
            for value in [depth, function, line] {
                output.varint(u64::from(value));
            }
        })
    }

    /// Writes a `ScopeLine` record.
    pub fn scope_line(
        &mut self,
        out: &mut [u8],
        stamp: u64,
        depth: u32,
        line: u32,
    ) -> Option<usize> {
        let delta = self.advance(stamp);
        framed(out, RecordKind::ScopeLine, |output| {
            output.varint(delta);
            output.varint(u64::from(depth));
            output.varint(u64::from(line));
        })
    }

    /// Writes a `ScopeExit` record.
    pub fn scope_exit(&mut self, out: &mut [u8], stamp: u64, depth: u32) -> Option<usize> {
        let delta = self.advance(stamp);
        framed(out, RecordKind::ScopeExit, |output| {
            output.varint(delta);
            output.varint(u64::from(depth));
        })
    }

    /// Writes a Text record; a text that is too long keeps its beginning.
    pub fn text(
        &mut self,
        out: &mut [u8],
        id: TextId,
        kind: TextKind,
        text: &[u8],
    ) -> Option<usize> {
        let text = text.get(..text.len().min(MAX_TEXT_BYTES)).unwrap_or(&[]);
        framed(out, RecordKind::Text, |output| {
            output.varint(u64::from(id.0));
            output.byte(kind as u8);
            output.slice(text);
        })
    }

    /// Writes an Array record.
    pub fn array(&mut self, out: &mut [u8], stamp: u64, note: &ArrayNote) -> Option<usize> {
        let delta = self.advance(stamp);
        framed(out, RecordKind::Array, |output| {
            output.varint(delta);
            let (numbers, length) = note.numbers();
            for number in numbers.into_iter().take(length) {
                output.varint(number);
            }
        })
    }

    /// Ticks since the record before; a clock that steps back counts as standing still.
    #[inline]
    fn advance(&mut self, stamp: u64) -> u64 {
        let delta = stamp.saturating_sub(self.last_stamp);
        self.last_stamp += delta;
        delta
    }

    /// The time bits of a tag, and what is left for a varint.
    #[inline]
    fn time(&mut self, stamp: u64, (shift, escape): (u32, u64)) -> (u8, Option<u64>) {
        let delta = self.advance(stamp);
        if delta < escape {
            ((delta as u8) << shift, None)
        } else {
            ((escape as u8) << shift, Some(delta - escape))
        }
    }

    #[inline]
    fn address_slot(&self, address: u64) -> Option<u8> {
        let slot = AddressCache::slot(address);
        (self.addresses.get(slot) == address).then_some(slot)
    }

    #[inline]
    fn node_slot(&self, node: NodeId) -> Option<u8> {
        let slot = NodeCache::slot(node.0);
        (self.nodes.get(slot) == node.0).then_some(slot)
    }

    #[inline]
    fn put_address(&mut self, output: &mut Output<'_>, address: u64, slot: Option<u8>) {
        match slot {
            Some(slot) => output.byte(slot),
            None => {
                let delta = address.wrapping_sub(self.addresses.last()) as i64;
                if delta & 7 == 0 {
                    output.varint(zigzag(delta >> 3) << 1);
                } else {
                    output.varint(1);
                    output.varint(address);
                }
            }
        }
        self.addresses.remember(address);
    }

    #[inline]
    fn put_node(&mut self, output: &mut Output<'_>, node: NodeId, slot: Option<u8>) {
        match slot {
            Some(slot) => output.byte(slot),
            None => output.varint(u64::from(self.next_node.wrapping_sub(node.0))),
        }
        self.nodes.remember(node.0);
    }
}

#[inline]
fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

#[inline]
fn put_rest(output: &mut Output<'_>, rest: Option<u64>) {
    if let Some(rest) = rest {
        output.varint(rest);
    }
}

/// A record with its length in front, always two bytes of it, so that the body
/// is written in place: it may be thousands of bytes and stacks may be small.
fn framed(out: &mut [u8], kind: RecordKind, body: impl FnOnce(&mut Output<'_>)) -> Option<usize> {
    const PREFIX: usize = 3;
    let (prefix, rest) = out.split_first_chunk_mut::<PREFIX>()?;
    let mut output = Output::new(rest);
    body(&mut output);
    let length = output.finish()?;
    debug_assert!(length < 1 << 14, "two bytes of length hold 14 bits");
    *prefix = [(kind as u8) << 2, length as u8 | 0x80, (length >> 7) as u8];
    Some(PREFIX + length)
}
