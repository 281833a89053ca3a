//! Rules of this repository that can be checked: facts, not taste.

mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Files of libraries and examples that may hold `unsafe`. Everywhere else it is forbidden,
/// but in programs and cases that the tests run.
const UNSAFE: [&str; 21] = [
    "crates/heapline-array/src/storage.rs",
    "crates/heapline-unwind/src/fallback.rs",
    "crates/heapline-unwind/src/kernel.rs",
    "crates/heapline-unwind/src/module_map.rs",
    "crates/heapline-unwind/src/read_list.rs",
    "crates/heapline-unwind/src/records.rs",
    "crates/heapline-unwind/src/registers.rs",
    "crates/heapline-unwind/src/stack_memory.rs",
    "crates/heapline-unwind/src/sys.rs",
    "crates/heapline/src/allocator.rs",
    "crates/heapline/src/clock.rs",
    "crates/heapline/src/counters.rs",
    "crates/heapline/src/environment.rs",
    "crates/heapline/src/hook.rs",
    "crates/heapline/src/root.rs",
    "crates/heapline/src/stage.rs",
    "crates/heapline/src/sys.rs",
    "crates/heapline/src/sys/files.rs",
    "crates/heapline/src/sys/memory.rs",
    "crates/heapline/src/thread_state.rs",
    "examples/out_of_core.rs",
];

/// Packages with such files; all others forbid `unsafe` at their roots.
const DENYING: [&str; 3] = ["heapline", "heapline-array", "heapline-unwind"];

