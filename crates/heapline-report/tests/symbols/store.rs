//! Symbols that outlive the build, and files that pretend to be such.

use crate::fixture::{Fixture, PROGRAM, Recorded, line_of, quick, write};
use heapline_report::Sources;
use heapline_report::symbols::{Frame, Problem, SymbolOptions, SymbolStore, SymbolTable};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[test]
fn frames_and_text_outlive_the_program() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let before = recorded.resolve(&quick());
    let path = stored(&fixture, &recorded, &before);
    std::fs::remove_dir_all(fixture.workspace()).expect("removed");

    let options = SymbolOptions {
        store: Some(path.clone()),
        ..quick()
    };
    let after = recorded.resolve(&options);
    let first = SymbolStore::load(&path).expect("a store");
    let again = SymbolStore::load(&stored(&fixture, &recorded, &after)).expect("a store");
    assert_eq!(again, first, "a store can be made from a store");
    assert_eq!(after.problems(), []);
    assert_eq!(after.missing(), before.missing());
    for site in 0..recorded.sites.len() {
        assert_eq!(frames(&after, site), frames(&before, site));
    }
    assert!(after.workspace_roots().eq(before.workspace_roots()));

    let mut sources = Sources::new(&after, &options);
    let main = after
        .workspace_roots()
        .next()
        .expect("a workspace")
        .join("src/main.rs");
    assert_eq!(
        sources.line(&main, line_of(PROGRAM, "five")),
        Some("    record(\"inline\"); // @five")
    );
    assert_eq!(
        sources.lines("src/main.rs").map(<[String]>::len),
        Some(PROGRAM.lines().count())
    );
    let work = recorded.frames(&after, "dependency");
    let work = work
        .iter()
        .find(|frame| frame.krate == "some_dep")
        .expect("the dependency");
    let path = work.path.clone().expect("a path");
    let line = work.line.expect("a line");
    std::fs::remove_file(&path).expect("removed");
    assert!(
        sources
            .line(&path, line)
            .is_some_and(|text| text.ends_with("// @work"))
    );
    assert_eq!(
        sources.line(&path, line + 1),
        None,
        "only lines that frames name are kept"
    );
}

#[test]
fn text_is_the_one_of_the_build() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let path = stored(&fixture, &recorded, &recorded.resolve(&quick()));
    write(&fixture.workspace().join("src/main.rs"), "// all gone\n");
    let options = SymbolOptions {
        store: Some(path),
        ..quick()
    };
    let table = recorded.resolve(&options);
    let mut sources = Sources::new(&table, &options);
    assert_eq!(
        sources.lines("src/main.rs").map(<[String]>::len),
        Some(PROGRAM.lines().count())
    );
}

#[test]
fn a_store_of_another_build_is_not_used() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let path = stored(&fixture, &recorded, &recorded.resolve(&quick()));
    let other = Fixture::build(&["-Cdebuginfo=1", "-Ccodegen-units=1"]);
    let recorded = other.run();
    let options = SymbolOptions {
        store: Some(path),
        ..quick()
    };
    let table = recorded.resolve(&options);
    let plain = recorded.resolve(&quick());
    assert_eq!(table.problems(), []);
    for site in 0..recorded.sites.len() {
        assert_eq!(frames(&table, site), frames(&plain, site));
    }
}

#[test]
fn text_of_an_earlier_build_is_not_shown() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let store = stored(&fixture, &recorded, &recorded.resolve(&quick()));
    let edited = format!("// a line more\n{PROGRAM}");
    write(&fixture.workspace().join("src/main.rs"), &edited);
    fixture.rebuild(&["-Cdebuginfo=1"]);
    let recorded = fixture.run();
    let options = SymbolOptions {
        store: Some(store),
        ..quick()
    };
    let table = recorded.resolve(&options);
    let mut sources = Sources::new(&table, &options);
    assert_eq!(
        sources.lines("src/main.rs").map(<[String]>::len),
        Some(edited.lines().count())
    );
}

#[test]
fn problems_of_the_build_are_kept() {
    let fixture = Fixture::build(&[]);
    let recorded = fixture.run();
    let path = stored(&fixture, &recorded, &recorded.resolve(&quick()));
    std::fs::remove_file(&fixture.program).expect("removed");
    let table = recorded.resolve(&SymbolOptions {
        store: Some(path),
        ..quick()
    });
    assert_eq!(
        table.problems(),
        [Problem::NoDebugInfo(fixture.program.clone())]
    );
}

