//! What is done with hostile bytes: by the fuzzer, and by the tests with every file of
//! the corpora.
//!
//! | target | bytes are |
//! |---|---|
//! | `trace` | a whole trace, raw or packed; the fuzzer's build looks at no checksum |
//! | `records` | the records of one stage, which has no checksum in any build |
//! | `object` | the file of the program that a trace names |
//! | `symbols` | the symbols stored beside a trace |
//! | `notes` | headers and notes of a module, as the recorder reads them |
#![allow(
    dead_code,
    reason = "each of the fuzzer's programs uses one of these functions"
)]

use std::path::PathBuf;

use every_report::every_report;
use heapline_report::symbols::SymbolOptions;
use heapline_trace::{
    BlockHeader, BlockWord, CellKind, FrameAddress, HEADER_BYTES, Header, NodeId, StreamId,
    TraceBuilder, cell_bytes,
};

#[allow(clippy::unwrap_used, reason = "its own tests come along")]
#[path = "../../crates/heapline-unwind/src/elf.rs"]
mod elf;
#[path = "every_report.rs"]
mod every_report;

/// Reads it as every command does.
pub(crate) fn trace(bytes: &[u8]) {
    every_report(bytes.to_vec(), SymbolOptions::default());
}

/// Puts the records into a trace of one stage.
pub(crate) fn records(bytes: &[u8]) {
    let mut file = Header::default().encode().to_vec();
    let header = BlockHeader {
        stream: StreamId(0),
        word: BlockWord {
            sequence: 0,
            used: bytes.len() as u32,
        },
        base_stamp: 0,
        first_node: NodeId::FIRST_FRAME.0,
        cell_bytes: cell_bytes(heapline_trace::BLOCK_HEADER_BYTES + bytes.len()) as u32,
        anchor_stamp: 0,
        anchor_monotonic_ns: 0,
    };
    file.extend_from_slice(&header.encode(CellKind::Stage, &[]));
    file.extend_from_slice(bytes);
    file.resize(HEADER_BYTES + header.cell_bytes as usize, 0);
    every_report(file, SymbolOptions::default());
}

/// Looks up functions and lines of a trace in the file.
pub(crate) fn object(bytes: &[u8]) {
    let file = Scratch::new("object", bytes);
    let path = file.0.to_string_lossy().into_owned();
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    main.module((0, 1 << 40), 0, b"", &path);
    // A few places all over the file's code, whatever it may be.
    let mut node = NodeId::COMPLETE;
    for address in (0..64).map(|step| step * 0x123) {
        node = main.node(node, FrameAddress::Return(address));
        main.alloc(address, 0x1000 + address, 64, node);
    }
    every_report(builder.finish(), SymbolOptions::default());
}

/// Reads the symbols for a trace beside which they lie.
pub(crate) fn symbols(bytes: &[u8]) {
    let stored = Scratch::new("symbols", bytes);
    let options = SymbolOptions {
        store: Some(stored.0.clone()),
        ..SymbolOptions::default()
    };
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    main.module((0, 1 << 20), 0, &[1, 2, 3, 4], "/app");
    let node = main.node(NodeId::COMPLETE, FrameAddress::Return(0x1a2c));
    main.alloc(1, 0x1000, 64, node);
    every_report(builder.finish(), options);
}

/// Reads a module's headers and notes, which lie one behind the other.
pub(crate) fn notes(bytes: &[u8]) {
    let Some(headers) = elf::Headers::parse(bytes) else {
        return;
    };
    let _ = headers.linked_start();
    for note in headers.notes() {
        let from = usize::try_from(note.address).unwrap_or(usize::MAX);
        let notes = bytes.get(from..).unwrap_or_default();
        let found = elf::build_id(notes, note.alignment);
        assert!(found.is_none_or(|id| id.len() <= notes.len()));
        let _ = headers.is_code(note.address);
        let _ = headers.segment_end(note.address);
    }
    let _ = headers.eh_frame_header();
}

/// A file with these bytes, for as long as the value lives.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Scratch {
        let thread = std::thread::current().id();
        let name = format!("heapline-fuzz-{name}-{}-{thread:?}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("a folder for temporary files that can be written");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: it lies among temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}
