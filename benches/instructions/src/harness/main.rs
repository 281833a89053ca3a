//! Runs all benchmarks of this package and prints their figures as tables in Markdown.
//! What gungraun says meanwhile goes to stderr.

mod counts;
mod tables;
mod tools;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use counts::Counts;

fn main() -> ExitCode {
    match count() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody reads it there is nobody to tell.
            let _ = writeln!(io::stderr(), "instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn count() -> Result<(), Box<dyn Error>> {
    if env::args_os().nth(1).is_some() {
        return Err("takes no arguments; `cargo bench -p heapline-instructions` does".into());
    }
    let versions = tools::versions()?;
    let home = gungraun_home()?;
    run_benchmarks(&home)?;
    let tables = tables::all(&Counts::new(&home))?;
    write!(io::stdout().lock(), "{versions}\n\n{tables}")?;
    Ok(())
}

/// Where gungraun keeps what it has measured: in the target folder, as this program.
fn gungraun_home() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.ancestors().nth(2).unwrap_or(&program);
    Ok(target.join("gungraun"))
}

fn run_benchmarks(gungraun_home: &Path) -> Result<(), Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["bench", "--package", env!("CARGO_PKG_NAME")])
        .env("GUNGRAUN_HOME", gungraun_home)
        .stdout(io::stderr())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("a benchmark failed".into())
    }
}
