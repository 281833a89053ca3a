//! T80: lines and inline chains that the source itself knows by its marks.

use crate::fixture::{ALLOCATING, DEPENDENCY, Fixture, PROGRAM, Recorded, SHAPES, line_of, quick};
use heapline_report::symbols::{Frame, Origin, SymbolOptions, SymbolTable, fold_stack};

/// Function, file and mark of a frame.
type Known = (&'static str, &'static str, &'static str);

/// Function, file and mark of every frame of the program's own, innermost first.
const STACKS: [(&str, &[Known]); 11] = [
    (
        "inline",
        &[
            ("app::five", MAIN, "five"),
            ("app::four", MAIN, "four"),
            ("app::three", MAIN, "three"),
            ("app::two", MAIN, "two"),
            ("app::one", MAIN, "one"),
            ("app::main", MAIN, "main_one"),
        ],
    ),
    (
        "generic",
        &[
            ("app::generic", MAIN, "generic"),
            ("app::main", MAIN, "main_generic"),
        ],
    ),
    (
        "closure",
        &[
            ("app::main::{closure}", MAIN, "closure"),
            ("app::call", MAIN, "call"),
            ("app::main", MAIN, "main_call"),
        ],
    ),
    (
        "dyn",
        &[
            (
                "<app::shapes::Square as app::shapes::Shape>::area",
                "src/shapes.rs",
                "area",
            ),
            ("app::main", MAIN, "dyn"),
        ],
    ),
    (
        "macro",
        &[
            ("app::in_macros", MAIN, "macro_body"),
            ("app::main", MAIN, "main_macros"),
        ],
    ),
    (
        "assert",
        &[
            ("app::in_macros", MAIN, "assert"),
            ("app::main", MAIN, "main_macros"),
        ],
    ),
    (
        "noreturn",
        &[
            ("app::last_words", MAIN, "last"),
            ("app::never_returns", MAIN, "never"),
            ("app::main::{closure}", MAIN, "catch"),
            ("app::main", MAIN, "catch"),
        ],
    ),
    (
        "qsort",
        &[
            ("app::compare", MAIN, "compare"),
            ("app::main", MAIN, "main_qsort"),
        ],
    ),
    (
        "drop",
        &[
            ("<app::Bomb as core::ops::drop::Drop>::drop", MAIN, "drop"),
            ("app::main", MAIN, "main_drop"),
        ],
    ),
    (
        "map",
        &[
            ("app::main::{closure}", MAIN, "map"),
            ("app::main", MAIN, "map"),
        ],
    ),
    (
        "dependency",
        &[
            ("app::main::{closure}", MAIN, "visit"),
            ("some_dep::visit", DEP, "work"),
            ("app::main", MAIN, "visit"),
        ],
    ),
];

/// Where the allocator is called from: the mark, and what of the standard library stays.
const ALLOCATIONS: [(&str, &str); 11] = [
    ("push", "Vec::push"),
    ("boxed", "Box::new"),
    ("cloned", "String as core::clone::Clone>::clone"),
    ("to_vec", "::to_vec"),
    ("collect", "::collect"),
    ("format", "alloc::fmt::format"),
    ("hash_map", "HashMap::insert"),
    ("btree", "BTreeMap::insert"),
    ("zeroed", "vec::from_elem"),
    ("sort", "::sort_by_key"),
    ("arc", "Arc::new"),
];

const MAIN: &str = "src/main.rs";
const DEP: &str = "some-dep-1.2.3/src/lib.rs";

#[test]
fn lines_of_known_sites() {
    let fixture = Fixture::release();
    check_all(&fixture.run(), &SymbolOptions::default());
}

#[test]
fn lines_of_known_sites_with_v0_names() {
    let fixture = Fixture::build(&["-Cdebuginfo=1", "-Csymbol-mangling-version=v0"]);
    check_all(&fixture.run(), &quick());
}

#[test]
fn lines_of_known_sites_with_fat_lto() {
    let fixture = Fixture::build(&["-Cdebuginfo=1", "-Clto=fat", "-Ccodegen-units=1"]);
    check_all(&fixture.run(), &quick());
}

/// Units do not name their crates then.
#[test]
fn lines_of_known_sites_in_an_incremental_build() {
    let fixture = Fixture::build(&["-Cdebuginfo=1", "-Cincremental=incremental"]);
    check_all(&fixture.run(), &quick());
}

#[test]
fn lines_of_known_sites_in_a_position_dependent_program() {
    let fixture = Fixture::build(&["-Cdebuginfo=1", "-Crelocation-model=static"]);
    check_all(&fixture.run(), &quick());
}

fn check_all(recorded: &Recorded, options: &SymbolOptions) {
    let table = recorded.resolve(options);
    assert_eq!(table.problems(), []);
    assert_eq!(table.missing(), 0);
    for (stack, expected) in STACKS {
        check_stack(recorded, &table, stack, expected);
    }
    for (stack, entry) in ALLOCATIONS {
        check_allocation(recorded, &table, stack, entry);
    }
    check_dependency(recorded, &table);
    check_thread(recorded, &table);
}

fn check_stack(recorded: &Recorded, table: &SymbolTable, stack: &str, expected: &[Known]) {
    let frames = recorded.frames(table, stack);
    assert_eq!(shown(frames[0]).0, "app::record", "{stack}");
    let own = |frame: &&&Frame| matches!(frame.origin, Origin::Workspace | Origin::Dependency);
    let found: Vec<_> = frames
        .iter()
        .skip(1)
        .filter(own)
        .map(|frame| shown(frame))
        .collect();
    for frame in frames.iter().filter(own) {
        let krate = match frame.origin {
            Origin::Workspace => "app",
            _ => "some_dep",
        };
        assert_eq!(frame.krate, krate, "{frame:?}");
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|&(function, file, mark)| {
            (
                function.to_owned(),
                file.to_owned(),
                line_of(source(file), mark),
            )
        })
        .collect();
    assert_eq!(found, expected, "{stack}");
    let folded = kept(&frames);
    let innermost = folded.first().map(|frame| shown(frame).0);
    assert_eq!(innermost.as_deref(), Some("app::record"), "{stack}");
    assert_eq!(
        folded.last().map(|frame| shown(frame).0).as_deref(),
        Some("app::main"),
        "{stack}"
    );
}

/// What `record` was called from is the leaf: the standard library and its allocator.
fn check_allocation(recorded: &Recorded, table: &SymbolTable, stack: &str, entry: &str) {
    let frames = recorded.frames(table, stack);
    let folded = kept(&frames[1..]);
    let names: Vec<String> = folded.iter().map(|frame| plain(&frame.function)).collect();
    assert!(names[0].ends_with(entry), "{stack}: {names:?}");
    assert_eq!(names[1..], ["app::allocating::all", "app::main"], "{stack}");
    assert_eq!(folded[1].line, Some(line_of(ALLOCATING, stack)), "{stack}");
}

fn check_dependency(recorded: &Recorded, table: &SymbolTable) {
    let frames = recorded.frames(table, "dependency_alloc");
    let folded = kept(&frames[1..]);
    let names: Vec<_> = folded.iter().map(|frame| plain(&frame.function)).collect();
    assert_eq!(
        names[names.len() - 3..],
        ["some_dep::make", "app::allocating::all", "app::main"]
    );
    assert!(names[0].ends_with("::with_capacity"), "{names:?}");
    let make = folded[folded.len() - 3];
    assert_eq!(
        (make.krate.as_str(), make.origin),
        ("some_dep", Origin::Dependency)
    );
    assert_eq!(make.line, Some(line_of(DEPENDENCY, "with_capacity")));
}

fn check_thread(recorded: &Recorded, table: &SymbolTable) {
    let frames = recorded.frames(table, "thread");
    let folded: Vec<_> = kept(&frames).iter().map(|frame| shown(frame)).collect();
    let closure = (
        "app::main::{closure}".to_owned(),
        MAIN.to_owned(),
        line_of(PROGRAM, "thread"),
    );
    assert_eq!(folded[1..], [closure]);
}

fn kept<'a>(frames: &[&'a Frame]) -> Vec<&'a Frame> {
    fold_stack(frames)
        .into_iter()
        .map(|at| frames[at])
        .collect()
}

