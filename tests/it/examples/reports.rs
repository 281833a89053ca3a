//! What reports say of the examples' arrays, and that the README shows just that.

use std::path::Path;

use serde_json::Value;

use super::{DAYS, F64, HOURS, run};
use crate::support::{fresh_folder, heapline};

/// What the README shows of three examples is what the commands print.
#[test]
fn the_readme_shows_what_the_reports_say() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("there");
    let (_, chapter) = readme.split_once("## Arrays").expect("the chapter");
    let mut shown = chapter.split("```text\n").skip(1);
    for (name, command) in [
        ("leak_by_view", &["arrays"][..]),
        ("views_and_copies", &["profile", "--arrays"]),
        ("broadcast", &["arrays"]),
    ] {
        let (shown, _) = shown
            .next()
            .expect("a block")
            .split_once("```")
            .expect("its end");
        let trace = fresh_folder(name).join("trace.heapline");
        run(name, Some(format!("quiet,out={}", trace.display())));
        let trace = trace.to_str().expect("a plain path");
        let output = heapline(&[command, &[trace]].concat());
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let printed: Vec<String> = printed.lines().map(comparable).collect();
        for line in shown.lines().filter(|line| *line != "…").map(comparable) {
            assert!(
                printed.contains(&line),
                "{name} does not print {line:?}:\n{printed:#?}"
            );
        }
    }
}

#[test]
fn arrays_stand_beside_lines_and_in_json() {
    let trace = fresh_folder("broadcast").join("trace.heapline");
    run("broadcast", Some(format!("quiet,out={}", trace.display())));
    let trace = trace.to_str().expect("a plain path");
    let text = |arguments: &[&str]| {
        let output = heapline(&[arguments, &[trace]].concat());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let lines = text(&["lines", "--arrays", "--file", "examples/broadcast.rs"]);
    let copy = lines
        .lines()
        .find(|line| line.contains("days.copy(Order::C)"));
    let note = "[copy of days: 25,439,232 B]";
    assert!(copy.expect("the line").ends_with(note), "{lines}");
    let json: Value =
        serde_json::from_str(&text(&["lines", "--arrays", "--format", "json"])).expect("JSON");
    let rows = json["rows"].as_array().expect("rows").iter();
    let notes = rows.flat_map(|row| row["arrays"].as_array().expect("notes"));
    let copies = notes.filter(|note| note["kind"] == "copy");
    assert_eq!(
        copies
            .map(|note| note["bytes"].as_u64())
            .collect::<Vec<_>>(),
        [Some(25_439_232)]
    );

    let json: Value = serde_json::from_str(&text(&["arrays", "--format", "json"])).expect("JSON");
    let cube = (DAYS * DAYS * HOURS * F64) as u64;
    let year = (DAYS * HOURS * F64) as u64;
    assert_eq!(json["held_bytes"], 2 * cube + year);
    assert_eq!(json["nbytes"], 4 * cube + year);
    let buffers = json["buffers"].as_array().expect("buffers");
    let arrays = buffers
        .iter()
        .flat_map(|buffer| buffer["arrays"].as_array().expect("arrays"));
    let days = arrays.filter(|array| array["name"] == "days");
    let days: Vec<_> = days
        .map(|array| (&array["byte_strides"], &array["unique_nbytes"]))
        .collect();
    assert_eq!(
        days,
        [(&serde_json::json!([HOURS * F64, 0, F64]), &year.into())]
    );
    let none = heapline(&["arrays", "--at", "soon", trace]);
    assert_eq!(none.status.code(), Some(2));
}

/// Of a row of a `#[profile]` table the line's source and what follows, and of a caption
/// what is said of arrays: buffers of the standard library, and the lengths of paths, differ
/// from machine to machine.
fn comparable(line: &str) -> String {
    if let Some((before, after)) = line.split_once(" B live;") {
        let (arrays, live) = before.rsplit_once(" of ").expect("a caption");
        let is_number = live.chars().all(|c| c.is_ascii_digit() || c == ',');
        assert!(is_number, "{line}");
        return format!("{arrays};{after}");
    }
    let row = match line.split_once(" MiB ") {
        Some((_, rest)) => rest.split_once("  1   ").map_or(rest, |(_, source)| source),
        None => line,
    };
    row.to_owned()
}