#[test]
fn the_file_is_its_owners_alone() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let path = stored(&fixture, &recorded, &recorded.resolve(&quick()));
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = SymbolStore::load(&path).expect("a store");
    again.save(&path).expect("replaced");
    assert_eq!(SymbolStore::load(&path).expect("a store"), again);
    let left = std::fs::read_dir(fixture.folder.path()).expect("a folder");
    assert!(
        left.flatten()
            .all(|entry| !entry.file_name().to_string_lossy().ends_with(".part"))
    );
    assert!(
        again
            .save(&fixture.folder.path().join("no/such/folder"))
            .is_err()
    );
}

#[test]
fn hostile_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.symbols");
    let lists = |frames: &str, modules: &str, sources: &str| {
        format!(
            r#"{{"heapline_symbols":1,"workspace_roots":[],"frames":[{frames}],"modules":[{modules}],"sources":[{sources}]}}"#
        )
    };
    let frame = r#"["f",null,null,null,"c","workspace",false]"#;
    let module = |build_id: &str, built: &str, places: &str| {
        format!(
            r#"{{"build_id":"{build_id}","path":"/p","built":{built},"problems":[],"places":{{{places}}}}}"#
        )
    };
    let good = lists(frame, &module("00ff", "[1,2]", r#""1a":[0]"#), "");
    let refused = [
        String::new(),
        "null".to_owned(),
        "[".repeat(100_000),
        r#"{"heapline_symbols":2}"#.to_owned(),
        r#"{"heapline_symbols":1}"#.to_owned(),
        lists("[]", "", ""),
        lists(&frame.replace("workspace", "mars"), "", ""),
        lists(&frame.replace("null,\"c\"", "-1,\"c\""), "", ""),
        lists(frame, &module("00f", "null", ""), ""),
        lists(frame, &module("zz", "null", ""), ""),
        lists(frame, &module("é0", "null", ""), ""),
        lists(
            frame,
            &module("", "[18446744073709551615,999999999]", ""),
            "",
        ),
        lists(frame, &module("", "null", r#""1a":[1]"#), ""),
        lists(frame, &module("", "null", r#""1a":[]"#), ""),
        lists(frame, &module("", "null", r#""xyz":[0]"#), ""),
        lists(frame, "", r#"{"path":"/x","modified":null,"bytes":1}"#),
        lists(
            frame,
            "",
            r#"{"path":"/x","modified":null,"bytes":1,"lines":{"-1":"t"}}"#,
        ),
    ];
    for text in refused {
        write(&path, &text);
        assert!(
            SymbolStore::load(&path).is_err(),
            "{}",
            &text[..text.len().min(200)]
        );
    }
    write(&path, &good);
    assert!(SymbolStore::load(&path).is_ok());
    for length in 0..good.len() {
        write(&path, &good[..length]);
        assert!(SymbolStore::load(&path).is_err());
    }
    assert!(SymbolStore::load(Path::new("/dev/zero")).is_err());
    assert!(SymbolStore::load(&folder.path().join("none")).is_err());
}

#[test]
fn a_broken_store_is_told_and_passed_over() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let path = fixture.folder.path().join("broken.symbols");
    write(&path, "{}");
    let table = recorded.resolve(&SymbolOptions {
        store: Some(path.clone()),
        ..quick()
    });
    let reason = "not a file of heapline symbols".to_owned();
    assert_eq!(table.problems(), [Problem::Store(path, reason)]);
    assert_eq!(table.missing(), 0);
}

fn stored(fixture: &Fixture, recorded: &Recorded, table: &SymbolTable) -> PathBuf {
    let mut sources = Sources::new(table, &quick());
    let scope_files = ["src/main.rs".to_owned()];
    let store = SymbolStore::collect(
        &recorded.modules,
        &recorded.sites,
        table,
        &mut sources,
        &scope_files,
    );
    let path = fixture.folder.path().join("app-1.symbols");
    store.save(&path).expect("saved");
    path
}

fn frames(table: &SymbolTable, site: usize) -> Vec<&Frame> {
    table
        .frames(site)
        .iter()
        .map(|&id| table.frame(id))
        .collect()
}
