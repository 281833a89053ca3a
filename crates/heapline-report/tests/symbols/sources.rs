//! Source text: what was compiled, or none.

use crate::fixture::{Fixture, PROGRAM, Recorded, SHAPES, line_of, quick, write};
use heapline_report::Sources;
use heapline_report::symbols::{Problem, SymbolOptions, SymbolTable};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[test]
fn lines_as_they_were_compiled() {
    let (fixture, _, table) = resolved();
    let mut sources = Sources::new(&table, &quick());
    let path = main_of(&fixture);
    let number = line_of(PROGRAM, "five");
    assert_eq!(
        sources.line(&path, number),
        Some("    record(\"inline\"); // @five")
    );
    assert_eq!(sources.line(&path, 0), None);
    assert_eq!(sources.line(&path, 1_000_000), None);
    let shapes = sources.lines("src/shapes.rs").expect("a workspace file");
    assert_eq!(shapes, SHAPES.lines().collect::<Vec<_>>());
    assert_eq!(
        sources.path_of("src/shapes.rs"),
        Some(fixture.real_workspace().join("src/shapes.rs"))
    );
    assert_eq!(sources.problems(), []);
}

#[test]
fn a_changed_file_is_not_shown() {
    let (fixture, _, table) = resolved();
    let path = main_of(&fixture);
    touch(&path, SystemTime::now() + Duration::from_secs(60));
    let mut sources = Sources::new(&table, &quick());
    assert_eq!(sources.line(&path, 3), None);
    assert_eq!(sources.lines("src/main.rs"), None);
    assert_eq!(sources.problems(), [Problem::SourceChanged(path)]);
    let text = sources.problems()[0].to_string();
    assert!(text.contains("source changed since the build"), "{text}");
    assert!(
        sources.lines("src/shapes.rs").is_some(),
        "the others are shown"
    );
}

#[test]
fn a_missing_file_is_found_below_the_source_root() {
    let (fixture, _, table) = resolved();
    let path = main_of(&fixture);
    let elsewhere = fixture.folder.path().join("elsewhere");
    write(&elsewhere.join("src/main.rs"), PROGRAM);
    std::fs::remove_file(&path).expect("removed");
    let mut sources = Sources::new(&table, &quick());
    assert_eq!(sources.line(&path, 3), None);
    assert_eq!(sources.problems(), [Problem::SourceMissing(path.clone())]);
    assert!(
        sources.problems()[0]
            .to_string()
            .contains("--source-root DIR")
    );

    let options = SymbolOptions {
        source_root: Some(elsewhere),
        ..quick()
    };
    let mut sources = Sources::new(&table, &options);
    let number = line_of(PROGRAM, "five");
    assert_eq!(
        sources.line(&path, number),
        Some("    record(\"inline\"); // @five")
    );
    assert!(sources.lines("src/main.rs").is_some());
    assert_eq!(sources.problems(), []);
}

#[test]
fn files_that_nobody_has_are_no_problem() {
    let (_fixture, recorded, table) = resolved();
    let mut sources = Sources::new(&table, &quick());
    let frames = recorded.frames(&table, "thread");
    let standard = frames
        .iter()
        .find(|frame| frame.krate == "std")
        .expect("a frame");
    let path = standard.path.clone().expect("a path");
    assert_eq!(sources.line(&path, 1), None);
    assert_eq!(sources.line(Path::new("/dev/zero"), 1), None);
    assert_eq!(sources.problems(), []);
}

fn resolved() -> (Fixture, Recorded, SymbolTable) {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let table = recorded.resolve(&quick());
    (fixture, recorded, table)
}

fn main_of(fixture: &Fixture) -> PathBuf {
    fixture.real_workspace().join("src/main.rs")
}

fn touch(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(time).expect("a time");
}
