//! Building the test programs in several ways, running them recorded, and reading
//! what they left.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::processes::{BUILD_DEADLINE, LONG_DEADLINE, Watched, output_within};
use serde_json::Value;

use heapline_trace::{FrameAddress, NodeId, Record, Trace};

/// How a program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// An ordinary release build, no flags.
    Release,
    /// Release with frame pointers in the program's own code.
    FramePointers,
    /// Without optimisation.
    Debug,
    /// Fat link-time optimisation and `panic=abort`.
    FatLto,
    /// The same with panics that unwind.
    FatLtoUnwinding,
    /// Release with this feature of the programs.
    Feature(&'static str),
}

/// Where the programs of each build are, once they are built. Two builds of one
/// configuration at a time would only wait for each other.
static BUILT: Mutex<Vec<(Build, PathBuf)>> = Mutex::new(Vec::new());

/// The path of a program of `tests/programs`, built that way.
pub(crate) fn program(name: &str, build: Build) -> PathBuf {
    let mut built = BUILT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let known = built.iter().find(|(known, _)| *known == build);
    let folder = match known {
        Some((_, folder)) => folder.clone(),
        None => {
            let folder = build_programs(build);
            built.push((build, folder.clone()));
            folder
        }
    };
    folder.join(name)
}

/// Builds all programs; where they are then.
fn build_programs(build: Build) -> PathBuf {
    let (mut cargo, folder) = cargo_build(build);
    let status = Watched::start_within(&mut cargo, BUILD_DEADLINE).wait();
    assert!(status.success(), "{build:?} does not build");
    folder
}

/// Compiles one program by itself, with more arguments for the compiler and for its linker,
/// against the libraries of such a build.
pub(crate) fn compiled(name: &str, build: Build, arguments: &[&str]) -> PathBuf {
    program(name, build);
    let (mut cargo, folder) = cargo_build(build);
    cargo.args(["--lib", "--message-format", "json"]);
    let messages = output_within(&mut cargo, BUILD_DEADLINE);
    assert!(messages.status.success(), "{build:?} does not build");
    let program = fresh_folder(name).join(name);
    let mut rustc = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"));
    rustc
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "--edition",
            "2024",
            "-C",
            "debuginfo=1",
            "-C",
            "opt-level=3",
        ])
        .arg(format!("tests/programs/src/bin/{name}.rs"))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(format!("dependency={}", folder.join("deps").display()))
        .args(libraries(&messages.stdout))
        .args(arguments);
    let output = output_within(&mut rustc, BUILD_DEADLINE);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    program
}

/// The library of C's kind that is an example of the test programs.
pub(crate) fn library(name: &str) -> PathBuf {
    let (mut cargo, folder) = cargo_build(Build::Release);
    let status = Watched::start_within(cargo.args(["--example", name]), BUILD_DEADLINE).wait();
    assert!(status.success(), "{name} does not build");
    folder.join("examples").join(format!("lib{name}.so"))
}

/// For the compiler: where each library is that cargo says it has.
fn libraries(messages: &[u8]) -> Vec<String> {
    let messages = String::from_utf8_lossy(messages);
    let library = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let mut files = message["filenames"].as_array()?.iter();
        let file = files.find_map(|file| file.as_str().filter(|file| file.ends_with(".rlib")))?;
        let name = message["target"]["name"].as_str()?.replace('-', "_");
        Some(format!("--extern={name}={file}"))
    };
    messages.lines().filter_map(library).collect()
}

