//! What cargo itself makes of paths: members, their crates, generated code.

use crate::fixture::{Recorded, line_of, write};
use heapline_report::symbols::{Frame, Origin, SymbolOptions};
use std::path::Path;
use std::process::Command;

/// The recording half of the fixture's program, as a library of the workspace.
const RECORDER: &str = r#"
use std::hint::black_box;
unsafe extern "C" {
    fn backtrace(frames: *mut *mut u8, count: i32) -> i32;
}
#[inline(never)]
pub fn record(name: &str) {
    let mut frames = [std::ptr::null_mut(); 64];
    let count = unsafe { backtrace(frames.as_mut_ptr(), 64) };
    let list: Vec<String> = frames[..count as usize].iter().map(|at| format!("{:p}", *at)).collect();
    println!("stack {name} {}", list.join(" "));
}
pub fn generic<T>(value: T) {
    record("generic"); // @generic
    black_box(&value);
}
"#;

const BUILD_SCRIPT: &str = r##"
fn main() {
    let folder = std::env::var("OUT_DIR").unwrap();
    std::fs::write(format!("{folder}/made.rs"), "#[inline(never)]\npub fn made() {\n    tracing_kit::record(\"made\");\n    std::hint::black_box(());\n}\n").unwrap();
}
"##;

const TOOL: &str = r#"
include!(concat!(env!("OUT_DIR"), "/made.rs"));
mod inner;
fn main() {
    tracing_kit::generic(7); // @main_generic
    made(); // @main_made
    inner::deep::run(); // @main_run
    print!("{}", std::fs::read_to_string("/proc/self/maps").unwrap());
}
"#;

const DEEP: &str = r#"
#[inline(never)]
pub fn run() {
    tracing_kit::record("deep"); // @run
    std::hint::black_box(());
}
"#;

const MANIFEST: &str = r#"
[workspace]
members = ["kits/tracing-kit"]
[package]
name = "the-tool"
version = "0.1.0"
edition = "2024"
[dependencies]
tracing-kit = { path = "kits/tracing-kit" }
[profile.release]
debug = 1
"#;

const KIT_MANIFEST: &str = r#"
[package]
name = "tracing-kit"
version = "0.1.0"
edition = "2024"
"#;

#[test]
fn members_and_generated_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(&root.join("Cargo.toml"), MANIFEST);
    write(&root.join("build.rs"), BUILD_SCRIPT);
    write(&root.join("src/bin/tool/main.rs"), TOOL);
    write(&root.join("src/bin/tool/inner/deep.rs"), DEEP);
    write(&root.join("src/bin/tool/inner/mod.rs"), "pub mod deep;\n");
    write(&root.join("kits/tracing-kit/Cargo.toml"), KIT_MANIFEST);
    write(&root.join("kits/tracing-kit/src/lib.rs"), RECORDER);
    let recorded = Recorded::parse(&built_and_run(root));
    let table = recorded.resolve(&SymbolOptions::default());
    assert_eq!(table.problems(), []);
    let roots: Vec<_> = table.workspace_roots().collect();
    let real = root.canonicalize().expect("a real path");
    assert_eq!(roots, [real.as_path()]);

    let shown = |stack: &str| -> Vec<(String, String, u32, Origin)> {
        let frames = recorded.frames(&table, stack);
        let own = frames
            .iter()
            .filter(|frame| frame.origin < Origin::Standard);
        own.map(|frame| shown(frame)).collect()
    };
    let kit = "kits/tracing-kit/src/lib.rs";
    let tool = "src/bin/tool/main.rs";
    let row = |krate: &str, file: &str, line: u32| {
        (krate.to_owned(), file.to_owned(), line, Origin::Workspace)
    };
    assert_eq!(
        shown("generic")[1..],
        [
            row("tracing_kit", kit, line_of(RECORDER, "generic")),
            row("tool", tool, line_of(TOOL, "main_generic")),
        ]
    );
    assert_eq!(
        shown("deep")[1..],
        [
            row("tool", "src/bin/tool/inner/deep.rs", line_of(DEEP, "run")),
            row("tool", tool, line_of(TOOL, "main_run")),
        ]
    );
    let made = &shown("made")[1];
    assert_eq!((made.1.as_str(), made.2), ("the-tool/out/made.rs", 3));
}

fn shown(frame: &Frame) -> (String, String, u32, Origin) {
    (
        frame.krate.clone(),
        frame.file.clone().unwrap_or_default(),
        frame.line.unwrap_or(0),
        frame.origin,
    )
}

fn built_and_run(root: &Path) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["run", "--release", "--offline", "--quiet"]);
    command.env("CARGO_TARGET_DIR", root.join("target"));
    let output = command.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
