//! Whether all programs did the same work, and whether heapline recorded all of it.

use heapline_peers::program::Counts;
use heapline_peers::workloads::{Kind, Workload};

use crate::results::{Outcome, Results};
use crate::tool::Tool;

/// Names the first difference.
pub(crate) fn check(results: &Results) -> Result<(), String> {
    for workload in &results.workloads {
        for tool in &results.tools {
            checksums(results, workload, *tool)?;
            if let Some(Outcome::Measured {
                events: Some(events),
                ..
            }) = results.get(workload, *tool)
            {
                recorded(results, workload, *tool, *events)?;
            }
        }
    }
    Ok(())
}

fn checksums(results: &Results, workload: &Workload, tool: Tool) -> Result<(), String> {
    let Some(bare) = results.samples(workload, Tool::Bare).first() else {
        return Err(format!("{} does not run bare", workload.name));
    };
    let samples = results.samples(workload, tool);
    match samples.iter().find(|run| run.checksum != bare.checksum) {
        Some(other) => Err(format!(
            "{} gives {} under {} and {} bare",
            workload.name,
            other.checksum,
            tool.name(),
            bare.checksum
        )),
        None => Ok(()),
    }
}

fn recorded(
    results: &Results,
    workload: &Workload,
    tool: Tool,
    events: Counts,
) -> Result<(), String> {
    let Some(counts) = results.counts(workload) else {
        return Err(format!("{} was not counted", workload.name));
    };
    let tolerance = match workload.kind {
        Kind::ThreadedProgram => counts.allocations / 1_000,
        Kind::Program | Kind::Pairs => 0,
    };
    let is_near = |one: u64, other: u64| one.abs_diff(other) <= tolerance;
    if is_near(events.allocations, counts.allocations)
        && is_near(events.reallocations, counts.reallocations)
    {
        return Ok(());
    }
    Err(format!(
        "{}: the trace of {} has {} allocations and {} reallocations, counted were {} and {}",
        workload.name,
        tool.name(),
        events.allocations,
        events.reallocations,
        counts.allocations,
        counts.reallocations
    ))
}
