//! What tables, warnings and JSON make of many arrays, of copies and of mapped files.

use super::*;

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
    let caption = "≥ 1 buffer holds ≥ 1,000 B (1000 B) of 1,000 B live; the nbytes of ≥ 2 arrays add up to ≥ 1,010 B.";
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
    let caption = "1 buffer holds 1,000 B (1000 B) of 1,000 B live; the nbytes of 1 array is \
                   1,000 B.\n\
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

#[test]
fn buffers_that_views_alone_keep_are_listed_with_both_lines() {
    let report = recorded(|program| {
        for (n, name) in [(1, "m"), (2, "other")] {
            let address = 0x100_0000 * n;
            program.alloc(address, 4_000_000);
            program.handle(10 * n, 10 * n, "zeros", address, 4_000_000);
            program.named(10 * n, name);
            program.handle(10 * n + 1, 10 * n, "slice", address, 8);
            program.named(10 * n + 1, "v");
        }
        program.note(&ArrayNote::Dropped { id: 10 });
    });
    let arrays = at(&report, At::End);
    let gone: Vec<bool> = arrays.buffers.iter().map(|b| b.gone().is_some()).collect();
    assert_eq!(gone, [true, false]);
    let text = render::text::arrays(&report, &arrays, 9);
    let listed = "Held by views alone, what they were made for being dropped: 1 buffer of 4,000,000 B.\n  \
                  4,000,000 B of m (main.rs:2) by v (main.rs:2)\n";
    assert!(text.contains(listed), "{text}");
    let warning = "warning: main.rs:2: only v (8 B) keeps the 4,000,000 B of m (main.rs:2) alive";
    assert!(text.contains(warning), "{text}");
    let json = json(&report, &arrays);
    assert_eq!(json["buffers"][0]["is_held_by_views"], true);
    assert_eq!(json["buffers"][1]["is_held_by_views"], false);
    assert_eq!(json["warnings"][0]["base"]["at"]["line"], 2);
}

#[test]
fn nothing_is_the_only_one_where_views_were_only_counted() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 4_000_000);
        program.handle(1, 1, "zeros", 0x10_0000, 4_000_000);
        program.handle(2, 1, "slice", 0x10_0000, 8);
        program.note(&ArrayNote::Dropped { id: 1 });
        let place = program.place(7);
        program.note(&ArrayNote::Counted { views: 5, place });
    });
    let arrays = at(&report, At::End);
    let text = render::text::arrays(&report, &arrays, 9);
    let warning =
        "slice #2 (8 B), if no view that was only counted, keeps the 4,000,000 B of zeros #1";
    assert!(
        text.contains(warning) && !text.contains("only slice"),
        "{text}"
    );
    assert_eq!(json(&report, &arrays)["warnings"][0]["is_at_least"], true);
}

#[test]
fn notes_on_a_line_name_what_was_copied_or_how() {
    let note = |name: Option<&str>, operation: &str| {
        let report = recorded(|program| {
            program.alloc(0x10_0000, 1_000);
            program.handle(1, 1, "ones", 0x10_0000, 1_000);
            if let Some(name) = name {
                program.named(1, name);
            }
            program.handle(2, 1, "t", 0x10_0000, 1_000);
            program.alloc(0x20_0000, 1_000);
            program.handle(3, 3, operation, 0x20_0000, 1_000);
            program.copied(2, 3, 1_000, operation);
        });
        render::text::line_notes(&at(&report, At::End), |place| place.line == 3)
    };
    assert_eq!(note(Some("a"), "reshape"), "[copy of a: 1,000 B]");
    assert_eq!(note(None, "reshape"), "[copy by reshape: 1,000 B]");
    assert_eq!(note(None, "copy"), "[copy: 1,000 B]");
}

#[test]
fn notes_on_a_line_say_that_operands_were_broadcast() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.handle(1, 1, "broadcast add", 0x10_0000, 1_000);
    });
    let arrays = at(&report, At::End);
    let note = render::text::line_notes(&arrays, |place| place.line == 2);
    assert_eq!(note, "[broadcast result: 1,000 B]");
    assert_eq!(arrays.lines[0].operation.as_deref(), Some("broadcast add"));
}

