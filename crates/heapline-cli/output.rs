//! Where text goes: stdout, a file, or a line on stderr. The one file that prints.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::error::CliError;

/// Writes to stdout.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(|error| CliError::io("write to stdout", error))
}

/// Writes to the file, or to stdout if there is none or it is `-`.
pub(crate) fn to(path: Option<&Path>, bytes: &[u8]) -> Result<(), CliError> {
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => std::fs::write(path, bytes)
            .map_err(|error| CliError::io(&format!("write {}", path.display()), error)),
        None => to_stdout(bytes),
    }
}

/// Text on stderr. If nobody reads it there is nobody to tell.
pub(crate) fn to_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// One line on stderr in our name.
pub fn complain(message: &str) {
    to_stderr(&format!("heapline: {message}\n"));
}

/// Ends a command that failed: one line, and the exit code that belongs to it.
#[must_use]
pub fn give_up(error: &CliError) -> ExitCode {
    if error.exit_code() != 0 {
        complain(&error.to_string());
    }
    ExitCode::from(error.exit_code())
}
