//! What the commands tell a person who made a mistake: one line, what and what to do.

use std::fmt;
use std::io;

/// An error that ends a command.
#[derive(Debug)]
pub struct CliError {
    message: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usage,
    Failure,
    BrokenPipe,
}

impl CliError {
    /// The arguments make no sense.
    pub(crate) fn usage(message: String) -> Self {
        CliError {
            message,
            kind: Kind::Usage,
        }
    }

    /// The arguments make sense, but it does not work.
    pub(crate) fn failure(message: String) -> Self {
        CliError {
            message,
            kind: Kind::Failure,
        }
    }

    /// The system refused; `what` completes "cannot …".
    pub(crate) fn io(what: &str, error: io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::BrokenPipe {
            Kind::BrokenPipe
        } else {
            Kind::Failure
        };
        CliError {
            message: format!("cannot {what}: {error}"),
            kind,
        }
    }

    /// The process's exit code: 2 for arguments, 1 for failures, 0 if the reader of our
    /// output has seen enough (`| head`).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Failure => 1,
            Kind::BrokenPipe => 0,
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}
