//! Compares heapline with other heap profilers: builds the programs, runs every workload
//! under every tool in turn, checks that they all did the same, and prints tables.

mod args;
mod check;
mod json;
mod machine;
mod matrix;
mod notes;
mod number;
mod programs;
mod quantity;
mod results;
mod rounds;
mod run;
mod statistics;
mod tables;
mod tool;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::args::Options;
use crate::machine::Machine;
use crate::programs::Programs;

fn main() -> ExitCode {
    match compare(&args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("peers: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    let programs = Programs::build(&options.tools)?;
    let folder = tempfile::Builder::new()
        .prefix("heapline-peers")
        .tempdir_in(&options.traces)?;
    let machine = Machine::of(folder.path());
    let results = rounds::run(options, &programs, folder.path());
    if let Some(path) = &options.json {
        fs::write(path, json::text(&machine, &results)?)?;
    }
    let text = tables::text(&machine, &results, options.style);
    io::stdout().lock().write_all(text.as_bytes())?;
    // Last, so that what was measured is there to look at.
    check::check(&results).map_err(|difference| format!("not comparable: {difference}").into())
}

/// A line about what is going on. If nobody reads it there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
