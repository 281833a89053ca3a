//! The programs without which nothing can be counted.

use std::process::Command;

/// The version of `gungraun-runner` that fits the library.
const RUNNER_VERSION: &str = "0.20.0";

/// The versions of all tools that make the figures, or which is missing and how to
/// get it.
pub(crate) fn versions() -> Result<String, String> {
    let valgrind = version("valgrind", "apt-get install valgrind")?;
    let remedy = format!("cargo install gungraun-runner --version {RUNNER_VERSION}");
    let runner = version("gungraun-runner", &remedy)?;
    let compiler = version("rustc", "see https://rustup.rs")?;
    Ok(format!("{compiler}, {valgrind}, {runner}"))
}

fn version(tool: &str, remedy: &str) -> Result<String, String> {
    let output = Command::new(tool).arg("--version").output();
    let output = output.map_err(|error| format!("{tool} does not start ({error}): {remedy}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named_with_its_remedy() {
        let message = version("heapline-no-such-tool", "install it").expect_err("it is missing");
        assert!(message.starts_with("heapline-no-such-tool does not start ("));
        assert!(message.ends_with("): install it"));
    }

    #[test]
    fn the_runner_fits_the_library() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("gungraun = \"={RUNNER_VERSION}\"\n")));
    }
}
