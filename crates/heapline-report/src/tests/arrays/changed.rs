//! Arrays that are reallocated, resized or named again.

use super::*;

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
            text.contains("\nLeft out of the sum of nbytes is 1 array whose"),
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
fn another_name_for_the_same_elements_is_beside_the_first() {
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
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!((arrays.array_count(), arrays.nbytes()), (4, 300));
    assert_eq!(arrays.buffers[0].used_bytes, Some(100));
    assert_eq!((arrays.buffer_count(), arrays.held_bytes()), (1, 100));
}

#[test]
fn a_handle_that_is_tracked_is_one_array() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.handle(1, 1, "zeros", 0x10_0000, 1_000);
        program.handle(2, 1, "slice", 0x10_0000, 10);
        program.handle(3, 1, "slice", 0x10_0000, 10);
        program.note(&ArrayNote::Dropped { id: 3 });
        program.track("whole", 0x10_0000, 1_000);
        program.track("part", 0x10_0000, 10);
        // No handle is onto these.
        program.track("other", 0x10_0000, 20);
        program.track("later", 0x10_0001, 10);
    });
    let arrays = at(&report, At::End);
    let expected = [("whole", 1_000), ("part", 10), ("other", 20), ("later", 10)];
    let expected = expected.map(|(name, nbytes)| (name.to_owned(), 1_000, Some(nbytes)));
    assert_eq!(rows(&arrays), expected);
    assert_eq!((arrays.array_count(), arrays.nbytes()), (4, 1_040));
}

#[test]
fn a_name_that_goes_on_to_other_elements_leaves_the_one_it_met() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.track("p", 0x10_0000, 1_000);
        for offset in [0, 10, 20] {
            program.track("part", 0x10_0000 + offset, 1_000 - offset as usize);
        }
        program.alloc(0x20_0000, 1_000);
        program.handle(1, 1, "zeros", 0x20_0000, 1_000);
        program.named(1, "a");
        program.track("part", 0x20_0000, 1_000);
        program.track("part", 0x20_0010, 10);
    });
    let expected = [
        ("a", 1_000),
        ("part", 10),
        ("p", 1_000),
        ("part", 1_000 - 20),
    ];
    let expected = expected.map(|(name, nbytes)| (name.to_owned(), 1_000, Some(nbytes)));
    assert_eq!(rows(&at(&report, At::End)), expected);
}

#[test]
fn a_plain_array_that_becomes_a_handle_is_one_array() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.track("grown", 0x10_0000, 1_000);
        program.track("part", 0x10_0010, 10);
        program.realloc((0x10_0000, 0x20_0000), 2_000);
        program.handle(1, 1, "from_array", 0x20_0000, 2_000);
        program.named(1, "pushed");
        program.alloc(0x30_0000, 500);
        program.track("column", 0x30_0010, 10);
        program.track("matrix", 0x30_0000, 500);
        program.handle(2, 2, "from_array", 0x30_0000, 500);
        // Of a block from before the recording.
        program.track("old", 0x70_0000, 100);
        program.handle(3, 3, "from_array", 0x70_0000, 100);
    });
    let expected = [
        ("pushed".to_owned(), 2_000, Some(2_000)),
        ("matrix".to_owned(), 500, Some(500)),
        ("old".to_owned(), 0, Some(100)),
    ];
    let arrays = at(&report, At::End);
    assert_eq!(rows(&arrays), expected);
    assert!(facts(&arrays).iter().all(|array| array.id.is_some()));
}
