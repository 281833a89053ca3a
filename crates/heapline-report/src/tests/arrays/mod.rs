//! Arrays of traces made up for them: what is known of each is known by construction.

mod changed;
mod holders;
mod shown;

use heapline_trace::{
    ArrayHandle, ArrayLayout, ArrayNote, NodeId, Place, StreamBuilder, TextId, TextKind,
    TraceBuilder,
};
use serde_json::Value;

use super::report;
use crate::arrays::{Advice, ArrayFacts, Arrays, MappedFiles};
use crate::{At, Report, render};

/// A stream with texts of its own.
struct Program<'a> {
    stream: &'a mut StreamBuilder,
    stamp: u64,
    texts: Vec<(TextKind, Vec<u8>)>,
}

impl Program<'_> {
    fn stamp(&mut self) -> u64 {
        self.stamp += 10;
        self.stamp
    }

    fn text(&mut self, kind: TextKind, text: &[u8]) -> TextId {
        let known = (kind, text.to_vec());
        if let Some(index) = self.texts.iter().position(|other| *other == known) {
            return TextId(index as u32);
        }
        let id = TextId(self.texts.len() as u32);
        self.stream.text(id, kind, text);
        self.texts.push(known);
        id
    }

    /// The layout of so many bytes in a row.
    fn bytes(&mut self, length: usize) -> TextId {
        self.layout(&[length], &[1])
    }

    fn layout(&mut self, shape: &[usize], strides: &[isize]) -> TextId {
        let mut text = [0; 64];
        let length = ArrayLayout::write(&mut text, "uint8", 1, shape, strides).expect("fits");
        self.text(TextKind::Layout, &text[..length])
    }

    fn place(&mut self, line: u32) -> TextId {
        let mut text = [0; 64];
        let length = Place::write(&mut text, "main.rs", line).expect("fits");
        self.text(TextKind::Place, &text[..length])
    }

    fn alloc(&mut self, address: u64, bytes: u64) {
        let stamp = self.stamp();
        self.stream.alloc(stamp, address, bytes, NodeId::COMPLETE);
    }

    fn realloc(&mut self, addresses: (u64, u64), bytes: u64) {
        let stamps = (self.stamp(), self.stamp());
        self.stream
            .realloc(stamps, addresses, bytes, NodeId::COMPLETE);
    }

    fn note(&mut self, note: &ArrayNote) {
        let stamp = self.stamp();
        self.stream.array(stamp, note);
    }

    /// Tracks so many bytes from an address on.
    fn track(&mut self, name: &str, address: u64, length: usize) {
        let note = ArrayNote::Tracked {
            address,
            layout: self.bytes(length),
            unique_bytes: Some(length as u64),
            name: self.text(TextKind::Name, name.as_bytes()),
            place: self.place(1),
        };
        self.note(&note);
    }

    /// A handle onto the buffer that `base` was made with, of bytes in a row.
    fn handle(&mut self, id: u64, base: u64, operation: &str, address: u64, length: usize) {
        let elements = (self.bytes(length), length as u64);
        self.handle_onto(id, base, operation, address, elements);
    }

    /// A handle onto elements of a layout and so many distinct bytes.
    fn handle_onto(
        &mut self,
        id: u64,
        base: u64,
        operation: &str,
        address: u64,
        (layout, unique_bytes): (TextId, u64),
    ) {
        let handle = ArrayHandle {
            id,
            base,
            address,
            layout,
            unique_bytes: Some(unique_bytes),
            mapped_bytes: None,
            record_bytes: 0,
            operation: self.text(TextKind::Operation, operation.as_bytes()),
            place: self.place(2),
        };
        self.note(&ArrayNote::Handle(handle));
    }

    /// The first handle onto so many bytes of a mapped file.
    fn mapped(&mut self, id: u64, address: u64, length: usize) {
        let handle = ArrayHandle {
            id,
            base: id,
            address,
            layout: self.bytes(length),
            unique_bytes: Some(length as u64),
            mapped_bytes: Some(length as u64),
            record_bytes: 0,
            operation: self.text(TextKind::Operation, b"open_npy_mmap"),
            place: self.place(4),
        };
        self.note(&ArrayNote::Handle(handle));
    }

    fn named(&mut self, id: u64, name: &str) {
        let name = self.text(TextKind::Name, name.as_bytes());
        self.note(&ArrayNote::Renamed { id, name });
    }

    fn copied(&mut self, from: u64, to: u64, bytes: u64, operation: &str) {
        let note = ArrayNote::Copied {
            from,
            to,
            bytes,
            fits_narrower: false,
            operation: self.text(TextKind::Operation, operation.as_bytes()),
            place: self.place(3),
        };
        self.note(&note);
    }
}

/// The report on what the program did.
fn recorded(program: impl FnOnce(&mut Program<'_>)) -> Report {
    let mut builder = TraceBuilder::new();
    let stream = builder.stream();
    program(&mut Program {
        stream,
        stamp: 0,
        texts: Vec::new(),
    });
    report(builder)
}

fn at(report: &Report, at: At) -> Arrays {
    report.arrays(at, &mut |_| {}).expect("reads again")
}

fn json(report: &Report, arrays: &Arrays) -> Value {
    serde_json::from_str(&render::json::arrays(report, arrays)).expect("JSON")
}

fn facts(arrays: &Arrays) -> Vec<&ArrayFacts> {
    let arrays = arrays.buffers.iter().flat_map(|buffer| &buffer.arrays);
    arrays.collect()
}

/// Names, bytes held and `nbytes`.
fn rows(arrays: &Arrays) -> Vec<(String, u64, Option<u64>)> {
    let buffers = arrays.buffers.iter().flat_map(|buffer| {
        let held = buffer.holds.heap_bytes();
        let arrays = buffer.arrays.iter();
        arrays.map(move |array| (array.label().name, held, array.known_nbytes()))
    });
    buffers.collect()
}
