//! No trace, or something that is none.

use std::path::PathBuf;

use super::{fails, heapline_in, sample, text};
use crate::support::{fresh_folder, heapline};

/// Every command refuses these bytes with this message.
fn check(bytes: &[u8], message: &str) {
    let trace = fresh_folder("damaged").join("bad.heapline");
    std::fs::write(&trace, bytes).expect("writable");
    for command in ["summary", "lines", "profile", "flamegraph", "info"] {
        let said = fails(heapline(&[command, text(&trace)]), 1);
        assert_eq!(said, format!("{}: {message}", trace.display()), "{command}");
    }
}

fn sample_bytes() -> Vec<u8> {
    std::fs::read(sample()).expect("a trace")
}

#[test]
fn no_trace_anywhere() {
    let said = fails(heapline_in(&fresh_folder("empty"), &["summary"]), 1);
    assert_eq!(
        said,
        "no trace in target/heapline or in this folder: name one, or record one by `cargo heapline run`"
    );
}

#[test]
fn a_path_that_is_no_file() {
    let folder = fresh_folder("folder");
    let said = fails(heapline(&["lines", text(&folder)]), 1);
    assert_eq!(
        said,
        format!("{}: a directory, not a trace", folder.display())
    );
    let missing: PathBuf = folder.join("none.heapline");
    let said = fails(heapline(&["lines", text(&missing)]), 1);
    assert!(
        said.starts_with(&format!("{}: No such file", missing.display())),
        "{said}"
    );
}

#[test]
fn files_that_are_no_traces() {
    check(b"", "the file is empty");
    check(b"HEAP", "not a heapline trace: no magic at byte 0");
    check(b"a,text\n1,2\n", "not a heapline trace: no magic at byte 0");
    check(&[b'x'; 10_000], "not a heapline trace: no magic at byte 0");
}

#[test]
fn traces_of_another_version() {
    let mut bytes = sample_bytes();
    bytes[8] = 99;
    check(
        &bytes,
        "trace format 99, but this heapline reads format 1: use the heapline that recorded it",
    );
}

#[test]
fn a_header_cut_short() {
    check(
        &sample_bytes()[..1_000],
        "broken trace header at byte 1000: the file ends inside the header page",
    );
}

#[test]
fn a_trace_cut_behind_its_header_is_shown_as_far_as_it_goes() {
    let whole = sample_bytes();
    let trace = fresh_folder("cut").join("cut.heapline");
    std::fs::write(&trace, &whole[..whole.len() / 2]).expect("writable");
    let stdout = super::works(&["summary", text(&trace)]);
    assert!(stdout.starts_with("Quality: with losses, "), "{stdout}");
}