/// What each package may depend on, of ours.
const ARROWS: [(&str, &[&str]); 7] = [
    ("heapline-array", &["heapline"]),
    ("heapline-trace", &[]),
    ("heapline-unwind", &[]),
    ("heapline-macros", &[]),
    ("heapline-report", &["heapline-trace"]),
    (
        "heapline",
        &["heapline-macros", "heapline-trace", "heapline-unwind"],
    ),
    ("heapline-cli", &["heapline-report"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the repository with this at the end of their names.
fn files(end: &str) -> Vec<(String, String)> {
    let mut open = vec![root().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            let name = relative(&path);
            // What git keeps is not part of it; nor what is built.
            if name == ".git" {
                continue;
            }
            if path.is_dir() {
                let is_built = name == "target" || path.join("CACHEDIR.TAG").exists();
                if !is_built {
                    open.push(path);
                }
            } else if name.ends_with(end) {
                // Data that is no text has no rules.
                found.extend(std::fs::read_to_string(&path).ok().map(|text| (name, text)));
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("in the repository");
    path.to_string_lossy().into_owned()
}

/// Code without its comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
}

#[test]
fn every_file_says_what_it_holds() {
    for (name, text) in files(".rs") {
        assert!(text.starts_with("//! "), "{name} does not open with `//! `");
    }
}

#[test]
fn unsafe_code_is_where_it_may_be() {
    // Put together, so that this file does not hold the words.
    let allowed = concat!("allow(unsafe", "_code");
    let is_unsafe = |line: &str| {
        let mut words = line.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        words.any(|word| word == concat!("uns", "afe"))
    };
    let libraries: Vec<_> = files(".rs")
        .into_iter()
        .filter(|(name, _)| {
            let is_library = name.contains("/src/") && !name.starts_with("tests/");
            is_library || name.starts_with("examples/")
        })
        .collect();
    let holds = |text: &str| code(text).any(|line| line.contains(allowed) || is_unsafe(line));
    let found: Vec<&str> = libraries
        .iter()
        .filter(|(_, text)| holds(text))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(found, UNSAFE);
    // Each file lifts the workspace's lint for itself.
    for (name, text) in libraries {
        let lifts = text.contains(&format!("#![{allowed}"));
        assert_eq!(lifts, UNSAFE.contains(&&*name), "{name}");
    }
}

#[test]
fn unsafe_code_is_forbidden_or_denied_everywhere() {
    let lint = ["workspace", "lints", "rust", "unsafe_code"];
    let workspace = manifest(".");
    assert_eq!(
        value(&workspace, &lint).and_then(Value::as_str),
        Some("deny")
    );
    let forbids = concat!("#![forbid(unsafe", "_code)]");
    for (name, (folder, package)) in packages_in_folders() {
        let inherits = value(&package, &["lints", "workspace"]);
        assert_eq!(inherits, Some(&Value::Boolean(true)), "{name}");
        for root in roots(&folder, &package) {
            let is_forbidden = text(&root).contains(forbids);
            assert_eq!(is_forbidden, !DENYING.contains(&&*name), "{root}");
        }
    }
}

/// The files that library and programs of a package begin with.
fn roots(folder: &str, package: &Table) -> Vec<String> {
    let mut paths: Vec<&str> = Vec::new();
    let library = value(package, &["lib", "path"]).and_then(Value::as_str);
    paths.push(library.unwrap_or("src/lib.rs"));
    for program in package
        .get("bin")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        paths.extend(program.get("path").and_then(Value::as_str));
    }
    paths
        .iter()
        .map(|path| format!("{folder}/{path}"))
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut packages = packages();
    for (name, expected) in ARROWS {
        let package = packages.remove(name).expect("a package of ours");
        let mut found = BTreeSet::new();
        for table in ["dependencies", "build-dependencies", "target"] {
            found.extend(ours(package.get(table)));
        }
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{name}");
    }
    let unknown: Vec<&String> = packages.keys().collect();
    assert!(
        unknown.is_empty(),
        "say above what these may depend on: {unknown:?}"
    );
}

/// The packages of ours that are keys in a table or in tables below it.
fn ours(value: Option<&Value>) -> Vec<String> {
    let Some(table) = value.and_then(Value::as_table) else {
        return Vec::new();
    };
    let (own, others): (Vec<_>, Vec<_>) = table
        .iter()
        .partition(|(name, _)| name.starts_with("heapline"));
    let nested = others.into_iter().flat_map(|(_, value)| ours(Some(value)));
    own.iter()
        .map(|(name, _)| (*name).clone())
        .chain(nested)
        .collect()
}

#[test]
fn the_version_is_the_same_everywhere() {
    let workspace = manifest(".");
    let version = value(&workspace, &["workspace", "package", "version"]);
    let version = version.and_then(Value::as_str).expect("a version");
    for (name, package) in packages() {
        let own = value(&package, &["package", "version", "workspace"]);
        assert_eq!(own, Some(&Value::Boolean(true)), "{name}");
    }
    let shared = value(&workspace, &["workspace", "dependencies"]).and_then(Value::as_table);
    for (name, dependency) in shared.expect("a table") {
        if name.starts_with("heapline") {
            let said = dependency["version"].as_str().expect("a version");
            assert_eq!(said.trim_start_matches('='), version, "{name}");
        }
    }
    let lock: Table = text("Cargo.lock").parse().expect("TOML");
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        if name.starts_with("heapline") {
            assert_eq!(package["version"].as_str(), Some(version), "{name}");
        }
    }
    let heading = format!("## {version}");
    let is_heading = |line: &str| line == heading || line.starts_with(&format!("{heading} "));
    let changes = text("CHANGELOG.md");
    assert!(
        changes.lines().any(is_heading),
        "no '{heading}' in CHANGELOG.md"
    );
}

#[test]
fn what_is_to_be_done_has_an_issue() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME")];
    for (name, text) in files("") {
        let is_ours = [".rs", ".toml", ".md", ".yml", ".sh"]
            .iter()
            .any(|end| name.ends_with(end));
        for line in text.lines().filter(|_| is_ours) {
            for word in words {
                let Some((_, behind)) = line.split_once(word) else {
                    continue;
                };
                let numbered = behind.starts_with("(#")
                    && behind[2..].starts_with(|letter: char| letter.is_ascii_digit());
                assert!(numbered, "{name}: write `{word}(#NUMBER)`: {line}");
            }
        }
    }
}

#[test]
fn no_test_is_skipped() {
    let attributes = [concat!("#[ig", "nore"), concat!("#[should", "_panic")];
    for (name, text) in files(".rs") {
        for attribute in attributes {
            assert!(!text.contains(attribute), "{attribute} in {name}");
        }
    }
}

/// What starts a process and says nothing of a deadline is in one file.
#[test]
fn no_child_process_is_without_a_deadline() {
    // Put together, so that this file does not hold them.
    let calls = ["spawn", "status", "output"].map(|name| format!(".{name}()"));
    let is_test = |name: &str| name.starts_with("tests/it/") || name.starts_with("tests/faults/");
    // The second holds the sources of programs.
    let allowed = ["tests/it/processes.rs", "tests/it/cargo_run/programs.rs"];
    for (name, text) in files(".rs") {
        if !is_test(&name) || allowed.contains(&&*name) {
            continue;
        }
        for line in code(&text) {
            let is_call = calls.iter().any(|call| line.contains(call));
            assert!(!is_call, "{name}: {line}");
        }
    }
}

#[test]
fn no_file_names_a_machine() {
    // A path of one word could stand for anything.
    let here = root().to_string_lossy().into_owned();
    let here = Some(here).filter(|path| path.matches('/').count() > 1);
    let folders = ["home", "root", "work", "Users"].map(|folder| format!("/{folder}/"));
    for (name, text) in files("") {
        // Whose paths are invented, in tests.
        let text = text.replace("/home/me/", "");
        for path in here.iter().chain(&folders) {
            let line = text.lines().find(|line| is_path(line, path));
            assert_eq!(line, None, "{path} in {name}");
        }
    }
}

/// Whether a line has this path, and not the end of a longer one.
fn is_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|letter| !(letter.is_alphanumeric() || "._-}>".contains(letter)))
    })
}

