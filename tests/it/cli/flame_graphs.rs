//! Flame graphs and folded stacks: the sums are the summary's, the picture is XML.

use serde_json::Value;

use super::{fails, sample, text, works};
use crate::support::heapline;

/// The options of every metric, what its title begins with, and its total's key in the
/// summary.
const METRICS: [(&[&str], &str, &str); 6] = [
    (&[], "live at the peak: ", "peak_bytes"),
    (&["--metric", "live"], "live at the peak: ", "peak_bytes"),
    (&["--at", "end"], "live at the end: ", "live_at_end_bytes"),
    (&["--metric", "allocated"], "allocated: ", "allocated_bytes"),
    (&["--metric", "allocations"], "allocations: ", "allocations"),
    (
        &["--metric", "temporary"],
        "temporary allocations: ",
        "temporary_allocations",
    ),
];

fn flame_graph(options: &[&str]) -> String {
    works(&[&["flamegraph", text(sample())], options].concat())
}

/// Frames and amount of each line.
fn folded(options: &[&str]) -> Vec<(Vec<String>, u64)> {
    let lines = flame_graph(&[options, &["--folded"]].concat());
    let stack = |line: &str| {
        let (frames, amount) = line
            .rsplit_once(' ')
            .expect("an amount behind the last blank");
        let frames: Vec<String> = frames.split(';').map(str::to_owned).collect();
        assert!(frames.iter().all(|frame| !frame.is_empty()), "{line}");
        (frames, amount.parse().expect("a number"))
    };
    lines.lines().map(stack).collect()
}

fn total(stacks: &[(Vec<String>, u64)]) -> u64 {
    stacks.iter().map(|(_, amount)| amount).sum()
}

fn summary(key: &str) -> u64 {
    let summary = works(&["summary", "--format", "json", text(sample())]);
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    summary[key].as_u64().expect("a number")
}

#[test]
fn folded_stacks_add_up_to_the_summary() {
    for (options, _, key) in METRICS {
        assert_eq!(total(&folded(options)), summary(key), "{options:?}");
    }
    let late = folded(&["--at", "1000s"]);
    assert_eq!(total(&late), summary("live_at_end_bytes"));
}

#[test]
fn pictures_are_well_formed_and_titled() {
    for (options, title, key) in METRICS {
        let svg = flame_graph(options);
        check_xml(&svg);
        assert!(
            svg.contains(&format!("totals, {title}")),
            "{options:?}: {svg:.3000}"
        );
        let total = grouped(summary(key));
        assert!(svg.contains(&total), "{options:?}: no {total}");
        assert!(svg.contains("Quality: exact, "), "{options:?}");
    }
    check_xml(&flame_graph(&["--inverted"]));
    check_xml(&flame_graph(&["--full"]));
}

#[test]
fn inline_frames_are_marked() {
    // The mark is named below the title.
    let svg = flame_graph(&["--full"]);
    let (before, _) = svg.split_once(" is inlined").expect("it is named");
    let mark = before.rsplit(' ').next().expect("a word");
    assert!(svg.matches(mark).count() > 10, "{mark}");
    let text = flame_graph(&["--full", "--folded"]);
    assert!(text.matches("_[i]").count() > 10);
}

#[test]
fn inverted_stacks_are_the_same_the_other_way_round() {
    let mut turned = folded(&["--full"]);
    for (frames, _) in &mut turned {
        frames.reverse();
    }
    let mut inverted = folded(&["--full", "--inverted"]);
    turned.sort();
    inverted.sort();
    assert!(turned == inverted);
}

#[test]
fn the_runtime_is_folded_away_unless_asked_for() {
    let depth = |options: &[&str]| -> usize {
        folded(options)
            .iter()
            .map(|(frames, _)| frames.len())
            .max()
            .expect("stacks")
    };
    assert!(depth(&["--full"]) > depth(&[]));
}

#[test]
fn nothing_to_draw_is_said() {
    let trace = text(sample());
    let said = fails(heapline(&["flamegraph", "--at", "0ns", trace]), 1);
    assert_eq!(
        said,
        format!("{trace}: nothing to draw: live memory is 0 in every stack")
    );
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Elements are closed in order, and nothing stands for itself that must be escaped.
fn check_xml(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some((text, behind)) = rest.split_once('<') {
        check_text(text);
        let marks = [
            ("!--", "-->"),
            ("![CDATA[", "]]>"),
            ("!", ">"),
            ("?", "?>"),
            ("", ">"),
        ];
        let (start, end) = marks
            .into_iter()
            .find(|(start, _)| behind.starts_with(start))
            .expect("the last one fits all");
        let (tag, next) = behind.split_once(end).expect("it is closed");
        rest = next;
        if !start.is_empty() {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => {
                check_tag(tag);
                let name = tag.split([' ', '/']).next().unwrap_or_default();
                if !tag.ends_with('/') {
                    open.push(name);
                }
            }
        }
    }
    assert_eq!(open, [""; 0]);
    assert_eq!(rest.trim(), "");
}

fn check_tag(tag: &str) {
    for (at, part) in tag.split('"').enumerate() {
        if at % 2 == 1 {
            check_text(part);
        } else {
            assert!(!part.contains(['\'', '&']), "{tag}");
        }
    }
    assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
}

fn check_text(text: &str) {
    for part in text.split('&').skip(1) {
        let (entity, _) = part.split_once(';').expect("an entity");
        let known = ["amp", "lt", "gt", "quot", "apos"].contains(&entity);
        assert!(known || entity.starts_with('#'), "&{entity};");
    }
    let bad = text
        .chars()
        .find(|letter| letter.is_control() && !letter.is_whitespace());
    assert_eq!(bad, None);
}