fn shown(frame: &Frame) -> (String, String, u32) {
    let file = frame.file.clone().unwrap_or_default();
    (plain(&frame.function), file, frame.line.unwrap_or(0))
}

fn source(file: &str) -> &'static str {
    match file {
        MAIN => PROGRAM,
        DEP => DEPENDENCY,
        _ => SHAPES,
    }
}

/// A name as both manglings agree on it: without generic arguments of paths, and
/// without numbers of closures.
fn plain(function: &str) -> String {
    let mut text = function.replace("{{closure}}", "{closure}");
    while let Some((before, numbered)) = text.split_once("{closure#") {
        let after = numbered.trim_start_matches(|digit: char| digit.is_ascii_digit());
        text = format!("{before}{{closure{after}");
    }
    let mut plain = String::new();
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        let opens_arguments = letter == '<' && at > 0 && !text[..at].ends_with(['<', ' ', '&']);
        match letter {
            '<' if depth > 0 || opens_arguments => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    // `<alloc::vec::Vec<T>>::push` of v0, `alloc::vec::Vec<T>::push` of the older one.
    let plain = match plain
        .strip_prefix('<')
        .and_then(|rest| rest.split_once(">::"))
    {
        Some((subject, method)) if !subject.contains(" as ") => format!("{subject}::{method}"),
        _ => plain,
    };
    plain
        .replace("::::", "::")
        .trim_end_matches("::")
        .to_owned()
}