/// A manifest, by its folder.
fn manifest(folder: &str) -> Table {
    let path = PathBuf::from(folder).join("Cargo.toml");
    text(&path.to_string_lossy()).parse().expect("TOML")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The packages that users get, by name.
fn packages() -> BTreeMap<String, Table> {
    let named = packages_in_folders().into_iter();
    named.map(|(name, (_, package))| (name, package)).collect()
}

/// The same with their folders.
fn packages_in_folders() -> BTreeMap<String, (String, Table)> {
    let mut folders = vec![".".to_owned()];
    for entry in std::fs::read_dir(root().join("crates")).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.join("Cargo.toml").exists() {
            folders.push(relative(&path));
        }
    }
    let named = folders.iter().map(|folder| {
        let manifest = manifest(folder);
        let name = value(&manifest, &["package", "name"]).and_then(Value::as_str);
        let name = name.expect("a name").to_owned();
        (name, (folder.clone(), manifest))
    });
    named.collect()
}

fn value<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// What stands between backticks in the table of promises.
fn holders_of_promises() -> Vec<String> {
    let docs = root().join("crates/heapline/src/lib.rs");
    let docs = std::fs::read_to_string(docs).expect("readable");
    let (_, table) = docs
        .split_once("# What heapline promises")
        .expect("a table of promises");
    let rows = table.lines().skip(1);
    let rows = rows.take_while(|line| line.starts_with("//!"));
    let held_by = rows.filter_map(|row| row.strip_suffix(" |")?.rsplit_once(" | "));
    let names = held_by.flat_map(|(_, names)| names.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

#[test]
fn every_promise_is_held_by_tests_that_are_there() {
    let mut faults = String::new();
    for (_, text) in files(".rs")
        .iter()
        .filter(|(name, _)| name.starts_with("tests/faults/"))
    {
        faults.push_str(text);
    }
    let mut checked = 0;
    for name in holders_of_promises() {
        let is_there = match name.split_once("::") {
            Some(("it", module)) => root().join(format!("tests/it/{module}.rs")).is_file(),
            Some(("faults", fault)) => faults.contains(&format!("fn {fault}_")),
            _ if name.starts_with('t') && name[1..].parse::<u8>().is_ok() => {
                faults.contains(&format!("fn {name}_"))
            }
            None if name == "interleavings" => {
                let model = format!("crates/heapline/tests/{name}/main.rs");
                root().join(model).is_file()
            }
            _ => ["trace", "unwind", "report"].iter().any(|part| {
                let krate = format!("crates/heapline-{part}");
                name == format!("heapline-{part}")
                    || ["tests", "src/tests"]
                        .iter()
                        .any(|folder| root().join(format!("{krate}/{folder}/{name}.rs")).is_file())
            }),
        };
        assert!(is_there, "{name}");
        checked += 1;
    }
    assert!(checked > 40, "{checked}");
}
