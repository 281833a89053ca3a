//! Arrays of traces made up for them: what is known of each is known by construction.

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

#[test]
fn a_reallocation_leaves_the_layout_unknown_until_it_is_tracked_again() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 800);
        program.track("grown", 0x10_0000, 800);
        program.alloc(0x20_0000, 3_000_000);
        program.track("whole", 0x20_0000, 3_000_000);
        program.realloc((0x10_0000, 0x80_0000), 2_000_000);
        // Now the peak is over.
        program.realloc((0x20_0000, 0x20_0000), 2_500_000);
        program.track("whole", 0x20_0000, 2_500_000);
    });
    for instant in [At::Peak, At::End] {
        let arrays = at(&report, instant);
        let whole = if instant == At::Peak {
            3_000_000
        } else {
            2_500_000
        };
        let expected = [
            ("whole".to_owned(), whole, Some(whole)),
            ("grown".to_owned(), 2_000_000, None),
        ];
        assert_eq!(rows(&arrays), expected, "{instant:?}");
        assert_eq!((arrays.nbytes(), arrays.unknown_count()), (whole, 1));
        assert_eq!(arrays.advice, [], "neither small nor slack");
        let grown = facts(&arrays)[1];
        assert!(grown.is_reallocated && grown.layout.is_none() && grown.unique_bytes.is_none());
        assert_eq!(grown.dtype.as_deref(), Some("uint8"));
        let text = render::text::arrays(&report, &arrays, 50);
        let row = text.lines().find(|line| line.starts_with("grown "));
        let words: Vec<&str> = row.expect("shown").split_whitespace().collect();
        let expected = [
            "grown",
            "track",
            "uint8",
            "-",
            "-",
            "-",
            "-",
            "2,000,000",
            "main.rs:1",
        ];
        assert_eq!(words, expected);
        assert!(text.contains("; the nbytes of 1 array is "), "{text}");
        assert!(
            text.contains("\nLeft out of that sum is 1 array whose"),
            "{text}"
        );
        let json = json(&report, &arrays);
        let grown = &json["buffers"][1]["arrays"][0];
        assert!(
            grown["nbytes"].is_null() && grown["shape"].is_null(),
            "{grown}"
        );
        assert_eq!(json["unknown_nbytes_count"], 1);
    }
}

#[test]
fn a_reallocation_that_sets_the_peak_is_of_the_array_it_resized() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 8_000);
        program.handle(1, 1, "zeros", 0x10_0000, 8_000);
        program.named(1, "a");
        program.alloc(0x20_0000, 1_000);
        program.handle(2, 2, "ones", 0x20_0000, 1_000);
        program.named(2, "b");
        program.alloc(0x30_0000, 10);
        program.track("plain", 0x30_0000, 10);
        program.realloc((0x10_0000, 0x80_0000), 160_000);
        program.handle(1, 1, "resize", 0x80_0000, 160_000);
    });
    let expected = [
        ("a".to_owned(), 160_000, Some(160_000)),
        ("b".to_owned(), 1_000, Some(1_000)),
        ("plain".to_owned(), 10, Some(10)),
    ];
    for instant in [At::Peak, At::End] {
        let arrays = at(&report, instant);
        assert_eq!(rows(&arrays), expected, "{instant:?}");
        assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (3, 161_010));
        assert!(facts(&arrays).iter().all(|array| !array.is_gone));
    }
}

#[test]
fn an_array_that_had_no_block_is_resized_into_one() {
    let report = recorded(|program| {
        program.handle(1, 1, "zeros", 0, 0);
        program.alloc(0x10_0000, 500);
        program.handle(1, 1, "resize", 0x10_0000, 500);
        program.named(1, "a");
    });
    let arrays = at(&report, At::Peak);
    assert_eq!(rows(&arrays), [("a".to_owned(), 500, Some(500))]);
}

#[test]
fn a_plain_array_tracked_after_the_peak_that_its_reallocation_set_is_known() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 100);
        program.track("a", 0x10_0000, 100);
        program.track("part", 0x10_0010, 10);
        program.realloc((0x10_0000, 0x20_0000), 200);
        program.track("a", 0x20_0000, 150);
    });
    let expected = [
        ("a".to_owned(), 200, Some(150)),
        ("part".to_owned(), 200, None),
    ];
    let mut found = rows(&at(&report, At::Peak));
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_plain_array_reallocated_before_the_peak_and_tracked_after_it_is_not_known_at_it() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 100);
        program.track("a", 0x10_0000, 100);
        program.realloc((0x10_0000, 0x20_0000), 200);
        // The peak; then pushes, perhaps.
        program.alloc(0x30_0000, 10);
        program.track("a", 0x20_0000, 150);
    });
    assert_eq!(rows(&at(&report, At::Peak)), [("a".to_owned(), 200, None)]);
    assert_eq!(
        rows(&at(&report, At::End)),
        [("a".to_owned(), 200, Some(150))]
    );
}

