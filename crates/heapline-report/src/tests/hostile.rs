//! Damaged traces give reports, never panics.

use heapline_trace::{ArrayHandle, ArrayNote, TextId, TextKind, TraceBuilder};
use proptest::prelude::*;

use super::every_report::every_report;
use super::stack;
use crate::symbols::SymbolOptions;

fn sample() -> Vec<u8> {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "f", &[1, 2, 3], 4, &[1, 1, 1]);
    let main = builder.stream();
    let node = stack(main, &[1, 2, 3]);
    main.module((0, 0x10), 0, b"id", "app")
        .scope_enter(1, 0, function, 0)
        .scope_line(2, 0, 1)
        .alloc(3, 0x100, 64, node)
        .flush()
        .realloc((4, 5), (0x100, 0x200), 4096, node)
        .scope_exit(6, 0)
        .text(TextId(0), TextKind::Operation, b"ones")
        .text(TextId(1), TextKind::Place, b"\x07\x07main.rs")
        .text(TextId(2), TextKind::Layout, b"\x05uint8\x01\x01\x20\x02")
        .array(6, &handle(1, 0x200))
        .array(6, &handle(2, 0x210))
        .flush()
        .dealloc(7, 0x200);
    let other = builder.stream();
    let node = stack(other, &[1, 5]);
    other.alloc(4, 0x300, 1 << 40, node).dealloc(9, 0x300);
    builder.finish()
}

fn handle(id: u64, address: u64) -> ArrayNote {
    ArrayNote::Handle(ArrayHandle {
        id,
        base: 1,
        address,
        layout: TextId(2),
        unique_bytes: Some(16),
        mapped_bytes: None,
        record_bytes: 0,
        operation: TextId(0),
        place: TextId(1),
    })
}

fn report_all(bytes: Vec<u8>) {
    every_report(bytes, SymbolOptions::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bits_do_no_harm(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6)) {
        let mut bytes = sample();
        for (index, bit) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        report_all(bytes);
    }

    #[test]
    fn flipped_bits_of_records_do_no_harm(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        // Stages have no checksum, so these bytes are believed.
        let mut bytes = sample();
        let stages: Vec<usize> = (0..bytes.len() - 4)
            .step_by(4096)
            .filter(|&at| bytes[at..at + 4] == *b"HLst")
            .collect();
        for (index, byte) in flips {
            let at = stages[index.index(stages.len())] + 16 + index.index(80);
            bytes[at] = byte;
        }
        report_all(bytes);
    }

    #[test]
    fn cut_files_do_no_harm(length in any::<prop::sample::Index>()) {
        let mut bytes = sample();
        bytes.truncate(length.index(bytes.len()));
        report_all(bytes);
    }
}
