//! Building the measured programs, and finding tools that are installed.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::say;
use crate::tool::Tool;

/// The programs, by tool.
pub(crate) struct Programs {
    /// The binary, or why there is none.
    of: BTreeMap<Tool, Result<PathBuf, &'static str>>,
    /// Counts the events of a trace.
    pub(crate) events: PathBuf,
}

impl Programs {
    /// Builds what these tools need.
    pub(crate) fn build(tools: &[Tool]) -> Result<Self, Box<dyn Error>> {
        let harness = env::current_exe()?;
        let release = harness.parent().ok_or("the harness is in no folder")?;
        let target = release.parent().ok_or("no target folder")?;
        say("building the programs");
        if !cargo_build(target, &["--bins"], None) {
            return Err("the programs do not build".into());
        }
        let of = tools
            .iter()
            .map(|tool| (*tool, program(*tool, release, target)));
        Ok(Self {
            of: of.collect(),
            events: release.join("peers-events"),
        })
    }

    /// The binary that is run under this tool.
    pub(crate) fn of(&self, tool: Tool) -> Result<&Path, &'static str> {
        match self.of.get(&tool) {
            Some(Ok(path)) => Ok(path),
            Some(Err(reason)) => Err(reason),
            None => Err("not run"),
        }
    }
}

fn program(tool: Tool, release: &Path, target: &Path) -> Result<PathBuf, &'static str> {
    match tool {
        Tool::Bare => Ok(release.join("peers-bare")),
        Tool::Counting => Ok(release.join("peers-counting")),
        Tool::HeaplineIdle | Tool::Heapline => Ok(release.join("peers-heapline")),
        Tool::Dhat => Ok(release.join("peers-dhat")),
        Tool::HeaplineFramePointers => with_frame_pointers(target, "peers-heapline", &[]),
        // It refuses to run without frame pointers, and asks for a newer compiler than
        // it needs.
        Tool::Heapscope => {
            let selection = ["--features", "heapscope", "--ignore-rust-version"];
            with_frame_pointers(target, "peers-heapscope", &selection)
        }
        Tool::Heaptrack => installed("heaptrack", release),
        Tool::ValgrindDhat => installed("valgrind", release),
    }
}

/// Tools from outside run the bare program.
fn installed(tool: &str, release: &Path) -> Result<PathBuf, &'static str> {
    let mut command = Command::new(tool);
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(release.join("peers-bare")),
        _ => Err("not installed"),
    }
}

fn with_frame_pointers(
    target: &Path,
    name: &str,
    selection: &[&str],
) -> Result<PathBuf, &'static str> {
    say(&format!("building {name} with frame pointers"));
    let target = target.join("frame-pointers");
    let selection = [&["--bin", name], selection].concat();
    if cargo_build(&target, &selection, Some("-C force-frame-pointers=yes")) {
        Ok(target.join("release").join(name))
    } else {
        Err("not built")
    }
}

fn cargo_build(target: &Path, selection: &[&str], flags: Option<&str>) -> bool {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "heapline-peers",
        ])
        .args(selection)
        .args([OsStr::new("--target-dir"), target.as_os_str()]);
    if let Some(flags) = flags {
        command.env("RUSTFLAGS", flags);
    }
    command.status().is_ok_and(|status| status.success())
}
