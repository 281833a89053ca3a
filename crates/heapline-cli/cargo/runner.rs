//! The runner: starts one program recorded, waits, reports, and ends as it ended.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};

use super::after_run;
use super::hand_over::HandOver;
use super::recording::Recording;
use crate::error::CliError;

/// `arguments`: the program and its own.
pub(super) fn main(arguments: &[OsString]) -> Result<ExitCode, CliError> {
    let handed = HandOver::received();
    let program = arguments
        .first()
        .ok_or_else(|| CliError::usage("the runner is for cargo to call".to_owned()))?;
    let mut words = handed.runner.iter().chain(arguments);
    let mut command = Command::new(words.next().unwrap_or(program));
    command.args(words);
    HandOver::hide(&mut command);
    let wrapped = !handed.runner.is_empty();
    let recording = Recording::new(PathBuf::from(program), handed.variable);
    let is_wanted = !recording.is_doctest();
    if is_wanted {
        command.env("HEAPLINE", recording.variable());
    }
    let signals = Signals::watch()?;
    let mut child = command.spawn().map_err(|error| {
        CliError::io(&format!("start {}", recording.program().display()), error)
    })?;
    let status = wait(&mut child, &signals)?;
    // The program's own code goes on whatever becomes of the report.
    if is_wanted {
        // What interrupted the program is not meant for us.
        signals.interrupted.store(false, Ordering::SeqCst);
        let is_stopped = || signals.ask_to_stop();
        let reported = after_run::report(&recording, child.id(), wrapped, &is_stopped);
        if let Err(error) = reported {
            crate::output::complain(&error.to_string());
        }
    }
    Ok(end_like(status))
}

/// Signals that must not end us before the program has ended.
pub(super) struct Signals {
    interrupted: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    child: Arc<AtomicU32>,
}

impl Signals {
    /// Takes note of interrupts, which the terminal sends to the program as well, and
    /// passes a request to terminate on to it.
    pub(super) fn watch() -> Result<Self, CliError> {
        let failed = |error| CliError::io("handle signals", error);
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted)).map_err(failed)?;
        }
        let signals = Signals {
            interrupted,
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

    /// Whether one came since the program has ended.
    fn ask_to_stop(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst) || self.terminate.load(Ordering::SeqCst)
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
