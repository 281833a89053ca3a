//! T92: every input that a fuzzer kept, read again.

use std::path::Path;

#[path = "../fuzz/targets.rs"]
mod targets;

/// Runs a target on each file of its corpus.
fn replay(name: &str, target: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let entries = std::fs::read_dir(corpus.join(name)).expect("a corpus");
    let mut inputs = 0;
    for entry in entries {
        let path = entry.expect("readable").path();
        target(&std::fs::read(path).expect("readable"));
        inputs += 1;
    }
    assert!(inputs > 10, "{name}: {inputs} inputs");
}

#[test]
fn traces() {
    replay("trace", targets::trace);
}

#[test]
fn records() {
    replay("records", targets::records);
}

#[test]
fn objects() {
    replay("object", targets::object);
}

#[test]
fn stored_symbols() {
    replay("symbols", targets::symbols);
}

#[test]
fn notes() {
    replay("notes", targets::notes);
}
