//! Which arrays hold which block, and how much of it they use.

use super::*;

/// A buffer of 4,000,000 bytes named `a`, and a view of it without elements.
fn with_empty_view(program: &mut Program<'_>) {
    program.alloc(0x10_0000, 4_000_000);
    program.handle(1, 1, "zeros", 0x10_0000, 4_000_000);
    program.named(1, "a");
    program.handle(2, 1, "slice", 0, 0);
    program.named(2, "empty");
}

#[test]
fn an_empty_view_is_of_the_buffer_that_it_keeps() {
    let report = recorded(with_empty_view);
    let arrays = at(&report, At::End);
    let expected = [("a", 4_000_000), ("empty", 0)];
    let expected = expected.map(|(name, nbytes)| (name.to_owned(), 4_000_000, Some(nbytes)));
    assert_eq!(rows(&arrays), expected);
    assert!(facts(&arrays).iter().all(|array| !array.is_gone));
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (1, 4_000_000));
}

#[test]
fn an_empty_view_alone_keeps_its_buffer() {
    let report = recorded(|program| {
        with_empty_view(program);
        program.note(&ArrayNote::Dropped { id: 1 });
    });
    let arrays = at(&report, At::End);
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (1, 4_000_000));
    let gone: Vec<bool> = facts(&arrays).iter().map(|array| array.is_gone).collect();
    assert_eq!(gone, [true, false]);
    let text = render::text::arrays(&report, &arrays, 9);
    let warning = "only empty (0 B) keeps the 4,000,000 B of a (main.rs:2) alive (0.0000 %)";
    assert!(text.contains(warning), "{text}");
}

/// What the views use of the buffer they keep.
fn used(views: impl FnOnce(&mut Program<'_>)) -> (Option<u64>, String) {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 4_000_000);
        program.handle(1, 1, "zeros", 0x10_0000, 4_000_000);
        views(program);
        program.note(&ArrayNote::Dropped { id: 1 });
    });
    let arrays = at(&report, At::End);
    (
        arrays.buffers[0].used_bytes,
        render::text::arrays(&report, &arrays, 9),
    )
}

#[test]
fn views_of_the_same_elements_use_them_once() {
    let (used, text) = used(|program| {
        for id in 2..13 {
            program.handle(id, 1, "clone", 0x10_0000, 40_000);
        }
    });
    assert_eq!(used, Some(40_000));
    let warning = "only clone #2 and 10 more (40,000 B) keep the 4,000,000 B of zeros #1 \
                   (main.rs:2) alive (1.0000 %); copies of them would release them";
    assert!(text.contains(warning), "{text}");
}

#[test]
fn views_that_overlap_use_no_more_than_they_span() {
    let (bytes, _) = used(|program| {
        // Ten bytes that overlap, and apart from them five.
        program.handle(2, 1, "slice", 0x10_0000, 6);
        program.handle(3, 1, "slice", 0x10_0002, 6);
        program.handle(4, 1, "slice", 0x10_0004, 6);
        program.handle(5, 1, "slice", 0x10_0010, 5);
    });
    assert_eq!(bytes, Some(10 + 5));
    let (bytes, _) = used(|program| {
        // Three bytes each, which span 9 and touch 6; backwards and repeated ones, too.
        let every_fourth = program.layout(&[3], &[4]);
        program.handle_onto(2, 1, "slice", 0x10_0000, (every_fourth, 3));
        program.handle_onto(3, 1, "slice", 0x10_0001, (every_fourth, 3));
        let backwards = program.layout(&[3], &[-4]);
        program.handle_onto(4, 1, "slice", 0x10_0100, (backwards, 3));
        let repeated = program.layout(&[1_000, 3], &[0, 1]);
        program.handle_onto(5, 1, "broadcast_to", 0x10_0200, (repeated, 3));
        let none = program.layout(&[0, 3], &[3, 1]);
        program.handle_onto(6, 1, "slice", 0, (none, 0));
    });
    assert_eq!(bytes, Some(6 + 3 + 3));
}

