//! The runner: starts one program recorded, waits, reports, and ends as it ended.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};

use super::after_run;
use crate::error::CliError;

/// `arguments`: how many words the user's own runner has, these, the program, its arguments.
pub(super) fn main(arguments: &[OsString]) -> Result<ExitCode, CliError> {
    let broken = || CliError::usage("the runner is for cargo to call".to_owned());
    let (count, words) = arguments.split_first().ok_or_else(broken)?;
    let wrapped: usize = count
        .to_str()
        .and_then(|count| count.parse().ok())
        .ok_or_else(broken)?;
    let program = PathBuf::from(words.get(wrapped).ok_or_else(broken)?);
    let folder = trace_folder(&program);
    let started = SystemTime::now();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env("HEAPLINE", variable(&folder));
    let signals = Signals::watch()?;
    let mut child = command
        .spawn()
        .map_err(|error| CliError::io(&format!("start {}", program.display()), error))?;
    let status = wait(&mut child, &signals)?;
    let trace = find_trace(
        &folder,
        &program,
        (wrapped == 0).then(|| child.id()),
        started,
    );
    // The program's own code goes on whatever becomes of the report.
    if let Err(error) = after_run::report(&program, trace.as_deref()) {
        crate::output::complain(&error.to_string());
    }
    Ok(end_like(status))
}

/// `<target>/heapline`, where the program lies in cargo's target folder.
fn trace_folder(program: &Path) -> PathBuf {
    let program = std::path::absolute(program).unwrap_or_else(|_| program.to_owned());
    let target = program
        .ancestors()
        .skip(1)
        .find(|folder| folder.join("CACHEDIR.TAG").exists());
    let folder = target.map_or_else(|| PathBuf::from("."), |target| target.join("heapline"));
    // A folder that cannot be made shows as a trace that cannot be created.
    let _ = std::fs::create_dir_all(&folder);
    folder
}

/// What the program finds in HEAPLINE: our words, then the user's.
fn variable(folder: &Path) -> OsString {
    let mut value = OsString::from("on,quiet,out=");
    let folder = folder
        .to_string_lossy()
        .replace('%', "%%")
        .replace(',', "\\,");
    value.push(folder);
    value.push("/%e-%p.heapline");
    if let Some(user) = std::env::var_os("HEAPLINE").filter(|user| !user.is_empty()) {
        value.push(",");
        value.push(user);
    }
    value
}

/// The trace of the process that was started: by its pid, or, behind the user's own
/// runner, the newest of this program's that this run has made.
fn find_trace(
    folder: &Path,
    program: &Path,
    pid: Option<u32>,
    started: SystemTime,
) -> Option<PathBuf> {
    let name = program
        .file_name()
        .unwrap_or(OsStr::new("program"))
        .to_string_lossy()
        .into_owned();
    if let Some(pid) = pid {
        let path = folder.join(format!("{name}-{pid}.heapline"));
        return path.exists().then_some(path);
    }
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let ours = entries.filter(|entry| {
        let file = entry.file_name().to_string_lossy().into_owned();
        file.starts_with(&format!("{name}-")) && file.ends_with(".heapline")
    });
    ours.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter(|(modified, _)| *modified >= started)
        .max()
        .map(|(_, path)| path)
}

/// Signals that must not end us before the program has ended.
pub(super) struct Signals {
    terminate: Arc<AtomicBool>,
    child: Arc<AtomicU32>,
}

impl Signals {
    /// Takes note of interrupts, which the terminal sends to the program as well, and
    /// passes a request to terminate on to it.
    pub(super) fn watch() -> Result<Self, CliError> {
        let failed = |error| CliError::io("handle signals", error);
        let ignored = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::clone(&ignored)).map_err(failed)?;
        }
        let signals = Signals {
            terminate: Arc::default(),
            child: Arc::default(),
        };
        signal_hook::flag::register(SIGTERM, Arc::clone(&signals.terminate)).map_err(failed)?;
        let mut iterator = signal_hook::iterator::Signals::new([SIGTERM]).map_err(failed)?;
        let child = Arc::clone(&signals.child);
        std::thread::spawn(move || {
            for _ in iterator.forever() {
                terminate(child.load(Ordering::SeqCst));
            }
        });
        Ok(signals)
    }
}

fn terminate(pid: u32) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// Waits until the child has ended.
pub(super) fn wait(child: &mut Child, signals: &Signals) -> Result<ExitStatus, CliError> {
    signals.child.store(child.id(), Ordering::SeqCst);
    if signals.terminate.load(Ordering::SeqCst) {
        terminate(child.id());
    }
    let status = child
        .wait()
        .map_err(|error| CliError::io("wait for the program", error));
    signals.child.store(0, Ordering::SeqCst);
    status
}

/// The same exit code, or death by the same signal (without a second core file).
pub(super) fn end_like(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        let none = rustix::process::Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    }
    ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code & 0xff).ok())
            .unwrap_or(1),
    )
}