/// Cargo, to build the programs of a build, and where they will be.
fn cargo_build(build: Build) -> (Command, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = target_folder();
    let (folder, profile, settings, flags): (_, _, &[&str], _) = match build {
        Build::Release => (target.clone(), "release", &[], ""),
        Build::FramePointers => (
            target.join("frame-pointers"),
            "release",
            &[],
            "-C force-frame-pointers=yes",
        ),
        Build::Debug => (target.clone(), "dev", &[], ""),
        Build::FatLto => {
            let settings = [
                "profile.release.lto=\"fat\"",
                "profile.release.panic=\"abort\"",
            ]
            .as_slice();
            (target.join("fat-lto"), "release", settings, "")
        }
        Build::FatLtoUnwinding => {
            let settings = ["profile.release.lto=\"fat\""].as_slice();
            (target.join("fat-lto-unwinding"), "release", settings, "")
        }
        Build::Feature(name) => (target.join(name), "release", &[], ""),
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).args([
        "build",
        "--quiet",
        "-p",
        "heapline-test-programs",
        "--features",
        "test-switches",
        "--profile",
        profile,
    ]);
    if let Build::Feature(name) = build {
        cargo.args(["--features", name]);
    }
    cargo.arg("--target-dir").arg(&folder);
    for setting in settings {
        cargo.args(["--config", setting]);
    }
    if !flags.is_empty() {
        cargo.env("RUSTFLAGS", flags);
    }
    let folder = folder.join(if profile == "dev" { "debug" } else { profile });
    (cargo, folder)
}

/// The folder into which this test itself was built.
pub(crate) fn target_folder() -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_heapline"));
    binary
        .parent()
        .and_then(Path::parent)
        .expect("target/PROFILE/heapline")
        .to_owned()
}

/// A new, empty folder below the target folder.
pub(crate) fn fresh_folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = target_folder()
        .join("test-runs")
        .join(format!("{name}-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// A finished run.
pub(crate) struct Run {
    pub(crate) output: Output,
    pub(crate) trace: PathBuf,
    pub(crate) folder: PathBuf,
}

impl Run {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    pub(crate) fn trace(&self) -> Trace<Vec<u8>> {
        Trace::open(std::fs::read(&self.trace).expect("a trace")).expect("a readable trace")
    }
}

/// Runs a program recorded; `ORACLE` names a file beside the trace.
pub(crate) fn record(program: &Path, arguments: &[&str]) -> Run {
    record_with(program, arguments, &[])
}

/// The same with more environment variables.
pub(crate) fn record_with(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let folder = fresh_folder(&program.file_name().expect("a name").to_string_lossy());
    let trace = folder.join("trace.heapline");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("HEAPLINE", format!("quiet,out={}", trace.display()))
        .env("ORACLE", folder.join("oracle"))
        .envs(variables.iter().copied());
    let output = output_within(&mut command, LONG_DEADLINE);
    Run {
        output,
        trace,
        folder,
    }
}

/// Runs the `heapline` command.
pub(crate) fn heapline(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heapline"));
    output_within(command.args(arguments), LONG_DEADLINE)
}

/// What `heapline summary` says about a trace.
pub(crate) fn summary(trace: &Path) -> Value {
    let trace = trace.to_str().expect("a plain path");
    json(&["summary", trace])
}

/// What a report says in JSON.
pub(crate) fn json(arguments: &[&str]) -> Value {
    let output = heapline(&[arguments, &["--format", "json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// An allocation with its whole stack.
#[derive(Debug)]
pub(crate) struct Stacked {
    pub(crate) bytes: u64,
    /// Innermost first.
    pub(crate) frames: Vec<FrameAddress>,
    pub(crate) root: NodeId,
}

/// All allocations of a trace with their stacks.
pub(crate) fn stacked_allocations(trace: &Trace<Vec<u8>>) -> Vec<Stacked> {
    let mut found = Vec::new();
    for stream in trace.streams() {
        let mut nodes = std::collections::HashMap::new();
        for record in trace.records(stream) {
            match record.expect("no damage") {
                Record::Node {
                    id,
                    parent,
                    address,
                } => {
                    nodes.insert(id, (parent, address));
                }
                Record::Alloc {
                    bytes, mut node, ..
                } => {
                    let mut frames = Vec::new();
                    while let Some(&(parent, address)) = nodes.get(&node) {
                        frames.push(address);
                        node = parent;
                    }
                    found.push(Stacked {
                        bytes,
                        frames,
                        root: node,
                    });
                }
                _ => {}
            }
        }
    }
    found
}
