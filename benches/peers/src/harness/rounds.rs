//! The rounds: every workload under every tool in turn, then again, so that whatever
//! else the machine does meets all of them alike.

use std::fs;
use std::path::Path;

use heapline_peers::program::Counts;
use heapline_peers::workloads::Workload;

use crate::args::Options;
use crate::programs::Programs;
use crate::results::{Outcome, Results};
use crate::run::{self, Sample};
use crate::say;
use crate::tool::Tool;

pub(crate) fn run(options: &Options, programs: &Programs, folder: &Path) -> Results {
    let mut results = Results::new(options);
    for round in 0..options.rounds.max(options.slow_rounds) {
        for workload in &options.workloads {
            say(&format!("round {}: {}", round + 1, workload.name));
            for place in 0..options.tools.len() {
                // Nobody always runs behind the same neighbour.
                let tool = options.tools[(place + round) % options.tools.len()];
                if round < results.rounds_of(tool) {
                    let outcome = results.outcome(workload, tool);
                    one(programs, *workload, tool, folder, outcome);
                }
            }
        }
    }
    results
}

fn one(programs: &Programs, workload: Workload, tool: Tool, folder: &Path, outcome: &mut Outcome) {
    let Outcome::Measured { samples, events } = outcome else {
        return;
    };
    let is_first = samples.is_empty();
    match measured(programs, workload, tool, folder, is_first) {
        Ok((sample, found)) => {
            samples.push(sample);
            *events = events.or(found);
        }
        Err(failure) => {
            if let Outcome::Failed(reason) = &failure {
                say(&format!(
                    "{} under {} failed: {reason}",
                    workload.name,
                    tool.name()
                ));
            }
            *outcome = failure;
        }
    }
}

/// Runs it with a folder of its own for what it writes; counts what heapline's trace
/// holds if asked to.
fn measured(
    programs: &Programs,
    workload: Workload,
    tool: Tool,
    folder: &Path,
    counts_events: bool,
) -> Result<(Sample, Option<Counts>), Outcome> {
    let program = programs.of(tool).map_err(Outcome::Missing)?;
    let failed = |error: std::io::Error| Outcome::Failed(error.to_string());
    let folder = folder.join("run");
    fs::create_dir(&folder).map_err(failed)?;
    let trace = folder.join("trace");
    let sample = run::run(tool.command(program, workload.name, &trace), &folder);
    let events = if counts_events && tool.is_heapline() && sample.is_ok() {
        Some(events(&programs.events, &trace))
    } else {
        None
    };
    fs::remove_dir_all(&folder).map_err(failed)?;
    let sample = sample.map_err(Outcome::Failed)?;
    Ok((sample, events.transpose().map_err(Outcome::Failed)?))
}

fn events(counter: &Path, trace: &Path) -> Result<Counts, String> {
    let output = std::process::Command::new(counter).arg(trace).output();
    let output = output.map_err(|error| error.to_string())?;
    let line = String::from_utf8_lossy(&output.stdout);
    run::counts(&line).ok_or_else(|| {
        let reason = String::from_utf8_lossy(&output.stderr);
        format!("its trace cannot be read: {}", reason.trim())
    })
}