#[test]
fn repeated_elements_are_a_warning_where_a_view_would_do() {
    let is_warned_of = |operation: &str| {
        let report = recorded(|program| {
            program.alloc(0x10_0000, 1_000);
            program.handle(1, 1, "ones", 0x10_0000, 1_000);
            let wide = program.layout(&[1_000, 1_000], &[0, 1]);
            program.handle_onto(2, 1, "broadcast_to", 0x10_0000, (wide, 1_000));
            program.alloc(0x20_0000, 1_000_000);
            program.handle(3, 3, operation, 0x20_0000, 1_000_000);
            program.copied(2, 3, 1_000_000, operation);
        });
        let arrays = at(&report, At::End);
        assert_eq!(arrays.copies[0].repeated_bytes, 999_000);
        let advice = arrays.advice.iter();
        let repeated = advice.filter(|advice| matches!(advice, Advice::RepeatedCopied(_)));
        repeated.count() == 1
    };
    for operation in ["copy", "ascontiguousarray", "asfortranarray"] {
        assert!(is_warned_of(operation), "{operation}");
    }
    for operation in [
        "mask",
        "ravel",
        "flatten",
        "make_mut",
        "make_mut, read-only",
    ] {
        assert!(!is_warned_of(operation), "{operation}");
    }
}

#[test]
fn buffers_of_one_name_and_line_are_a_row() {
    let report = recorded(|program| {
        for n in 1..=1_000 {
            program.alloc(0x100_0000 * n, 2_000_000);
            program.track("row", 0x100_0000 * n, 8);
        }
        program.alloc(0x10, 16);
        program.track("row", 0x10, 16);
    });
    let arrays = at(&report, At::End);
    assert_eq!(arrays.buffers.len(), 2);
    assert_eq!(
        (arrays.buffer_count(), arrays.array_count()),
        (1_001, 1_001)
    );
    assert_eq!(arrays.held_bytes(), 1_000 * 2_000_000 + 16);
    let text = render::text::arrays(&report, &arrays, 9);
    assert!(text.contains("\nrow (1,000 alike)  track  "), "{text}");
    assert!(text.contains("\nrow                track  "), "{text}");
    let warnings = text.lines().filter(|line| line.starts_with("warning: "));
    let warnings: Vec<&str> = warnings.collect();
    assert_eq!(warnings.len(), 1, "{text}");
    assert!(warnings[0].ends_with(" (1,000 times)"), "{text}");
    assert_eq!(json(&report, &arrays)["warnings"][0]["buffers"], 1_000);
}

#[test]
fn the_caption_says_how_much_of_the_heap_is_arrays() {
    let report = recorded(|program| {
        program.alloc(0x10_0000, 1_000);
        program.handle(1, 1, "zeros", 0x10_0000, 1_000);
        program.alloc(0x20_0000, 5_000);
        // The peak.
        program.alloc(0x30_0000, 400);
        let stamp = program.stamp();
        program.stream.dealloc(stamp, 0x20_0000);
    });
    for (instant, live) in [(At::Peak, 6_400), (At::End, 1_400)] {
        let arrays = at(&report, instant);
        assert_eq!((arrays.held_bytes(), arrays.live_bytes), (1_000, live));
        let text = render::text::arrays(&report, &arrays, 9);
        let caption = format!("1,000 B (1000 B) of {} B live; ", crate::units::count(live));
        assert!(text.contains(&caption), "{text}");
        assert_eq!(json(&report, &arrays)["live_bytes"], live);
    }
    assert_eq!(at(&report, At::Peak).live_bytes, report.totals().peak_bytes);
}

#[test]
fn long_names_and_tabs_leave_the_columns_as_they_are() {
    let report = recorded(|program| {
        for (n, name) in (1..).zip(["a\tb", &"ü".repeat(1_000), &"y".repeat(60)]) {
            program.alloc(0x10_0000 * n, 10 * n);
            program.track(name, 0x10_0000 * n, 10);
        }
    });
    let text = render::text::arrays(&report, &at(&report, At::End), 9);
    let at_column = |start: &str| {
        let line = text.lines().find(|line| line.starts_with(start));
        let line = line.expect("shown");
        let end = line.find(" track ").expect("made by");
        line[..=end].chars().count()
    };
    for start in ["a\\tb ", &format!("{}…  ", "ü".repeat(60)), &"y".repeat(60)] {
        assert_eq!(at_column(start), 61 + 2, "{text}");
    }
}
