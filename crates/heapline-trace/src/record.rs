//! The records of a stream, and the bytes of each.
//!
//! A record begins with a tag whose low two bits are its kind. The three hot kinds
//! pack flags and a short time difference into the rest of the tag:
//!
//! ```text
//! alloc    ddd z n a 01   d time since the record before (7: a varint follows, the rest),
//!                         z zeroed, n node cached, a address cached
//!          then address, bytes (varint), node
//! dealloc  ddddd a 10     (31: a varint follows); then address
//! realloc  dd w p n a 11  (3: a varint follows) time of the old block's end; w new address
//!                         cached, p in place, n node cached, a old address cached
//!          then ticks until the new block was there (varint), old address,
//!          new address unless in place, bytes (varint), node
//! others   kkkkkk 00      kind k; Node kinds have fixed fields, all other kinds have
//!                         a length (varint) and then so many bytes: unknown ones are skipped
//! ```
//! An *address* is one byte, its slot in a table of recent addresses, or a varint: the
//! zigzag difference to the address before in units of 8 bytes, doubled; 1 says that
//! the address itself follows. A *node* is one byte, a slot in a table of recent nodes,
//! or a varint counted down from the newest node. Both tables start empty in a block.

use crate::{ArrayNote, FrameAddress, NodeId, TextId, TextKind};

/// One thing that happened in a stream. Stamps are ticks; see [`crate::Header::nanoseconds`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A block was allocated.
    Alloc {
        /// When the block was there.
        stamp: u64,
        /// Its address.
        address: u64,
        /// Requested bytes.
        bytes: u64,
        /// The stack.
        node: NodeId,
        /// Whether zeroed memory was asked for.
        zeroed: bool,
    },
    /// A block is about to be freed.
    Dealloc {
        /// When, before it was given back.
        stamp: u64,
        /// Its address.
        address: u64,
    },
    /// A block was reallocated.
    Realloc {
        /// When the old block was still there.
        start: u64,
        /// When the new block was there.
        stamp: u64,
        /// Address before.
        old_address: u64,
        /// Address after.
        address: u64,
        /// Requested bytes after.
        bytes: u64,
        /// The stack.
        node: NodeId,
    },
    /// A frame of the call tree.
    Node {
        /// Its number.
        id: NodeId,
        /// The frame outside of it, or a root.
        parent: NodeId,
        /// The frame's address.
        address: FrameAddress,
    },
    /// An executable or library is mapped.
    Module {
        /// First address.
        start: u64,
        /// Address behind the last.
        end: u64,
        /// Runtime address minus the address in the object's own program headers.
        bias: u64,
        /// GNU build id, or nothing.
        build_id: Vec<u8>,
        /// Path, `[vdso]` and the like, or nothing.
        path: Vec<u8>,
    },
    /// A module seen so far in this stream is gone. An address may mean something
    /// else from here on, so that no node from before is used again; of two modules
    /// that overlap the later one counts.
    ModulesChanged,
    /// From here on the stream belongs to this thread.
    Thread {
        /// When it recorded for the first time.
        stamp: u64,
        /// Kernel thread id.
        tid: u32,
        /// Name, or nothing.
        name: Vec<u8>,
    },
    /// A call of a `#[profile]` function, or of a closure inside it, began.
    ScopeEnter {
        /// When.
        stamp: u64,
        /// How many activations enclose it on this thread.
        depth: u32,
        /// Number of the function's scope table.
        function: u32,
        /// Index of the line in that table.
        line: u32,
    },
    /// An activation moved on to another line.
    ScopeLine {
        /// When.
        stamp: u64,
        /// Which activation: how many enclose it on this thread.
        depth: u32,
        /// Index of the line in the function's table.
        line: u32,
    },
    /// An activation ended, and all inside it.
    ScopeExit {
        /// When.
        stamp: u64,
        /// Which activation.
        depth: u32,
    },
    /// A text that notes of this stream name by its number from here on.
    Text {
        /// The number.
        id: TextId,
        /// What it is.
        kind: TextKind,
        /// The text.
        text: Vec<u8>,
    },
    /// Something happened to an array.
    Array {
        /// When.
        stamp: u64,
        /// What.
        note: ArrayNote,
    },
    /// A kind that this version does not know.
    Unknown {
        /// Its code.
        kind: u8,
    },
}

/// Codes of the kinds that are not hot. Codes below 8 have no length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// A frame with a return address.
    Node = 1,
    /// A frame interrupted by a signal.
    NodeExact = 2,
    /// A pseudo frame: others were omitted here.
    NodeOmitted = 3,
    /// See [`Record::Module`].
    Module = 8,
    /// See [`Record::ModulesChanged`].
    ModulesChanged = 9,
    /// See [`Record::Thread`].
    Thread = 10,
    /// See [`Record::ScopeEnter`].
    ScopeEnter = 11,
    /// See [`Record::ScopeLine`].
    ScopeLine = 12,
    /// See [`Record::ScopeExit`].
    ScopeExit = 13,
    /// See [`Record::Text`].
    Text = 14,
    /// See [`Record::Array`].
    Array = 15,
}

pub(crate) const KIND_MASK: u8 = 0b11;
pub(crate) const ALLOC: u8 = 1;
pub(crate) const DEALLOC: u8 = 2;
pub(crate) const REALLOC: u8 = 3;
pub(crate) const ADDRESS_CACHED: u8 = 1 << 2;
pub(crate) const NODE_CACHED: u8 = 1 << 3;
pub(crate) const ZEROED: u8 = 1 << 4;
pub(crate) const IN_PLACE: u8 = 1 << 4;
pub(crate) const NEW_CACHED: u8 = 1 << 5;
/// Shift and escape value of the time difference in each hot kind's tag.
pub(crate) const ALLOC_TIME: (u32, u64) = (5, 7);
pub(crate) const DEALLOC_TIME: (u32, u64) = (3, 31);
pub(crate) const REALLOC_TIME: (u32, u64) = (6, 3);
/// Kinds from this code on carry their length.
pub(crate) const FIRST_WITH_LENGTH: u8 = 8;

impl Record {
    /// When the record takes effect, where it has a time.
    #[must_use]
    pub fn stamp(&self) -> Option<u64> {
        match self {
            Record::Alloc { stamp, .. }
            | Record::Dealloc { stamp, .. }
            | Record::Realloc { stamp, .. }
            | Record::Thread { stamp, .. }
            | Record::ScopeEnter { stamp, .. }
            | Record::ScopeLine { stamp, .. }
            | Record::ScopeExit { stamp, .. }
            | Record::Array { stamp, .. } => Some(*stamp),
            Record::Node { .. }
            | Record::Module { .. }
            | Record::ModulesChanged
            | Record::Text { .. }
            | Record::Unknown { .. } => None,
        }
    }
}
