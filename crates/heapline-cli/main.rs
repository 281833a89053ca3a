//! The `heapline` command: looks at a trace.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match heapline_cli::commands::run(heapline_cli::command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => heapline_cli::output::give_up(&error),
    }
}
