//! Running a program to its end, within a deadline: one that hangs is a failure.

use std::fs::{DirEntry, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use heapline_test_programs::work::WORKERS;
use heapline_trace::Trace;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::processes::{DEADLINE, Watched, wait_until};
use crate::support::{Build, Run, fresh_folder, heapline, program};

/// A program to be run in a folder of its own.
pub(crate) struct Plan {
    command: Command,
    folder: PathBuf,
    deadline: Duration,
}

impl Plan {
    /// Runs a test program with these arguments, recorded.
    pub(crate) fn new(name: &str, arguments: &[&str]) -> Plan {
        Plan::built(name, Build::Release, arguments)
    }

    pub(crate) fn built(name: &str, build: Build, arguments: &[&str]) -> Plan {
        let mut command = Command::new(program(name, build));
        command.args(arguments);
        Plan::of(command, name)
    }

    /// Runs a shell script, in which `"$@"` is the program with its arguments.
    pub(crate) fn shell(script: &str, name: &str, arguments: &[&str]) -> Plan {
        let mut command = Command::new("sh");
        let program = program(name, Build::Release);
        command
            .args(["-c", script, "sh"])
            .arg(program)
            .args(arguments);
        Plan::of(command, name)
    }

    fn of(mut command: Command, name: &str) -> Plan {
        let folder = fresh_folder(name);
        let variable = format!("quiet,out={}", folder.join("trace.heapline").display());
        command
            .env("HEAPLINE", variable)
            .env("ORACLE", folder.join("oracle"))
            .env("FOLDER", &folder)
            .env_remove("CARGO_MANIFEST_DIR")
            .current_dir(&folder);
        Plan {
            command,
            folder,
            deadline: DEADLINE,
        }
    }

    /// Says this in HEAPLINE besides the trace's path, and not that it be quiet.
    pub(crate) fn aloud(mut self) -> Plan {
        let variable = format!("out={}", self.trace().display());
        self.command.env("HEAPLINE", variable);
        self
    }

    /// Children that are forked record as well.
    pub(crate) fn following(mut self) -> Plan {
        let variable = format!("quiet,follow_forks,out={}", self.trace().display());
        self.command.env("HEAPLINE", variable);
        self
    }

    /// The same without recording.
    pub(crate) fn unrecorded(mut self) -> Plan {
        self.command.env("HEAPLINE", "off");
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Plan {
        self.command.env(name, value);
        self
    }

    pub(crate) fn within(mut self, deadline: Duration) -> Plan {
        self.deadline = deadline;
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn trace(&self) -> PathBuf {
        self.folder.join("trace.heapline")
    }

    /// Starts it; its output goes to files, so that no pipe can fill up.
    pub(crate) fn start(mut self) -> Running {
        let file = |name: &str| File::create(self.folder.join(name)).expect("writable");
        self.command.stdout(file("stdout")).stderr(file("stderr"));
        Running {
            process: Watched::start_within(&mut self.command, self.deadline),
            folder: self.folder,
        }
    }

    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }
}

/// A program that runs.
pub(crate) struct Running {
    process: Watched,
    folder: PathBuf,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    pub(crate) fn kill(&mut self) {
        self.process.child.kill().expect("it is there");
    }

    /// Stops all its threads, and waits until they are.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let is_stopped = |task: std::io::Result<DirEntry>| {
            let stat = std::fs::read_to_string(task.expect("readable").path().join("stat"));
            // A thread may end meanwhile.
            stat.map_or(true, |stat| stat.contains(") T "))
        };
        let tasks = || std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        wait_until(|| tasks().all(is_stopped));
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.child), signal).expect("it is there");
    }

    /// Its trace and its log so far.
    pub(crate) fn trace_path(&self) -> PathBuf {
        self.folder.join("trace.heapline")
    }

    pub(crate) fn trace(&self) -> Trace<Vec<u8>> {
        trace_of(&self.trace_path())
    }

    pub(crate) fn log(&self) -> Log {
        Log::read(&self.folder)
    }

    /// Kills it, which is no failure.
    pub(crate) fn end(mut self) {
        self.kill();
        self.wait().tidy();
    }

    pub(crate) fn wait(self) -> Ended {
        let status = self.process.wait();
        let text = |name: &str| {
            let bytes = std::fs::read(self.folder.join(name)).expect("a file");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ended {
            status,
            stdout: text("stdout"),
            stderr: text("stderr"),
            folder: self.folder,
        }
    }
}

