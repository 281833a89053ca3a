//! Starts the comparison with other heap profilers: `cargo bench --bench peers`.
//!
//! The harness and the programs it measures are the package `benches/peers`. Its
//! dependencies would be the examples' too if they stood in the root package, so
//! this target has none and only hands its arguments over.

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
        .args(["run", "--quiet", "--release", "--package", "heapline-peers"])
        .args(["--bin", "peers-harness", "--"])
        .args(arguments.iter().filter(|argument| *argument != "--bench"))
        .status()
        .expect("cargo runs");
    if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
