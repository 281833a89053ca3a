//! `cargo heapline run|test|bench`: cargo with debug information and a runner that
//! records the programs it starts.

mod after_run;
mod build_settings;
mod config_files;
mod runner;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::error::CliError;

/// First argument of the runner's own command line.
const RUNNER_FLAG: &str = "--heapline-runner";

/// Variables that `cargo run` sets for the program it starts. When that program is
/// this one (by the repository's alias) they are not meant for the cargo that it
/// starts, which would see another package's name in them.
const OUTER_CARGO: [&str; 5] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_PRIMARY_",
];

/// The whole of `cargo-heapline`: `arguments` without the program's own name.
///
/// # Errors
/// If cargo or the program cannot be started, or the arguments name no subcommand.
pub fn main(arguments: Vec<OsString>) -> Result<ExitCode, CliError> {
    if arguments.first().is_some_and(|first| first == RUNNER_FLAG) {
        return runner::main(&arguments[1..]);
    }
    // Cargo passes the subcommand's name first; by the alias it stands there too.
    let arguments = match arguments.split_first() {
        Some((first, rest)) if first == "heapline" => rest.to_vec(),
        _ => arguments,
    };
    match arguments.first().and_then(|word| word.to_str()) {
        Some("run" | "test" | "bench" | "r" | "t") => start_cargo(&arguments),
        Some("--help" | "-h" | "help") => {
            crate::output::to_stdout(USAGE.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Some("--version" | "-V") => {
            let version = format!("cargo-heapline {}\n", env!("CARGO_PKG_VERSION"));
            crate::output::to_stdout(version.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        word => Err(CliError::usage(format!(
            "cargo heapline needs run, test or bench, and got {}",
            word.map_or_else(|| "nothing".to_owned(), |word| format!("'{word}'"))
        ))),
    }
}

const USAGE: &str = "\
Runs a program under heapline and shows which lines hold its memory.

Usage: cargo heapline run|test|bench [cargo's own arguments] [-- the program's]

The program is built with debug information (level 1, not stripped), recorded from
its first allocation to its last, and reported on stderr when it has ended, however
it ended. Its stdin, stdout and exit code are its own. The program needs two lines:

    #[global_allocator]
    static ALLOC: heapline::Heapline = heapline::Heapline::system();

HEAPLINE=frames=N,max_file=BYTES,... is passed on to the program; see heapline's docs.
To look at a trace again: heapline summary|lines|profile|flamegraph|info TRACE
";

/// Runs cargo with our settings and this very program as the runner.
fn start_cargo(arguments: &[OsString]) -> Result<ExitCode, CliError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let own = std::env::current_exe().map_err(|error| CliError::io("find this program", error))?;
    let request = build_settings::Request::parse(arguments);
    let files = config_files::read(&cargo, request.manifest_path.as_deref());
    let triple = match &request.target {
        Some(target) => target.clone(),
        None => files
            .default_target()
            .map_or_else(|| host_triple(&cargo), Ok)?,
    };
    let mut command = Command::new(&cargo);
    for setting in build_settings::settings(&request, &files) {
        command.arg("--config").arg(setting);
    }
    command
        .arg("--config")
        .arg(runner_setting(&triple, own, files.runner(&triple)));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        let outer = |text: &str| OUTER_CARGO.iter().any(|prefix| text.starts_with(prefix));
        if name.to_str().is_some_and(outer) {
            command.env_remove(name);
        }
    }
    // Interrupts reach cargo and the program as well; we stay to hand on the code.
    let signals = runner::Signals::watch()?;
    let mut child = command
        .spawn()
        .map_err(|error| CliError::io("start cargo", error))?;
    let status = runner::wait(&mut child, &signals)?;
    Ok(runner::end_like(status))
}

/// The `--config` text that makes this program the runner, in front of the user's own.
fn runner_setting(triple: &str, own: PathBuf, wrapped: Vec<String>) -> String {
    let mut words = vec![own.to_string_lossy().into_owned(), RUNNER_FLAG.to_owned()];
    words.push(wrapped.len().to_string());
    words.extend(wrapped);
    let quoted: Vec<String> = words
        .iter()
        .map(|word| toml::Value::from(word.as_str()).to_string())
        .collect();
    format!("target.{triple}.runner=[{}]", quoted.join(","))
}

fn host_triple(cargo: &OsString) -> Result<String, CliError> {
    let output = Command::new(cargo)
        .arg("-vV")
        .output()
        .map_err(|error| CliError::io("start cargo", error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| {
            CliError::usage("cargo -vV does not name its host; give --target".to_owned())
        })
}