/// A program that has ended, and what it left.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) folder: PathBuf,
}

impl Ended {
    pub(crate) fn trace_path(&self) -> PathBuf {
        self.folder.join("trace.heapline")
    }

    pub(crate) fn trace(&self) -> Trace<Vec<u8>> {
        trace_of(&self.trace_path())
    }

    /// The traces with a process id in their names, each with what stands behind it.
    pub(crate) fn traces_of_children(&self) -> Vec<(PathBuf, String)> {
        let entries = std::fs::read_dir(&self.folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("readable").path());
        let children = paths.filter_map(|path| {
            let name = path
                .file_name()?
                .to_str()?
                .strip_prefix("trace.heapline-")?;
            let name = name.to_owned();
            Some((path, name)).filter(|(_, name)| !name.ends_with(".symbols"))
        });
        children.collect()
    }

    pub(crate) fn log(&self) -> Log {
        Log::read(&self.folder)
    }

    /// What `heapline summary` says about the trace.
    pub(crate) fn summary(&self) -> Value {
        summary_of(&self.trace_path())
    }

    /// Ends well: only then is what it left taken away.
    pub(crate) fn tidy(self) {
        std::fs::remove_dir_all(&self.folder).expect("ours");
    }

    /// The same as tests of totals want it.
    pub(crate) fn into_run(self) -> Run {
        Run {
            trace: self.trace_path(),
            folder: self.folder,
            output: Output {
                status: self.status,
                stdout: self.stdout.into_bytes(),
                stderr: self.stderr.into_bytes(),
            },
        }
    }

    /// It went to its end by itself, without a word.
    #[track_caller]
    pub(crate) fn succeeds(&self) {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        assert_eq!(self.stderr, "");
    }
}

/// What a program prints without heapline.
pub(crate) fn sum_of(name: &str, arguments: &[&str]) -> String {
    let run = Plan::new(name, arguments).unrecorded().run();
    run.succeeds();
    let sum = run.stdout.clone();
    run.tidy();
    sum
}

pub(crate) fn trace_of(path: &Path) -> Trace<Vec<u8>> {
    let bytes = std::fs::read(path).expect("a trace");
    Trace::open(bytes).expect("a readable trace")
}

/// What `heapline summary` says about a trace.
pub(crate) fn summary_of(trace: &Path) -> Value {
    summary_of_all(&[trace.to_owned()])
}

/// What it says about a family's traces.
pub(crate) fn summary_of_all(traces: &[PathBuf]) -> Value {
    let paths = traces
        .iter()
        .map(|path| path.to_str().expect("a plain path"));
    let arguments: Vec<&str> = ["summary", "--format", "json"]
        .into_iter()
        .chain(paths)
        .collect();
    let output = heapline(&arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What a program logged by itself.
pub(crate) struct Log {
    /// Operations that each worker has begun, and that have returned.
    pub(crate) workers: [(u64, u64); WORKERS],
    pub(crate) notes: Vec<u64>,
}

impl Log {
    /// Operations that have returned.
    pub(crate) fn done(&self) -> u64 {
        self.workers.iter().map(|(_, done)| done).sum()
    }

    fn read(folder: &Path) -> Log {
        let bytes = std::fs::read(folder.join("oracle")).unwrap_or_default();
        let words = bytes.chunks_exact(8);
        let words = words.map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
        let mut words: Vec<u64> = words.collect();
        words.resize(512, 0);
        let (lines, notes) = words.split_at(WORKERS * 8);
        let mut workers = [(0, 0); WORKERS];
        for (worker, line) in workers.iter_mut().zip(lines.chunks_exact(8)) {
            *worker = (line[0], line[1]);
        }
        Log {
            workers,
            notes: notes.to_vec(),
        }
    }
}
