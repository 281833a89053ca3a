//! What is compared: each quantity is a number for a workload under a tool.

use heapline_peers::workloads::Workload;

use crate::number::shown;
use crate::results::{Outcome, Results};
use crate::statistics::{geometric_mean, median};
use crate::tool::Tool;

/// A number of a workload under a tool, and how it is shown.
pub(crate) struct Quantity {
    pub(crate) title: &'static str,
    value: fn(&Results, &Workload, Tool) -> Option<f64>,
    digits: usize,
    pub(crate) mean: Mean,
    /// Which tools have it.
    pub(crate) has: fn(Tool) -> bool,
}

/// What stands for all workloads together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mean {
    Geometric,
    Median,
    None,
}

pub(crate) const CPU: Quantity = Quantity {
    title: "CPU time, ratio to bare",
    value: Results::cpu_ratio,
    digits: 2,
    mean: Mean::Geometric,
    has: is_compared,
};

pub(crate) const ADDED: Quantity = Quantity {
    title: "Added CPU time per allocation with its deallocation, ns",
    value: Results::added_ns,
    digits: 0,
    mean: Mean::Median,
    has: is_compared,
};

pub(crate) const PEAK: Quantity = Quantity {
    title: "Peak of resident memory, ratio to bare",
    value: Results::peak_ratio,
    digits: 2,
    mean: Mean::Geometric,
    has: is_compared,
};

pub(crate) const PEAK_MEBIBYTES: Quantity = Quantity {
    title: "Peak of resident memory, MiB",
    value: |results, workload, tool| Some(results.peak_bytes(workload, tool)? / 1_048_576.0),
    digits: 1,
    mean: Mean::None,
    has: |_| true,
};

pub(crate) const TRACE: Quantity = Quantity {
    title: "Trace, bytes per event (allocation, deallocation or reallocation)",
    value: Results::bytes_per_event,
    digits: 2,
    mean: Mean::Median,
    has: Tool::records_events,
};

pub(crate) const PAIR: Quantity = Quantity {
    title: "A bare loop of allocation and deallocation: added CPU time per pair, ns",
    value: Results::added_ns,
    digits: 1,
    mean: Mean::None,
    has: is_compared,
};

fn is_compared(tool: Tool) -> bool {
    tool != Tool::Bare
}

impl Quantity {
    /// The number, or why there is none.
    pub(crate) fn cell(&self, results: &Results, workload: &Workload, tool: Tool) -> String {
        if !(self.has)(tool) {
            return "-".to_owned();
        }
        match results.get(workload, tool) {
            Some(Outcome::Measured { .. }) => {
                shown((self.value)(results, workload, tool), self.digits)
            }
            Some(Outcome::Missing(reason)) => (*reason).to_owned(),
            Some(Outcome::Failed(_)) => "failed".to_owned(),
            None => "not run".to_owned(),
        }
    }

    /// Over all these workloads; a tool that failed in one has nothing to compare.
    pub(crate) fn mean_cell(&self, results: &Results, of: &[&Workload], tool: Tool) -> String {
        let values = of
            .iter()
            .map(|workload| (self.has)(tool).then(|| (self.value)(results, workload, tool))?);
        let mean = values
            .collect::<Option<Vec<f64>>>()
            .and_then(|values| match self.mean {
                Mean::Geometric => geometric_mean(&values),
                Mean::Median => median(values),
                Mean::None => None,
            });
        match of.first().map(|first| self.cell(results, first, tool)) {
            // A reason that holds for all of them.
            Some(reason) if mean.is_none() => reason,
            _ => shown(mean, self.digits),
        }
    }
}
