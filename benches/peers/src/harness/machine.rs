//! What machine made the numbers.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The machine, its software, and the day.
pub(crate) struct Machine {
    processor: String,
    threads: usize,
    kernel: String,
    compiler: String,
    /// Tools that were not built here, with their versions.
    tools: Vec<String>,
    date: String,
    /// Where traces were written.
    file_system: String,
}

impl Machine {
    /// This machine; traces go to the folder.
    pub(crate) fn of(traces: &Path) -> Self {
        let tools = ["heaptrack", "valgrind"].map(|tool| said(tool, &["--version"]));
        Self {
            processor: processor().unwrap_or_else(unknown),
            threads: thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
            compiler: said("rustc", &["--version"]).unwrap_or_else(unknown),
            tools: tools.into_iter().flatten().collect(),
            date: said("date", &["--iso-8601"]).unwrap_or_else(unknown),
            file_system: file_system(traces).unwrap_or_else(unknown),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            threads,
            kernel,
            compiler,
            tools,
            date,
            file_system,
        } = self;
        let cores = if *threads == 1 { "core" } else { "cores" };
        write!(
            f,
            "{processor}, {threads} {cores}, Linux {kernel}, {compiler}"
        )?;
        for tool in tools {
            write!(f, ", {tool}")?;
        }
        write!(f, ", {date}; traces on {file_system}.")
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn processor() -> Option<String> {
    let text = read("/proc/cpuinfo")?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The first line that a command prints.
fn said(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?;
    output.status.success().then(|| line.to_owned())
}

/// The kind of the mount that the folder is on: the one with the longest path above it.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = read("/proc/self/mounts")?;
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    fields
        .filter(|(path, _)| folder.starts_with(path))
        // A later mount hides an earlier one on the same path.
        .max_by_key(|(path, _)| path.len())
        .map(|(_, kind)| kind.to_owned())
}
