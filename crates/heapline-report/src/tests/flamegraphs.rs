//! Folded stacks and the pictures drawn from them.

use heapline_trace::{FrameAddress, NodeId, TraceBuilder};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{frame, report, stack, with_symbols};
use crate::symbols::{Frame, Origin};
use crate::{At, FoldedOptions, Metric, Report, ReportError, render};

fn sample() -> Report {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let direct = stack(main, &[1]);
    let deep = stack(main, &[1, 2]);
    main.alloc(10, 0x100, 100, direct)
        .alloc(20, 0x200, 1000, deep)
        .alloc(30, 0x300, 50, deep)
        .dealloc(40, 0x300)
        .dealloc(50, 0x200);
    with_symbols(report(builder), |address| match address {
        1 => vec![frame("app::main", 3)],
        _ => vec![
            Frame {
                inlined: true,
                ..frame("app::push", 9)
            },
            frame("app::load", 8),
        ],
    })
}

fn folded(report: &Report, options: FoldedOptions) -> Result<String, ReportError> {
    report
        .folded(&options, &mut |_| {})
        .map(|folded| folded.text())
}

fn metric(metric: Metric, at: At) -> FoldedOptions {
    FoldedOptions {
        metric,
        at,
        ..FoldedOptions::default()
    }
}

#[test]
fn stacks_are_folded_root_first() {
    let check = |options, expected: &str| {
        assert_eq!(folded(&sample(), options).expect("folds"), expected);
    };
    let both = |direct: u64, deep: u64| {
        format!("app::main {direct}\napp::main;app::load;app::push_[i] {deep}\n")
    };
    check(FoldedOptions::default(), &both(100, 1050));
    check(metric(Metric::Live, At::End), "app::main 100\n");
    check(metric(Metric::Live, At::Nanoseconds(25)), &both(100, 1000));
    check(metric(Metric::Live, At::Nanoseconds(40)), &both(100, 1000));
    check(metric(Metric::Allocated, At::Peak), &both(100, 1050));
    check(metric(Metric::Allocations, At::Peak), &both(1, 2));
    let inverted = FoldedOptions {
        inverted: true,
        ..FoldedOptions::default()
    };
    check(
        inverted,
        "app::main 100\napp::push_[i];app::load;app::main 1050\n",
    );
}

#[test]
fn nothing_to_draw_is_an_error_that_says_so() {
    let error = folded(&sample(), metric(Metric::Live, At::Nanoseconds(5))).expect_err("nothing");
    assert!(error.is_nothing_to_draw());
    assert_eq!(
        error.to_string(),
        "test.heapline: nothing to draw: live memory is 0 in every stack"
    );
}

#[test]
fn frames_of_the_runtime_are_shown_on_request() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let node = stack(main, &[1, 2]);
    main.alloc(10, 0x100, 8, node);
    let report = with_symbols(report(builder), |address| match address {
        1 => vec![frame("app::main", 3)],
        _ => vec![Frame {
            folded: true,
            origin: Origin::Runtime,
            ..frame("__rust_alloc", 1)
        }],
    });
    let text = |full| {
        let options = FoldedOptions {
            full,
            ..FoldedOptions::default()
        };
        folded(&report, options).expect("folds")
    };
    assert_eq!(text(false), "app::main 8\n");
    assert_eq!(text(true), "app::main;__rust_alloc 8\n");
}

#[test]
fn stacks_that_are_not_whole_say_so() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let cut = main.node(NodeId::FIRST_CUT, FrameAddress::Return(1));
    main.alloc(1, 0x100, 1, cut)
        .alloc(2, 0x200, 2, NodeId::LOST)
        .alloc(3, 0x300, 4, NodeId::COMPLETE);
    let report = with_symbols(report(builder), |_| vec![frame("app::main", 1)]);
    let text = folded(&report, FoldedOptions::default()).expect("folds");
    assert_eq!(
        text,
        "[no frames] 4\n[stack cut];app::main 1\n[stack lost] 2\n"
    );
}

#[test]
fn the_picture_is_well_formed_interactive_and_always_the_same() {
    let report = sample();
    let draw = |options: FoldedOptions| {
        let folded = report.folded(&options, &mut |_| {}).expect("folds");
        render::flamegraph::svg(&report, &folded).expect("draws")
    };
    let svg = draw(FoldedOptions::default());
    assert_eq!(svg, draw(FoldedOptions::default()));
    assert_eq!(svg.matches("<script").count(), 1);
    for text in [
        "live at the peak: 1.12 KiB (1,150 bytes)",
        "app::push [i] (1,050 bytes, 91.30%)",
        "id=\"search\"",
        "function zoom",
    ] {
        assert!(svg.contains(text), "{text} is missing");
    }
    check_xml(&svg);
    check_xml(&draw(FoldedOptions {
        inverted: true,
        ..FoldedOptions::default()
    }));
}

#[test]
fn hostile_names_are_text() {
    let mut builder = TraceBuilder::new();
    builder.header.program = b"/tmp/<script>alert(0)</script>".to_vec();
    let main = builder.stream();
    let nodes: Vec<NodeId> = (1..=6).map(|at| stack(main, &[at])).collect();
    for (at, &node) in (0..).zip(&nodes) {
        main.alloc(10 + at, 0x100 * (at + 1), 1000, node);
    }
    let names = [
        "<script>alert(1)</script>",
        "a;b\n c\u{1b}[31m",
        "]]>\"'&amp;",
        "looks like 12 34",
        "# comment",
        " ",
    ];
    let report = with_symbols(report(builder), |address| {
        vec![frame(names[address as usize - 1], 1)]
    });
    let folded = report
        .folded(&FoldedOptions::default(), &mut |_| {})
        .expect("folds");
    let text = folded.text();
    assert_eq!(text.lines().count(), 6);
    assert!(text.lines().all(|line| line.ends_with(" 1000")));
    assert!(!text.contains('\u{1b}') && !text.contains(';'));
    let svg = render::flamegraph::svg(&report, &folded).expect("draws");
    assert_eq!(svg.matches("<script").count(), 1, "inferno's own alone");
    assert!(!svg.contains('\u{1b}'));
    assert_eq!(svg.matches("(1,000 bytes, 16.67%)").count(), 6);
    check_xml(&svg);
}

#[test]
fn names_that_begin_alike_stay_apart_and_whole() {
    let mut builder = TraceBuilder::new();
    let main = builder.stream();
    let stacks = [&[1u64][..], &[1, 3], &[2, 3], &[2]];
    let nodes: Vec<NodeId> = stacks.iter().map(|path| stack(main, path)).collect();
    for (at, &node) in (0..).zip(&nodes) {
        main.alloc(10 + at, 0x100 * (at + 1), 1000, node);
    }
    let report = with_symbols(report(builder), |address| {
        vec![frame(["a", "a b", "c"][address as usize - 1], 1)]
    });
    let folded = report
        .folded(&FoldedOptions::default(), &mut |_| {})
        .expect("folds");
    assert_eq!(folded.text(), "a 1000\na;c 1000\na b 1000\na b;c 1000\n");
    let svg = render::flamegraph::svg(&report, &folded).expect("draws");
    assert_eq!(svg.matches("<title>a (2,000 bytes").count(), 1);
    assert_eq!(svg.matches("<title>a b (2,000 bytes").count(), 1);
}

fn check_xml(svg: &str) {
    let mut reader = Reader::from_str(svg);
    let mut depth = 0usize;
    let mut elements = 0usize;
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(_) => {
                depth += 1;
                elements += 1;
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    assert!(elements > 10);
}
