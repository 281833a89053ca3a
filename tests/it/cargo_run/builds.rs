//! What is built and run: profiles, the user's own runner, test binaries.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::fixture::{Fixture, Outcome, target};
use super::{has_row, programs};
use crate::processes::output_of;

#[test]
fn profiles_get_debug_information_for_this_build_alone() {
    let manifest = format!(
        "{}\n[profile.my-ci]\ninherits = \"release\"\nopt-level = 0\nstrip = true\ndebug = 0\n",
        programs::manifest("stripped")
    );
    let fixture = Fixture::new(
        "stripped",
        &[
            ("Cargo.toml", &manifest),
            (
                "src/main.rs",
                &programs::KEEPS.replace("PROGRAM", "stripped"),
            ),
            // Without heapline in it, so that the second build is quick.
            (
                "small/Cargo.toml",
                &manifest
                    .replace("stripped", "small")
                    .replace(programs::DEPENDENCY, ""),
            ),
            (
                "small/src/main.rs",
                "//! Prints.\nfn main() { println!(\"small\"); }\n",
            ),
        ],
    );
    let recorded = Outcome::of(&mut fixture.cargo_heapline(&["run", "--profile", "my-ci"]));
    let stderr = recorded.stderr();
    assert!(has_row(&stderr), "{stderr}");

    let has_debug_information = || {
        let bytes = std::fs::read(target().join("my-ci/small")).expect("it is built");
        // As a section's name; the standard library knows the word, too.
        bytes.windows(13).any(|name| name == b"\0.debug_info\0")
    };
    let arguments = [
        "run",
        "--profile=my-ci",
        "--manifest-path",
        "small/Cargo.toml",
    ];
    let recorded = Outcome::of(&mut fixture.cargo_heapline(&arguments));
    assert_eq!(recorded.stdout(), "small\n");
    assert!(has_debug_information());
    let plain = Outcome::of(&mut fixture.cargo(&arguments));
    assert_eq!(plain.stdout(), "small\n");
    assert!(!has_debug_information());
}

/// Runs the program `wrapped` with this runner in cargo's configuration.
fn wrapped_by(name: &str, runner: &str) {
    let script = "#!/bin/sh\nexport WRAPPED=yes\n\"$@\"\n";
    let config = format!("[target.{}]\nrunner = {runner}\n", host_triple());
    let fixture = Fixture::new(
        name,
        &[
            ("Cargo.toml", &programs::manifest(name)),
            ("src/main.rs", &programs::KEEPS.replace("PROGRAM", name)),
            ("tools/wrap", script),
            (".cargo/config.toml", &config),
        ],
    );
    let script = fixture.folder.join("tools/wrap");
    std::fs::set_permissions(script, PermissionsExt::from_mode(0o755)).expect("ours");
    let mut command = fixture.cargo_heapline(&["run"]);
    // Paths in the configuration do not depend on where cargo is started.
    command.current_dir(fixture.folder.join("src"));
    let recorded = Outcome::of(&mut command);
    let stderr = recorded.stderr();
    assert_eq!(recorded.stdout(), "100000 yes\n", "{runner}: {stderr}");
    assert!(has_row(&stderr), "{runner}: {stderr}");
    assert!(recorded.trace().is_file());
}

fn host_triple() -> String {
    let output = output_of(Command::new(env!("CARGO")).arg("-vV"));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo names its host").to_owned()
}

#[test]
fn the_users_own_runner_still_wraps() {
    wrapped_by("wrapped-by-env", "[\"env\", \"WRAPPED=yes\"]");
    wrapped_by("wrapped-by-script", "\"tools/wrap\"");
}

#[test]
fn test_binaries_are_recorded() {
    let library = "\
//! A library with tests.
#[cfg(test)]
#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// ```
/// assert_eq!(tested::ten().len(), 10);
/// ```
pub fn ten() -> Vec<u8> { vec![1; 10] }
#[test]
fn inside() { assert_eq!(ten().len(), 10); }
";
    let test = "\
//! A test from outside.
#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();
#[test]
fn outside() { assert_eq!(tested::ten().len(), 11); }
";
    let fixture = Fixture::new(
        "tested",
        &[
            ("Cargo.toml", &programs::manifest("tested")),
            ("src/lib.rs", library),
            ("tests/outside.rs", test),
        ],
    );
    let outcome = Outcome::of(&mut fixture.cargo_heapline(&["test", "--no-fail-fast"]));
    assert_eq!(outcome.code(), Some(101), "a test fails");
    let stderr = outcome.stderr();
    let named = |name: &str| {
        let start = format!(
            "trace        {}/{name}-",
            target().join("heapline").display()
        );
        stderr
            .lines()
            .filter(|line| line.starts_with(&start))
            .count()
    };
    assert_eq!((named("tested"), named("outside")), (1, 1), "{stderr}");
    // Doctests are left alone.
    assert_eq!(outcome.complaints(), [""; 0]);
    assert_eq!(outcome.stdout().matches("test result: ok").count(), 2);
}
