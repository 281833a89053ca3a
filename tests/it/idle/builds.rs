//! A library with the allocator in it is linked into a build script and loaded by rustc
//! with a procedural macro. Only the program is ever recorded.

use std::time::SystemTime;

use crate::cargo_run::fixture::{Fixture, Outcome, target, traces_since};

const WORKSPACE: &str = "\
[workspace]
resolver = \"3\"
members = [\"counted\", \"macros\", \"app\"]
";

/// The library that makes heapline everyone's allocator.
const COUNTED: [(&str, &str); 2] = [
    (
        "counted/Cargo.toml",
        "\
[package]
name = \"counted\"
version = \"0.1.0\"
edition = \"2024\"
[dependencies]
heapline = { path = \"PATH_OF_HEAPLINE\" }
",
    ),
    (
        "counted/src/lib.rs",
        "\
//! Allocates under heapline.
#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// Text that lay in many blocks.
pub fn text(words: usize) -> String {
    (0..words).map(|word| format!(\"word {word} \")).collect()
}
",
    ),
];

const MACROS: [(&str, &str); 2] = [
    (
        "macros/Cargo.toml",
        "\
[package]
name = \"macros\"
version = \"0.1.0\"
edition = \"2024\"
[lib]
proc-macro = true
[dependencies]
counted = { path = \"../counted\" }
",
    ),
    (
        "macros/src/lib.rs",
        "\
//! A macro that allocates inside rustc.
#[proc_macro]
pub fn length(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    counted::text(300).len().to_string().parse().unwrap()
}
",
    ),
];

const APP: [(&str, &str); 3] = [
    (
        "app/Cargo.toml",
        "\
[package]
name = \"idle-app\"
version = \"0.1.0\"
edition = \"2024\"
[dependencies]
counted = { path = \"../counted\" }
macros = { path = \"../macros\" }
[build-dependencies]
counted = { path = \"../counted\" }
",
    ),
    (
        "app/build.rs",
        "\
//! Allocates while cargo builds.
fn main() {
    println!(\"cargo::rustc-env=LENGTH={}\", counted::text(200).len());
}
",
    ),
    (
        "app/src/main.rs",
        "\
//! Prints what the others have counted.
fn main() {
    println!(\"{} {} {}\", env!(\"LENGTH\"), macros::length!(), counted::text(100).len());
}
",
    ),
];

/// The traces that were made since then, in the workspace and in the target folder.
fn traces(fixture: &Fixture, start: SystemTime) -> Vec<String> {
    let mut traces = traces_since(&fixture.folder, start);
    let others = traces_since(&target().join("heapline"), start);
    // Other tests use this target folder at the same time.
    let ours = ["idle-app-", "build-script-build-", "rustc-"];
    traces.extend(
        others
            .into_iter()
            .filter(|name| ours.iter().any(|start| name.starts_with(start))),
    );
    traces
}

/// Has cargo run the build script and rustc, and so the macro, again.
fn touch(fixture: &Fixture) {
    for (path, text) in APP {
        fixture.write(path, text);
    }
}

#[test]
fn build_scripts_and_macros_are_left_alone() {
    let mut files = vec![("Cargo.toml", WORKSPACE)];
    files.extend(COUNTED.into_iter().chain(MACROS).chain(APP));
    let start = SystemTime::now();
    let fixture = Fixture::new("idle", &files);
    let expected = "1690 2590 790\n";

    // Nobody asked: no file, no word.
    let built = Outcome::of(&mut fixture.cargo(&["build", "-vv"]));
    let stderr = built.stderr();
    assert_eq!(built.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("heapline: "), "{stderr}");
    let run = Outcome::of(&mut fixture.cargo(&["run", "--quiet"]));
    assert_eq!(
        (run.stdout().as_str(), run.stderr().as_str()),
        (expected, "")
    );
    assert_eq!(traces(&fixture, start), [""; 0]);

    // Asked for the program: the program alone, whatever the variable says.
    touch(&fixture);
    let mut command = fixture.cargo_heapline(&["run"]);
    let run = Outcome::of(command.env("HEAPLINE", "frames=300"));
    assert_eq!(run.stdout(), expected, "{}", run.stderr());
    assert_eq!(run.complaints(), [""; 0]);
    let trace = run.trace();
    let name = trace.file_name().expect("a name").to_string_lossy();
    assert_eq!(traces(&fixture, start), [name]);

    // The test would have noticed: they do record if the variable asks all processes.
    touch(&fixture);
    let mut command = fixture.cargo(&["build"]);
    let built = Outcome::of(command.env("HEAPLINE", "quiet,on"));
    assert_eq!(built.code(), Some(0), "{}", built.stderr());
    let traces = traces(&fixture, start);
    for program in ["build-script-build-", "rustc-"] {
        let made = traces.iter().any(|name| name.starts_with(program));
        assert!(made, "no trace of {program} in {traces:?}");
    }
}
