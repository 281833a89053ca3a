//! Packed traces: the same records in a fifth of the bytes.
//!
//! ```text
//! page 0      the raw trace's header page, but for the version
//! groups      of each stream in turn: up to 16,384 records each, as bits of learnt probability,
//!             filled up with zeros to an eighth of a byte for a record
//! attachment  bytes of whoever packed it: symbols
//! directory   streams and their groups (bytes, records, CRC32), scope tables, counts, losses
//! 16 bytes    length of the directory, CRC32 of header page and directory, magic
//! ```
//!
//! Nothing is written in place: the program is over, so a packed trace may be one that
//! only a whole file can be read from. What makes it small is not a general compressor
//! but a model of the program ([`stream_model`]), the same in writer and reader: it
//! foretells the next record from those before, and a record that comes as foretold
//! costs a fraction of a bit.
//!
//! * stacks: up so many frames and down the same sites as last time;
//! * addresses: what was freed last of that size, or behind the block before;
//! * deallocations: the newest live block, or the neighbour of the one before;
//! * bytes: what that place in the program asked for last.
//!
//! Half of what is left are stamps, whose noise nothing foretells. A stream is read from
//! its start, group after group; behind a damaged group the rest of it is lost.

mod addresses;
mod array_notes;
mod call_tree;
mod cold_records;
mod contents;
mod directory;
mod item;
mod live_blocks;
mod next;
mod numbers;
mod packed_records;
mod packer;
mod predictor;
mod range_coder;
mod scale;
mod stream_model;
mod times;
mod verify;

pub(crate) use directory::{Attachment, Directory, PackedStream};
pub(crate) use packed_records::PackedRecords;

pub use contents::Contents;
pub use directory::Packing;
pub use packer::pack;
pub use verify::verify;

/// Most records in a group.
const GROUP_RECORDS: u32 = 1 << 14;
/// A group that has so many bytes is ended.
const GROUP_BYTES: usize = 1 << 17;
/// The longest group that is read: one record may come on top, and the coder's rest.
const MAX_GROUP_BYTES: usize = GROUP_BYTES + 4 * cold_records::MAX_TEXT_BYTES;
/// The least bytes of a group of so many records. What a reader has to remember of a
/// trace is bounded by its records, and so by the file's bytes.
const fn least_bytes(records: u32) -> usize {
    records as usize / 8
}

/// Most streams: each takes memory while it is read.
const MAX_STREAMS: usize = 1 << 13;
