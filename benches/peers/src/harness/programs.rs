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
            events: release.join("events"),
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
    let name = match tool {
        Tool::Bare => "bare",
        Tool::Counting => "counting",
        Tool::Heapline => "heapline",
        Tool::Dhat => "dhat",
        Tool::HeaplineFramePointers => return with_frame_pointers(target),
        Tool::Heapscope => return heapscope(release, target),
        Tool::Heaptrack => installed("heaptrack")?,
        Tool::ValgrindDhat => installed("valgrind")?,
    };
    Ok(release.join(name))
}

/// These run the bare program.
fn installed(tool: &str) -> Result<&'static str, &'static str> {
    let mut command = Command::new(tool);
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok("bare"),
        _ => Err("not installed"),
    }
}

fn with_frame_pointers(target: &Path) -> Result<PathBuf, &'static str> {
    say("building heapline with frame pointers");
    let target = target.join("frame-pointers");
    let flags = "-C force-frame-pointers=yes";
    if cargo_build(&target, &["--bin", "heapline"], Some(flags)) {
        Ok(target.join("release/heapline"))
    } else {
        Err("not built")
    }
}

/// It asks for a newer compiler than the workspace does.
fn heapscope(release: &Path, target: &Path) -> Result<PathBuf, &'static str> {
    say("building heapscope");
    let selection = ["--bin", "heapscope", "--features", "heapscope"];
    if cargo_build(target, &selection, None) {
        Ok(release.join("heapscope"))
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
