//! `cargo heapline run|test|bench`: cargo with debug information and a runner that
//! records the programs it starts.

mod after_run;
mod build_settings;
mod config_files;
mod hand_over;
mod recording;
mod runner;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use hand_over::HandOver;

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
    let runner = files.runner(&triple);
    command
        .arg("--config")
        .arg(runner_setting(&triple, &own, runner.is_text)?);
    command.args(arguments);
    HandOver {
        runner: runner.words.into_iter().map(OsString::from).collect(),
        variable: std::env::var_os("HEAPLINE").unwrap_or_default(),
    }
    .give(&mut command);
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

/// The `--config` text that makes this program the runner. Cargo does not put a list in
/// the place of a text, and takes a text apart at its blanks.
fn runner_setting(triple: &str, own: &Path, as_text: bool) -> Result<String, CliError> {
    let unusable = |why: &str| {
        let own = own.display();
        CliError::failure(format!("{own} cannot be cargo's runner: {why}"))
    };
    let path = own
        .to_str()
        .ok_or_else(|| unusable("its path is not UTF-8"))?;
    let key = format!("target.{}.runner", quote(triple));
    if !as_text {
        return Ok(format!("{key}=[{},{}]", quote(path), quote(RUNNER_FLAG)));
    }
    if path.contains(char::is_whitespace) {
        return Err(unusable(
            "its path has blanks; make the runner in cargo's configuration a list",
        ));
    }
    Ok(format!("{key}={}", quote(&format!("{path} {RUNNER_FLAG}"))))
}

/// A key or text as TOML wants it.
fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_is_of_the_users_kind() {
        let check = |path: &str, as_text| runner_setting("a-b", Path::new(path), as_text).ok();
        assert_eq!(
            check("/a b/c", false).as_deref(),
            Some(r#"target."a-b".runner=["/a b/c","--heapline-runner"]"#)
        );
        assert_eq!(
            check("/b/c", true).as_deref(),
            Some(r#"target."a-b".runner="/b/c --heapline-runner""#)
        );
        assert_eq!(check("/a b/c", true), None);
    }
}
