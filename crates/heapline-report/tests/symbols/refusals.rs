//! T83: what is not there, or not what was recorded, is refused with a clear line.

use crate::fixture::{Fixture, PROGRAM, Recorded, build_id, quick, write};
use heapline_report::symbols::{Module, Origin, Problem, Site, SymbolTable, resolve};
use heapline_trace::FrameAddress;
use std::path::Path;

#[test]
fn a_program_without_debug_information() {
    let fixture = Fixture::build(&[]);
    let (recorded, table) = resolved(&fixture);
    assert_eq!(
        table.problems(),
        [Problem::NoDebugInfo(fixture.program.clone())]
    );
    assert!(table.missing() > 10, "{}", table.missing());
    let text = table.problems()[0].to_string();
    assert!(
        text.contains("built without debug information: run it by `cargo heapline run`"),
        "{text}"
    );
    // Names are there all the same, and whose they are.
    let frames = recorded.frames(&table, "generic");
    assert!(
        frames
            .iter()
            .any(|frame| frame.function.ends_with("app::generic"))
    );
    let record = frames[0];
    assert_eq!(
        (record.function.as_str(), record.line),
        ("app::record", None)
    );
    assert_eq!(
        (record.krate.as_str(), record.origin),
        ("app", Origin::Workspace)
    );
}

#[test]
fn a_stripped_program() {
    let fixture = Fixture::build(&["-Cdebuginfo=1", "-Cstrip=symbols"]);
    let (recorded, table) = resolved(&fixture);
    assert_eq!(
        table.problems(),
        [Problem::Stripped(fixture.program.clone())]
    );
    assert!(table.missing() > 10, "{}", table.missing());
    let frame = recorded.frames(&table, "generic")[0];
    assert_eq!(frame.origin, Origin::Unknown);
    assert!(
        frame.function.ends_with(" in app") && frame.function.starts_with("0x"),
        "{frame:?}"
    );
}

#[test]
fn a_program_that_is_gone() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    std::fs::remove_file(&fixture.program).expect("removed");
    let table = recorded.resolve(&quick());
    assert_eq!(table.problems(), [Problem::Gone(fixture.program.clone())]);
    assert!(table.missing() > 10, "{}", table.missing());
}

#[test]
fn a_program_that_was_rebuilt() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    write(
        &fixture.workspace().join("src/main.rs"),
        &PROGRAM.replace("let sum", "one();\n    let sum"),
    );
    fixture.rebuild(&["-Cdebuginfo=1"]);
    let path = fixture.program.to_string_lossy().into_owned();
    assert_ne!(
        build_id(&path),
        recorded.modules[recorded.program()].build_id
    );
    let table = recorded.resolve(&quick());
    assert_eq!(
        table.problems(),
        [Problem::Rebuilt(fixture.program.clone())]
    );
    let own = recorded.frames(&table, "generic")[0];
    assert_eq!(
        own.origin,
        Origin::Unknown,
        "another build's names are not used"
    );
}

#[test]
fn a_program_with_short_names() {
    let fixture = Fixture::build(&["-Cdebuginfo=line-tables-only"]);
    let (recorded, table) = resolved(&fixture);
    assert_eq!(
        table.problems(),
        [Problem::ShortNames(fixture.program.clone())]
    );
    assert_eq!(table.missing(), 0);
    let frames = recorded.frames(&table, "inline");
    assert_eq!(frames[1].function, "five");
    assert_eq!(
        (frames[1].krate.as_str(), frames[1].origin),
        ("app", Origin::Workspace)
    );
    // What is not inlined has a symbol.
    assert_eq!(frames[0].function, "app::record");
}

#[test]
fn a_recording_without_build_id() {
    let fixture = Fixture::release();
    let mut recorded = fixture.run();
    let program = recorded.program();
    recorded.modules[program].build_id.clear();
    let table = recorded.resolve(&quick());
    assert_eq!(
        table.problems(),
        [Problem::BuildIdUnknown(fixture.program.clone())]
    );
    assert_eq!(table.missing(), 0);
}