#[test]
fn another_name_for_the_same_elements_replaces_the_first() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 100);
        program.track("a", 0x10_0000, 100);
        program.track("b", 0x10_0000, 100);
        // Of other elements.
        program.track("c", 0x10_0000, 50);
        program.track("d", 0x10_0010, 50);
        // Of the peak.
        program.alloc(0x20_0000, 100);
    });
    let arrays = at(&report, At::Peak);
    let names: Vec<_> = rows(&arrays).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["b", "c", "d"]);
    assert_eq!((arrays.array_count(), arrays.nbytes()), (3, 200));
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (1, 100));
}

#[test]
fn only_writes_to_shared_buffers_are_copies_on_write() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 100_000);
        program.handle(1, 1, "zeros", 0x10_0000, 100_000);
        for (to, operation) in [(2, "make_mut"), (3, "make_mut, read-only")] {
            let address = 0x10_0000 * to;
            program.alloc(address, 100_000);
            program.handle(to, to, operation, address, 100_000);
            program.copied(1, to, 100_000, operation);
        }
    });
    let arrays = at(&report, At::End);
    let copies = arrays.copies.iter();
    let copies: Vec<_> = copies
        .map(|site| (site.operation.as_str(), site.bytes, site.is_copy_on_write))
        .collect();
    let expected = [
        ("make_mut", 100_000, true),
        ("make_mut, read-only", 100_000, false),
    ];
    assert_eq!(copies, expected);
    let [Advice::CopyOnWrite(site)] = arrays.advice.as_slice() else {
        panic!("{:?}", arrays.advice);
    };
    assert_eq!(site.operation, "make_mut");
}

#[test]
fn views_that_are_alike_are_a_row_and_the_others_are_limited() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000_000);
        program.handle(1, 1, "zeros", 0x10_0000, 1_000_000);
        program.named(1, "m");
        for n in 0..300 {
            program.handle(2 + n, 1, "slice", 0x10_0000 + 10 * n, 10);
        }
        // Other gaps between the elements are not shown.
        for (id, stride) in [(1001, 2), (1002, 3)] {
            let layout = program.layout(&[5], &[stride]);
            program.handle_onto(id, 1, "slice", 0x10_0000, (layout, 5));
        }
        for n in 0..60 {
            program.handle(2001 + n, 1, "slice", 0x10_0000, 100 + n as usize);
        }
        program.handle(3001, 1, "slice", 0x10_0000, 10);
        program.named(3001, "v");
    });
    let arrays = at(&report, At::End);
    let nbytes = 1_000_000 + 300 * 10 + 2 * 5 + (0..60).map(|n| 100 + n).sum::<u64>() + 10;
    assert_eq!((arrays.array_count(), arrays.nbytes()), (364, nbytes));
    assert_eq!(arrays.buffers[0].holders(), 364);
    let below = |limit: usize| {
        let text = render::text::arrays(&report, &arrays, limit);
        let rows = text.lines().filter(|line| line.starts_with("  "));
        let rows: Vec<String> = rows.map(|row| row.trim_start().to_owned()).collect();
        rows
    };
    let all = below(100);
    assert_eq!(all.len(), 1 + 1 + 60 + 1);
    assert!(all[0].starts_with("300 alike  slice"), "{}", all[0]);
    assert!(all[1].starts_with("2 alike  "), "{}", all[1]);
    assert!(all[62].starts_with("v  "), "{}", all[62]);
    assert_eq!(below(63), all, "as many as there are");
    let some = below(50);
    assert_eq!(some.len(), 50 + 1);
    assert_eq!(some[50], "… and 13 more");
    assert_eq!(
        below(1)[1],
        "… and 63 more",
        "views that are alike are not one"
    );
    let json = json(&report, &arrays);
    let views = json["buffers"][0]["arrays"].as_array().expect("views");
    assert_eq!((views.len(), &views[1]["count"]), (64, &300.into()));
    assert_eq!(
        (&json["counted_views"], &json["is_at_least"]),
        (&0.into(), &false.into())
    );
}

