//! Starts the instruction counts: `cargo bench --bench instructions`.
//!
//! The benchmarks and the harness that makes tables of them are the package
//! `benches/instructions`, for the same reason as in `peers.rs`.

use std::env;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    // cargo passes `--bench` when it benchmarks, and nothing when it tests.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--release"])
        .args(["--package", "heapline-instructions", "--"])
        .args(arguments.iter().filter(|argument| *argument != "--bench"))
        .status()
        .expect("cargo runs");
    if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
