//! The file format of heapline traces, and nothing else: no allocator, no symbol, no file system.
//!
//! A trace is one file, a grid of 4 KiB pages:
//!
//! ```text
//! page 0     header: who was recorded, how, clocks, counters updated in place
//! page 1…    cells, each a whole number of pages, in the order in which they were claimed:
//!              stage   the window into which one thread is writing right now
//!              block   a full stage, copied out with a checksum
//!              scopes  line table and execution counts of one `#[profile]` function
//! ```
//!
//! Each recorded thread is a *stream*: its blocks by ascending sequence number, and
//! last its stage. Stages and blocks share one header ([`BlockHeader`]) and hold
//! [`Record`]s. Every block decodes alone: its delta state starts afresh. A stage
//! counts only if no block of its sequence number exists, so a process may die
//! at any instant between the two and nothing is lost or counted twice.
//!
//! * [`Header`]: page 0. [`BlockHeader`]: cells. [`Record`]: what happened.
//! * [`Encoder`] writes records into byte slices; it never allocates and never panics.
//! * [`Trace`] reads a file, also one whose program still runs; [`Records`] iterates a stream.
//! * [`pack()`] writes the trace of a finished program in a fraction of the bytes, and
//!   [`verify`] compares the two; [`Trace`] reads both.
//! * [`TraceBuilder`] makes synthetic traces for tests.
//!
//! # Versions
//! [`VERSION`] changes whenever the bytes change their meaning. New kinds of cold
//! records need no new version: readers skip kinds they do not know. A packed trace says
//! so in the upper half of the version; its model is part of the format.

#![forbid(unsafe_code)]

mod address;
mod arrays;
mod block;
mod builder;
mod cache;
mod decode;
mod encode;
mod error;
mod header;
mod ids;
mod pack;
mod reader;
mod record;
mod scopes;
mod source;
mod varint;

pub use address::{CodeAddress, FrameAddress};
pub use arrays::{
    ArrayHandle, ArrayLayout, ArrayNote, MAX_AXES, MAX_TEXT_BYTES, Place, TextId, TextKind,
};
pub use block::{BLOCK_HEADER_BYTES, BlockHeader, BlockWord, CellKind, PAGE_BYTES, cell_bytes};
pub use builder::{StreamBuilder, TraceBuilder};
pub use encode::{Encoder, MAX_ARRAY_RECORD_BYTES, MAX_COLD_RECORD_BYTES, MAX_HOT_RECORD_BYTES};
pub use error::TraceError;
pub use header::{
    ClockMode, EndState, HEADER_BYTES, Header, HeaderField, Identity, Peeked, StopReason,
    UnwindMode, VERSION, write_identity,
};
pub use ids::{NodeId, StreamId};
pub use pack::{Contents, Packing, pack, verify};
pub use reader::{CellCounts, Losses, Records, Stream, Trace};
pub use record::{Record, RecordKind};
pub use scopes::{ScopeLayout, ScopeTable};
pub use source::Source;
