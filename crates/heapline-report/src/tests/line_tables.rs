//! Line tables whose figures are known by construction.

use std::fs;

use heapline_trace::{FrameAddress, NodeId, TraceBuilder};

use super::{frame, lines, report, stack, with_symbols};
use crate::symbols::{Frame, Origin};
use crate::{LineOptions, LineTable, Report, Sort, render};

/// main (line 2) calls load (line 10), which calls itself and a dependency; the
/// dependency's frame is inlined into `load`.
fn sample() -> Report {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let direct = stack(main, &[0x2]);
    let once = stack(main, &[0x2, 0x10]);
    let twice = stack(main, &[0x2, 0x10, 0x10]);
    main.alloc(10, 0x1000, 100, direct)
        .alloc(20, 0x2000, 200, once)
        .alloc(30, 0x3000, 400, twice)
        .dealloc(40, 0x3000)
        .realloc((50, 60), (0x1000, 0x1000), 150, direct)
        .dealloc(70, 0x2000);
    with_symbols(report(builder), |address| match address {
        0x2 => vec![frame("app::main", 2)],
        _ => {
            let inlined = Frame {
                file: Some("csv-1.4.0/src/lib.rs".to_owned()),
                krate: "csv".to_owned(),
                origin: Origin::Dependency,
                inlined: true,
                ..frame("csv::read", 77)
            };
            vec![inlined, frame("app::load", 10)]
        }
    })
}

fn places(table: &LineTable) -> Vec<(&str, u32)> {
    let place = |row| -> (&str, u32) {
        let row: &crate::Row = row;
        (row.function.as_str(), row.line)
    };
    table.rows.iter().map(place).collect()
}

#[test]
fn rows_include_callees_and_count_a_recursion_once() {
    let table = lines(
        &sample(),
        &LineOptions {
            maxima: true,
            ..LineOptions::default()
        },
    );
    assert_eq!(places(&table), [("app::main", 2), ("app::load", 10)]);
    let [main, load] = &table.rows[..] else {
        panic!("two rows")
    };
    assert_eq!((main.allocations, main.allocated_bytes), (3, 700));
    assert_eq!((main.reallocations, main.reallocated_bytes), (1, 150));
    assert_eq!(
        (main.live_at_peak_bytes, main.live_at_end_bytes),
        (700, 150)
    );
    assert_eq!(main.max_live_bytes, Some(700));
    assert_eq!(main.temporary_allocations, 1);
    assert_eq!((load.allocations, load.allocated_bytes), (2, 600));
    assert_eq!((load.live_at_peak_bytes, load.live_at_end_bytes), (600, 0));
    assert_eq!(load.max_live_bytes, Some(600));
}

#[test]
fn own_rows_take_what_no_row_further_in_takes() {
    let own = |options| {
        let table = lines(&sample(), &options);
        let rows = table.rows.iter();
        rows.map(|row| (row.line, row.allocated_bytes))
            .collect::<Vec<_>>()
    };
    let options = LineOptions {
        own: true,
        ..LineOptions::default()
    };
    assert_eq!(own(options.clone()), [(10, 600), (2, 100)]);
    let all = LineOptions {
        all: true,
        ..options
    };
    assert_eq!(own(all), [(77, 600), (2, 100)]);
}

#[test]
fn filters_choose_rows() {
    let check = |options: LineOptions, expected: &[(&str, u32)]| {
        let table = lines(&sample(), &options);
        assert_eq!(places(&table), expected);
    };
    let none = LineOptions::default;
    let text = |text: &str| Some(text.to_owned());
    let all = LineOptions {
        all: true,
        ..none()
    };
    check(
        all,
        &[("app::main", 2), ("csv::read", 77), ("app::load", 10)],
    );
    let krate = LineOptions {
        krate: text("csv"),
        ..none()
    };
    check(krate, &[("csv::read", 77)]);
    let function = LineOptions {
        function: text("load"),
        ..none()
    };
    check(function, &[("app::load", 10)]);
    let file = LineOptions {
        file: text("other.rs"),
        ..none()
    };
    check(file, &[]);
    let limit = LineOptions {
        limit: Some(1),
        sort: Sort::File,
        ..none()
    };
    check(limit, &[("app::main", 2)]);
    assert_eq!(
        lines(
            &sample(),
            &LineOptions {
                limit: Some(1),
                ..none()
            }
        )
        .rows_found,
        2
    );
}

#[test]
fn rows_are_ordered_by_what_was_asked_for() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let many = stack(main, &[1]);
    let big = stack(main, &[2]);
    let kept = stack(main, &[3]);
    for round in 0..3 {
        main.alloc(10 + round, 0x100, 1, many)
            .dealloc(10 + round, 0x100);
    }
    main.alloc(20, 0x200, 5000, big).dealloc(30, 0x200);
    main.alloc(40, 0x300, 7, kept);
    let report = with_symbols(report(builder), |address| vec![frame("f", address as u32)]);
    for (sort, first) in [
        (Sort::Peak, 2),
        (Sort::Allocated, 2),
        (Sort::End, 3),
        (Sort::Allocations, 1),
        (Sort::Temporary, 1),
        (Sort::File, 1),
    ] {
        let table = lines(
            &report,
            &LineOptions {
                sort,
                ..LineOptions::default()
            },
        );
        assert_eq!(table.rows[0].line, first, "{sort:?}");
    }
}