#[test]
fn views_that_were_only_counted_make_sums_lower_bounds() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.handle(1, 1, "zeros", 0x10_0000, 1_000);
        program.handle(2, 1, "slice", 0x10_0000, 10);
        let place = program.place(2);
        for _ in 0..2 {
            program.note(&ArrayNote::Counted { views: 4096, place });
        }
    });
    let arrays = at(&report, At::End);
    assert_eq!((arrays.counted_views, arrays.array_count()), (8192, 2));
    let text = render::text::arrays(&report, &arrays, 50);
    let caption =
        "≥ 1 buffer holds ≥ 1,000 B (1000 B); the nbytes of ≥ 2 arrays add up to ≥ 1,010 B.";
    assert!(text.contains(caption), "{text}");
    assert!(
        text.contains("\n≥ 8,192 views more were made in the run"),
        "{text}"
    );
    let json = json(&report, &arrays);
    assert_eq!(
        (&json["counted_views"], &json["is_at_least"]),
        (&8192.into(), &true.into())
    );
}

#[test]
fn mapped_files_are_beside_the_sums_of_the_heap() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.handle(1, 1, "zeros", 0x10_0000, 1_000);
        program.mapped(2, 0x7000_0000, 40_960);
        program.handle(3, 2, "slice", 0x7000_0000, 100);
    });
    let arrays = at(&report, At::End);
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (1, 1_000));
    assert_eq!((arrays.array_count(), arrays.nbytes()), (1, 1_000));
    let mapped = MappedFiles {
        buffers: 1,
        bytes: 40_960,
        arrays: 2,
        nbytes: 41_060,
    };
    assert_eq!(arrays.mapped(), mapped);
    let text = render::text::arrays(&report, &arrays, 50);
    let caption = "1 buffer holds 1,000 B (1000 B); the nbytes of 1 array is 1,000 B.\n\
                   Besides, 1 buffer is a mapped file: 40,960 B, none of it on the heap; \
                   the nbytes of 2 arrays add up to 41,060 B.\n";
    assert!(text.contains(caption), "{text}");
    let notes = render::text::line_notes(&arrays, |place| place.line == 4);
    assert_eq!(notes, "[open_npy_mmap: 0 B, maps 40,960 B]");
    let json = json(&report, &arrays);
    assert_eq!(
        (&json["nbytes"], &json["mapped_nbytes"]),
        (&1_000.into(), &41_060.into())
    );
    let note = json["lines"].as_array().expect("notes").iter();
    let mut note = note.filter(|note| note["operation"] == "open_npy_mmap");
    let note = note.next().expect("there");
    assert_eq!(
        (&note["bytes"], &note["mapped_bytes"]),
        (&0.into(), &40_960.into())
    );
}

#[test]
fn warnings_beyond_the_limit_are_told_of() {
    let report = recorded(|program| {
        for (n, name) in (1..).zip(["a", "b", "c", "d", "e"]) {
            let address = 0x100_0000 * n;
            program.alloc(address, 1_000_000);
            program.track(name, address, 200_000);
        }
    });
    let arrays = at(&report, At::End);
    let end = |limit: usize| {
        let text = render::text::arrays(&report, &arrays, limit);
        let lines = text
            .lines()
            .filter(|line| line.contains("warning"))
            .map(|line| line.chars().take(7).collect());
        let lines: Vec<String> = lines.collect();
        (lines, text.lines().last().map(str::to_owned))
    };
    let warning = "warning".to_owned();
    let (lines, last) = end(2);
    assert_eq!(
        lines,
        [warning.clone(), warning.clone(), "… and 3".to_owned()]
    );
    assert_eq!(
        last.as_deref(),
        Some("… and 3 warnings more; --limit shows them")
    );
    assert_eq!(end(5).0, vec![warning; 5]);
}

#[test]
fn json_says_orders_and_how_many_hold_a_buffer() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 6);
        let rows = program.layout(&[2, 3], &[3, 1]);
        program.handle_onto(1, 1, "zeros", 0x10_0000, (rows, 6));
        let columns = program.layout(&[3, 2], &[1, 3]);
        program.handle_onto(2, 1, "t", 0x10_0000, (columns, 6));
        program.handle_onto(3, 1, "t", 0x10_0000, (columns, 6));
        let every_other = program.layout(&[2, 2], &[3, 2]);
        program.handle_onto(4, 1, "slice", 0x10_0000, (every_other, 4));
    });
    let json = json(&report, &at(&report, At::End));
    let buffer = &json["buffers"][0];
    assert_eq!(
        (&buffer["order"], &buffer["holders"]),
        (&"C".into(), &4.into())
    );
    let arrays = buffer["arrays"].as_array().expect("arrays").iter();
    let arrays: Vec<_> = arrays
        .map(|array| (array["order"].as_str(), &array["count"], &array["holders"]))
        .collect();
    let (one, two, four) = (1.into(), 2.into(), 4.into());
    let expected = [
        (Some("C"), &one, &four),
        (Some("F"), &two, &four),
        (Some("-"), &one, &four),
    ];
    assert_eq!(arrays, expected);
}