#[test]
fn a_replaced_file_is_looked_up_by_its_old_name() {
    let fixture = Fixture::release();
    let mut recorded = fixture.run();
    let program = recorded.program();
    recorded.modules[program].path.push_str(" (deleted)");
    let table = recorded.resolve(&quick());
    assert_eq!(table.problems(), []);
    assert_eq!(table.missing(), 0);
}

/// A trace may name anything: nothing is read that never ends, and nothing panics.
#[test]
fn files_that_are_no_objects() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text");
    write(&text, "no object");
    let whole = std::fs::read(std::env::current_exe().expect("a path")).expect("this test");
    let cut = folder.path().join("cut");
    std::fs::write(&cut, &whole[..whole.len() / 3]).expect("written");
    for path in [Path::new("/dev/zero"), folder.path(), &text, &cut] {
        let table = resolve(&[module(path)], &[site(0x1234)], &quick(), &mut |_, _| {});
        let frame = table.frame(table.frames(0)[0]);
        assert_eq!(frame.origin, Origin::Unknown);
        assert!(!table.problems().is_empty(), "{}", path.display());
        assert_eq!(table.missing(), 1);
    }
}

/// Every byte of the debug information may be wrong.
#[test]
fn damaged_debug_information() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let whole = std::fs::read(&fixture.program).expect("the program");
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..8 {
        let mut damaged = whole.clone();
        for _ in 0..200 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 16) as usize % (damaged.len() - 4_096) + 4_096;
            damaged[at] ^= (seed >> 8) as u8 | 1;
        }
        std::fs::write(&fixture.program, &damaged).expect("written");
        let table = recorded.resolve(&quick());
        assert!((0..table.site_count()).all(|site| !table.frames(site).is_empty()));
    }
}

#[test]
fn sites_outside_of_files() {
    let vdso = Module {
        path: "[vdso]".to_owned(),
        ..module(Path::new("/"))
    };
    let sites = [
        Site {
            address: FrameAddress::Return(0x2001),
            module: None,
        },
        Site {
            address: FrameAddress::Omitted,
            module: None,
        },
        site(0x10),
        Site {
            address: FrameAddress::Return(0),
            module: Some(99),
        },
    ];
    let table = resolve(&[vdso], &sites, &quick(), &mut |_, _| {});
    let names: Vec<_> = (0..4)
        .map(|site| &*table.frame(table.frames(site)[0]).function)
        .collect();
    assert_eq!(
        names,
        [
            "0x2000",
            "[frames omitted]",
            "0xf in [vdso]",
            "0xffffffffffffffff"
        ]
    );
    assert_eq!((table.missing(), table.problems()), (0, &[][..]));
    assert_eq!(table.frames(4), []);
}

#[test]
fn progress_counts_distinct_places() {
    let fixture = Fixture::release();
    let mut recorded = fixture.run();
    let twice = recorded.sites.clone();
    recorded.sites.extend(twice);
    let mut seen = Vec::new();
    resolve(
        &recorded.modules,
        &recorded.sites,
        &quick(),
        &mut |done, total| {
            seen.push((done, total));
        },
    );
    let total = seen.len() as u64;
    assert!(total < recorded.sites.len() as u64 / 2);
    assert_eq!(
        seen,
        (1..=total).map(|done| (done, total)).collect::<Vec<_>>()
    );
}

fn resolved(fixture: &Fixture) -> (Recorded, SymbolTable) {
    let recorded = fixture.run();
    let table = recorded.resolve(&quick());
    (recorded, table)
}

fn module(path: &Path) -> Module {
    let path = path.to_string_lossy().into_owned();
    Module {
        start: 0,
        end: 0x10_0000,
        bias: 0,
        build_id: Vec::new(),
        path,
    }
}

fn site(address: u64) -> Site {
    Site {
        address: FrameAddress::Return(address),
        module: Some(0),
    }
}
