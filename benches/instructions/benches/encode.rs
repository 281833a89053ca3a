//! Records into a buffer.

#![expect(
    missing_docs,
    reason = "what gungraun's macros make has no documentation"
)]

use std::hint::black_box;

use gungraun::prelude::*;
use heapline_instructions::{EVENTS, config, counted};
use heapline_trace::{Encoder, FrameAddress, MAX_HOT_RECORD_BYTES, NodeId};

/// Bytes of a recorder's stage when it is busy.
const STAGE_BYTES: usize = 64 << 10;

/// What a recorder does with records, without a file.
struct Writer {
    encoder: Encoder,
    stage: Box<[u8]>,
    used: usize,
}

impl Writer {
    fn new() -> Self {
        Writer {
            encoder: Encoder::new(),
            stage: vec![0; STAGE_BYTES].into(),
            used: 0,
        }
    }

    fn put(&mut self, record: impl FnOnce(&mut Encoder, &mut [u8]) -> Option<usize>) {
        if self.stage.len() - self.used < MAX_HOT_RECORD_BYTES {
            self.encoder.begin_block(self.encoder.last_stamp());
            self.used = 0;
        }
        let written = record(&mut self.encoder, &mut self.stage[self.used..]);
        self.used += written.expect("room for a record");
    }
}

/// Writes a record for every event number, so that stamps ascend from round to round.
fn records(mut write: impl FnMut(&mut Writer, u64)) {
    let mut writer = Writer::new();
    counted(&mut |round| {
        let first = round * EVENTS;
        for event in first..first + EVENTS {
            write(&mut writer, u64::from(event));
        }
    });
    black_box(&writer.stage);
}

/// The block that is made by this event, of some thousands that take turns.
fn address(event: u64) -> u64 {
    0x7f00_0000_0000 + (event.wrapping_mul(0x9e37_79b9) & 0xffff) * 64
}

/// Its stack, of 256 that take turns.
fn node(event: u64) -> NodeId {
    NodeId(NodeId::FIRST_FRAME.0 + (event.wrapping_mul(31) & 0xff) as u32)
}

// The same block and the same stack again and again.
#[library_benchmark]
fn pairs_of_one_block() {
    records(|writer, event| {
        let block = address(0);
        if event & 1 == 0 {
            writer.put(|encoder, out| encoder.alloc(out, event * 5, block, 64, node(0), false));
        } else {
            writer.put(|encoder, out| encoder.dealloc(out, event * 5, block));
        }
    });
}

#[library_benchmark]
fn allocs() {
    records(|writer, event| {
        let (block, node) = (address(event), node(event));
        writer.put(|encoder, out| encoder.alloc(out, event * 20, block, 64, node, false));
    });
}

#[library_benchmark]
fn deallocs() {
    records(|writer, event| {
        let block = address(event);
        writer.put(|encoder, out| encoder.dealloc(out, event * 20, block));
    });
}

#[library_benchmark]
fn reallocs() {
    records(|writer, event| {
        let stamps = (event * 20, event * 20 + 10);
        let blocks = (address(event), address(event + 1));
        let node = node(event);
        writer.put(|encoder, out| encoder.realloc(out, stamps, blocks, 128, node));
    });
}

#[library_benchmark]
fn nodes() {
    records(|writer, event| {
        let code = FrameAddress::Return(0x5500_0000_0000 + (event.wrapping_mul(0x9e37) & 0xf_ffff));
        writer.put(|encoder, out| {
            let parent = NodeId(encoder.next_node() - 1);
            encoder.node(out, parent, code).map(|(length, _)| length)
        });
    });
}

library_benchmark_group!(
    name = encode,
    benchmarks = [pairs_of_one_block, allocs, deallocs, reallocs, nodes]
);
main!(config = config(), library_benchmark_groups = encode);
