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

#[cfg(test)]
mod tests {
    use super::check;
    use crate::results::Outcome;
    use crate::results::tests::{COUNTS, results, workloads};
    use crate::tool::Tool;

    #[test]
    fn equal_work_passes() {
        let results = results(&[(Tool::Bare, 100, 7), (Tool::Dhat, 300, 7)]);
        assert_eq!(check(&results), Ok(()));
    }

    #[test]
    fn other_work_is_named() {
        let results = results(&[(Tool::Bare, 100, 7), (Tool::Dhat, 300, 8)]);
        let expected = "json gives 8 under dhat-rs and 7 bare";
        assert_eq!(check(&results), Err(expected.to_owned()));
    }

    #[test]
    fn a_lost_event_is_named() {
        let mut results = results(&[(Tool::Bare, 100, 7), (Tool::Heapline, 300, 7)]);
        let [_, syn] = workloads();
        let Outcome::Measured { events, .. } = results.outcome(&syn, Tool::Heapline) else {
            panic!("it was measured");
        };
        let mut recorded = COUNTS;
        recorded.allocations -= 1;
        *events = Some(recorded);
        let expected = "syn: the trace of heapline has 9 allocations and 1 reallocations, \
                        counted were 10 and 1";
        assert_eq!(check(&results), Err(expected.to_owned()));
    }
}