#[test]
fn a_stack_below_another_root_has_its_rows_too() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let cut = main.node(NodeId::FIRST_CUT, FrameAddress::Return(5));
    main.alloc(1, 0x100, 8, cut);
    let report = with_symbols(report(builder), |_| vec![frame("deep", 5)]);
    assert_eq!(
        places(&lines(&report, &LineOptions::default())),
        [("deep", 5)]
    );
}

#[test]
fn the_text_is_aligned_and_ends_in_the_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("main.rs");
    fs::write(&path, "// one\n    let all = load();\t\n").expect("writes");
    let mut builder = TraceBuilder::new();
    builder.header.end_state = heapline_trace::EndState::Exit;
    let main = builder.stream();
    let node = stack(main, &[1]);
    let other = stack(main, &[2]);
    main.alloc(10, 0x100, 2_000_000, node)
        .alloc(20, 0x200, 24, other)
        .dealloc(21, 0x200);
    let report = with_symbols(report(builder), |address| match address {
        1 => vec![Frame {
            path: Some(path.clone()),
            ..frame("app::main", 2)
        }],
        _ => vec![Frame {
            file: Some("src/load.rs".to_owned()),
            ..frame("<app::Loader<u8> as app::Load>::load", 1234)
        }],
    });
    let table = lines(&report, &LineOptions::default());
    assert_eq!(
        render::text::lines(&report, &table, None),
        "\
Quality: exact, 3 events, 1 thread, clean exit, 0 skipped, 0 cut stacks, 0 anomalies, 0 symbols missing

Memory by source line, with what each line calls: 2 lines, by bytes live at the peak.

  Line   At peak    At end  Allocated  Allocations  Temporary   Function      Source
------------------------------------------------------------------------------------------------------------
src/main.rs
     2  1.91 MiB  1.91 MiB   1.91 MiB            1          -   main          let all = load();

src/load.rs
  1234      24 B         -       24 B            1          1   Loader::load
"
    );
}

#[test]
fn the_json_rows_have_exactly_these_keys() {
    let report = sample();
    let table = lines(
        &report,
        &LineOptions {
            maxima: true,
            limit: Some(1),
            ..LineOptions::default()
        },
    );
    let json: serde_json::Value =
        serde_json::from_str(&render::json::lines(&report, &table, None)).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["quality"]["exact"], true);
    assert_eq!(
        json["rows"],
        serde_json::json!([{
            "file": "src/main.rs",
            "line": 2,
            "function": "app::main",
            "crate": "app",
            "allocations": 3,
            "allocated_bytes": 700,
            "reallocations": 1,
            "reallocated_bytes": 150,
            "live_at_peak_bytes": 700,
            "live_at_end_bytes": 150,
            "max_live_bytes": 700,
            "temporary_allocations": 1,
            "source": null,
        }])
    );
}

#[test]
fn functions_are_known_by_their_last_words() {
    let long = "app::a_function_with_a_very_long_name";
    let names = [
        ("main", "main"),
        ("app::load", "load"),
        ("app::main::{closure#0}", "main::{closure#0}"),
        ("<app::Store<u32> as app::Insert>::insert", "Store::insert"),
        ("app::inner::grow::<alloc::vec::Vec<u8>>", "inner::grow"),
        ("<app::Store<fn() -> u8>>::new", "Store::new"),
        (long, "…with_a_very_long_name"),
    ];
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    for (at, _) in (1..).zip(&names) {
        let node = stack(main, &[at]);
        main.alloc(at, at * 0x100, 8, node);
    }
    let report = with_symbols(report(builder), |address| {
        vec![Frame {
            krate: "app".to_owned(),
            ..frame(names[address as usize - 1].0, address as u32)
        }]
    });
    let by_line = LineOptions {
        sort: Sort::File,
        ..LineOptions::default()
    };
    let text = render::text::line_rows(&lines(&report, &by_line));
    let rows: Vec<&str> = text.lines().skip(5).collect();
    for (row, (function, short)) in rows.iter().zip(&names) {
        assert!(
            row.ends_with(short.trim_start_matches('…')),
            "{function}: {row}"
        );
    }
    assert_eq!(rows.len(), names.len());
}

#[test]
fn reallocated_bytes_have_a_column_where_there_are_any() {
    let options = LineOptions::default();
    let text = render::text::line_rows(&lines(&sample(), &options));
    assert!(
        text.contains("Allocated  Reallocated  Allocations"),
        "{text}"
    );
    let load = LineOptions {
        function: Some("load".to_owned()),
        ..options
    };
    let text = render::text::line_rows(&lines(&sample(), &load));
    assert!(!text.contains("Reallocated"), "{text}");
}
