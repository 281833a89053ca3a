//! The `cargo heapline` command: runs a program recorded, then reports.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match heapline_cli::cargo::main(std::env::args_os().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => heapline_cli::output::give_up(&error),
    }
}