fn warnings(program: impl FnOnce(&mut Program<'_>)) -> Vec<String> {
    let report = recorded(program);
    let text = render::text::arrays(&report, &at(&report, At::End), 9);
    let warnings = text.lines().filter(|line| line.starts_with("warning"));
    warnings.map(str::to_owned).collect()
}

#[test]
fn a_plain_array_keeps_its_block_if_it_owns_it() {
    let found = warnings(|program| {
        program.alloc(0x10_0000, 8_000_000);
        program.track("pv", 0x10_0000, 80_000);
    });
    let expected = "warning: main.rs:1: only pv (80,000 B) keeps the 8,000,000 B alive \
                    (1.0000 %), if it owns its buffer; a copy of it would release them";
    assert_eq!(found, [expected], "small or spare, not both");
    let found = warnings(|program| {
        program.alloc(0x10_0000, 1_000_000);
        program.track("first half", 0x10_0000, 500_000);
        program.alloc(0x20_0000, 1_000_000);
        // What comes before these is not capacity, nor perhaps what comes behind.
        program.track("middle", 0x20_0010, 500_000);
        program.alloc(0x30_0000, 1_000_000);
        program.handle(1, 1, "from_array", 0x30_0010, 500_000);
    });
    let expected = "warning: main.rs:1: first half has 500,000 B of elements in a block of \
                    1,000,000 B: 500,000 B are spare capacity, if it owns its buffer";
    assert_eq!(found, [expected]);
}

#[test]
fn what_is_tracked_beside_handles_is_borrowed_of_them() {
    let program = |program: &mut Program<'_>| {
        program.alloc(0x10_0000, 4_000_000);
        program.handle(1, 1, "zeros", 0x10_0000, 4_000_000);
        program.handle(2, 1, "slice", 0x10_0000, 100);
        program.named(2, "v");
        program.note(&ArrayNote::Dropped { id: 1 });
        program.track("borrowed", 0x10_0000, 50);
    };
    let expected = "warning: main.rs:2: only v (100 B) keeps the 4,000,000 B of zeros #1 \
                    (main.rs:2) alive (0.0025 %); a copy of it would release them";
    assert_eq!(warnings(program), [expected]);
    let report = recorded(program);
    let arrays = at(&report, At::End);
    assert_eq!((arrays.array_count(), arrays.buffers[0].holders()), (2, 1));
}

#[test]
fn arrays_in_no_known_block_are_told_and_their_bytes_are_in_no_sum() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.handle(1, 1, "zeros", 0x10_0000, 1_000);
        program.handle(2, 2, "zeros", 0, 0);
        // Two views of a buffer that nobody told of, and two plain arrays; of one the memory
        // is freed, of the other it becomes another block's.
        program.handle(4, 3, "slice", 0x70_0000, 24);
        program.handle(5, 3, "slice", 0, 0);
        program.track("before", 0x71_0000, 100);
        program.track("static", 0x72_0010, 16);
        program.track("before, too", 0x73_0000, 100);
        program.track("reused", 0x74_0010, 100);
        program.track("no elements", 0, 0);
        let stamp = program.stamp();
        program.stream.dealloc(stamp, 0x73_0000);
        program.alloc(0x74_0000, 500);
    });
    let arrays = at(&report, At::End);
    let mut found = rows(&arrays);
    found.sort();
    let expected = [
        ("before", 0, 100),
        ("no elements", 0, 0),
        ("slice #4", 0, 24),
        ("slice #5", 0, 0),
        ("static", 0, 16),
        ("zeros #1", 1_000, 1_000),
        ("zeros #2", 0, 0),
    ];
    let expected = expected.map(|(name, held, nbytes)| (name.to_owned(), held, Some(nbytes)));
    assert_eq!(found, expected);
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (6, 1_000));
    assert_eq!(arrays.unknown_buffer_count(), 3);
    assert_eq!(json(&report, &arrays)["unknown_buffer_count"], 3);
    let text = render::text::arrays(&report, &arrays, 9);
    let caption = "\nOf 3 buffers the bytes are not known and in no sum: they were allocated \
                   before recording began, or not by this allocator.\n";
    assert!(text.contains(caption), "{text}");
    let not_known = text.lines().filter(|line| line.contains("  not known  "));
    assert_eq!(not_known.count(), 4, "{text}");
}
