//! Damaged traces give reports, never panics.

use heapline_trace::TraceBuilder;
use proptest::prelude::*;

use super::stack;
use crate::{FoldedOptions, LineOptions, Options, Report, render};

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
        .flush()
        .dealloc(7, 0x200);
    let other = builder.stream();
    let node = stack(other, &[1, 5]);
    other.alloc(4, 0x300, 1 << 40, node).dealloc(9, 0x300);
    builder.finish()
}

/// Every report on the bytes, if they are a trace at all.
fn report_all(bytes: Vec<u8>) {
    let path = std::path::Path::new("hostile.heapline");
    let Ok(report) = Report::from_bytes(path, bytes, &Options::default(), &mut |_| {}) else {
        return;
    };
    let _ = render::json::summary(&report);
    let _ = render::text::info(&report);
    let _ = render::text::profile(&report.profile_tables());
    let options = LineOptions {
        all: true,
        maxima: true,
        ..LineOptions::default()
    };
    let table = report.lines(&options, &mut |_| {}).expect("reads again");
    let _ = render::text::lines(&report, &table);
    if let Ok(folded) = report.folded(&FoldedOptions::default(), &mut |_| {}) {
        render::flamegraph::svg(&report, &folded).expect("draws");
    }
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
