//! T84: debug information in other files, and compressed.

use crate::fixture::{Fixture, Recorded, inlined_five, skip};
use heapline_report::symbols::{Problem, SymbolOptions, SymbolTable};
use std::path::{Path, PathBuf};

#[test]
fn beside_the_program_by_its_link() {
    let Some(fixture) = split_by_objcopy() else {
        return;
    };
    let recorded = fixture.run();
    check_known(&recorded, &recorded.resolve(&SymbolOptions::default()));

    // Below the central folder, by the program's own path.
    let central = fixture.folder.path().join("debug");
    let inside = fixture.workspace().canonicalize().expect("a real path");
    let inside = central.join(inside.strip_prefix("/").expect("an absolute path"));
    std::fs::create_dir_all(&inside).expect("a folder");
    std::fs::rename(
        fixture.workspace().join("app.debug"),
        inside.join("app.debug"),
    )
    .expect("moved");
    check_known(&recorded, &recorded.resolve(&options(&central)));
    let table = recorded.resolve(&SymbolOptions::default());
    assert_eq!(
        table.problems(),
        [Problem::Stripped(fixture.program.clone())]
    );
}

#[test]
fn by_build_id_even_if_the_program_is_gone() {
    let Some(fixture) = split_by_objcopy() else {
        return;
    };
    let recorded = fixture.run();
    let central = fixture.folder.path().join("debug");
    let hex: String = recorded.modules[recorded.program()]
        .build_id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = central.join(".build-id").join(&hex[..2]);
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(format!("{}.debug", &hex[2..]));
    std::fs::rename(fixture.workspace().join("app.debug"), file).expect("moved");
    check_known(&recorded, &recorded.resolve(&options(&central)));
    std::fs::remove_file(&fixture.program).expect("removed");
    check_known(&recorded, &recorded.resolve(&options(&central)));
}

#[test]
fn a_debug_file_of_another_build_is_refused() {
    let Some(fixture) = split_by_objcopy() else {
        return;
    };
    let Some(other) = split_by_objcopy_of(&["-Cdebuginfo=1", "-Copt-level=1"]) else {
        return;
    };
    let debug = |fixture: &Fixture| fixture.workspace().join("app.debug");
    std::fs::copy(debug(&other), debug(&fixture)).expect("copied");
    let table = fixture.run().resolve(&SymbolOptions::default());
    assert_eq!(
        table.problems(),
        [Problem::Stripped(fixture.program.clone())]
    );
}

#[test]
fn compressed_sections() {
    for kind in ["zlib", "zstd"] {
        let fixture = Fixture::release();
        let argument = format!("--compress-debug-sections={kind}");
        if !fixture.tool("objcopy", &[&argument, "app"]) {
            return skip("objcopy of binutils is not installed");
        }
        let recorded = fixture.run();
        check_known(&recorded, &recorded.resolve(&SymbolOptions::default()));
    }
}

#[test]
fn split_units_in_one_package() {
    let fixture = Fixture::build(&["-Cdebuginfo=1", "-Csplit-debuginfo=packed"]);
    let recorded = fixture.run();
    check_known(&recorded, &recorded.resolve(&SymbolOptions::default()));
    let package = fixture.workspace().join("app.dwp");
    std::fs::remove_file(package).expect("there was a package");
    let table = recorded.resolve(&SymbolOptions::default());
    assert_eq!(
        table.problems(),
        [Problem::SplitDebugMissing(fixture.program.clone())]
    );
}

#[test]
fn split_units_in_files_of_their_own() {
    let fixture = Fixture::build(&["-Cdebuginfo=1", "-Csplit-debuginfo=unpacked"]);
    let recorded = fixture.run();
    check_known(&recorded, &recorded.resolve(&SymbolOptions::default()));
}

/// Five inline frames and their lines: all that is hard to get.
fn check_known(recorded: &Recorded, table: &SymbolTable) {
    assert_eq!(table.problems(), []);
    let frames = recorded.frames(table, "inline");
    let found: Vec<_> = frames
        .iter()
        .skip(1)
        .take(5)
        .map(|frame| (&*frame.function, frame.line))
        .collect();
    assert_eq!(found, inlined_five());
    assert!(
        frames
            .iter()
            .take(6)
            .all(|frame| frame.file.as_deref() == Some("src/main.rs"))
    );
}

fn split_by_objcopy() -> Option<Fixture> {
    split_by_objcopy_of(&["-Cdebuginfo=1"])
}

fn split_by_objcopy_of(arguments: &[&str]) -> Option<Fixture> {
    let fixture = Fixture::build(arguments);
    let whole = ["--only-keep-debug", "app", "app.debug"];
    if !fixture.tool("objcopy", &whole) {
        skip("objcopy of binutils is not installed");
        return None;
    }
    fixture.tool("strip", &["--strip-all", "app"]);
    fixture.tool("objcopy", &["--add-gnu-debuglink=app.debug", "app"]);
    Some(fixture)
}

fn options(debug_directory: &Path) -> SymbolOptions {
    let debug_directories = vec![
        PathBuf::from(debug_directory),
        PathBuf::from("/usr/lib/debug"),
    ];
    SymbolOptions {
        debug_directories,
        ..SymbolOptions::default()
    }
}
