//! What `cargo heapline` hands to the runner that cargo starts for it. It goes through
//! cargo's environment, under names that mean nothing to rustc, build scripts, and the
//! libraries with heapline in them that run there: only the program is recorded.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;

const RUNNER: &str = "CARGO_HEAPLINE_RUNNER";
const VARIABLE: &str = "CARGO_HEAPLINE_VARIABLE";

/// Between the words of the user's runner.
const SEPARATOR: u8 = 0x1f;

/// The user's own wishes about the program that is going to be run.
#[derive(Debug, Default)]
pub(super) struct HandOver {
    /// A runner to start the program by: program and arguments, or nothing.
    pub(super) runner: Vec<OsString>,
    /// The value of HEAPLINE.
    pub(super) variable: OsString,
}

impl HandOver {
    /// What the runner has been handed.
    pub(super) fn received() -> Self {
        let runner = std::env::var_os(RUNNER).unwrap_or_default();
        let words = runner
            .as_bytes()
            .split(|&byte| byte == SEPARATOR)
            .filter(|_| !runner.is_empty());
        HandOver {
            runner: words.map(|word| OsStr::from_bytes(word).into()).collect(),
            variable: std::env::var_os(VARIABLE).unwrap_or_default(),
        }
    }

    /// Puts it into cargo's environment.
    pub(super) fn give(self, cargo: &mut Command) {
        let words: Vec<Vec<u8>> = self.runner.into_iter().map(OsString::into_vec).collect();
        cargo
            .env_remove("HEAPLINE")
            .env(RUNNER, OsString::from_vec(words.join(&SEPARATOR)))
            .env(VARIABLE, self.variable);
    }

    /// The program does not see it.
    pub(super) fn hide(program: &mut Command) {
        program.env_remove(RUNNER).env_remove(VARIABLE);
    }
}
