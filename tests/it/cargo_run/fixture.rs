//! Packages outside the workspace, with heapline as a dependency, built and run as a
//! user builds and runs them. They share one target folder, so that heapline itself is
//! built once.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use crate::processes::{BUILD_DEADLINE, output_within};
use crate::support::target_folder;

/// A package or workspace of its own.
pub(crate) struct Fixture {
    pub(crate) folder: PathBuf,
}

impl Fixture {
    /// Makes it of these files, anew. `PATH_OF_HEAPLINE` stands for heapline's path.
    /// No two fixtures have the same name, nor packages or binaries of the same name.
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        // Always the same folder, so that cargo replaces what the last run has built.
        let folder = target_folder().join("fixture-packages").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the target folder is writable");
        let fixture = Fixture { folder };
        // The same versions as here: they lie on the disk already.
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(root.join("Cargo.lock"), fixture.folder.join("Cargo.lock"))
            .expect("the workspace has a lock file");
        for (path, text) in files {
            fixture.write(path, text);
        }
        fixture
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let heapline = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/heapline");
        let text = text.replace("PATH_OF_HEAPLINE", &heapline.to_string_lossy());
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    /// Cargo itself.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO"), arguments)
    }

    /// `cargo heapline`, as cargo starts it, quietly.
    pub(crate) fn cargo_heapline(&self, arguments: &[&str]) -> Command {
        let (subcommand, rest) = arguments.split_first().expect("a subcommand");
        let mut words = vec!["heapline", subcommand, "--quiet"];
        words.extend(rest);
        self.command(env!("CARGO_BIN_EXE_cargo-heapline"), &words)
    }

    /// Any program, in the package's folder.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO", env!("CARGO"))
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("HEAPLINE")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null());
        command
    }
}

/// The target folder of all fixtures.
pub(crate) fn target() -> PathBuf {
    target_folder().join("fixtures")
}

/// The traces in a folder and below it that were written since then.
pub(crate) fn traces_since(folder: &Path, start: SystemTime) -> Vec<String> {
    let mut traces = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        if metadata.is_dir() {
            traces.extend(traces_since(&entry.path(), start));
        } else if name.contains(".heapline") && metadata.modified().is_ok_and(|at| at >= start) {
            traces.push(name);
        }
    }
    traces
}

/// What a command left.
pub(crate) struct Outcome(pub(crate) Output);

impl Outcome {
    /// Runs it to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        Outcome(output_within(command, BUILD_DEADLINE))
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        self.0.status.signal()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The lines on stderr that are heapline's complaints.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let stderr = self.stderr();
        let ours = stderr.lines().filter(|line| line.starts_with("heapline:"));
        ours.map(str::to_owned).collect()
    }

    /// The path of the trace that stderr names.
    pub(crate) fn trace(&self) -> PathBuf {
        self.path("trace").unwrap_or_else(|| {
            panic!("no trace is named:\n{}", self.stderr());
        })
    }

    /// The path behind this word at the beginning of a line.
    pub(crate) fn path(&self, word: &str) -> Option<PathBuf> {
        let stderr = self.stderr();
        let rest = stderr.lines().find_map(|line| line.strip_prefix(word))?;
        Some(PathBuf::from(rest.trim_start()))
    }
}
