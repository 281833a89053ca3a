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
        let mut values = Vec::new();
        for workload in of {
            match (self.value)(results, workload, tool) {
                Some(value) if (self.has)(tool) => values.push(value),
                _ => return self.cell(results, workload, tool),
            }
        }
        let mean = match self.mean {
            Mean::Geometric => geometric_mean(&values),
            Mean::Median => median(values),
            Mean::None => None,
        };
        shown(mean, self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDED, CPU};
    use crate::results::Outcome;
    use crate::results::tests::{results, workloads};
    use crate::tool::Tool;

    #[test]
    fn means() {
        let results = results(&[(Tool::Bare, 100, 7), (Tool::Heapline, 300, 7)]);
        let [one, two] = workloads();
        let mean = |quantity: &super::Quantity| {
            quantity.mean_cell(&results, &[&one, &two], Tool::Heapline)
        };
        assert_eq!(mean(&CPU), "3.00");
        assert_eq!(mean(&ADDED), "20");
    }

    #[test]
    fn one_failure_leaves_no_mean() {
        let mut results = results(&[(Tool::Bare, 100, 7), (Tool::Dhat, 300, 7)]);
        let [one, two] = workloads();
        *results.outcome(&two, Tool::Dhat) = Outcome::Failed("it crashed".to_owned());
        assert_eq!(CPU.cell(&results, &one, Tool::Dhat), "3.00");
        assert_eq!(CPU.mean_cell(&results, &[&one, &two], Tool::Dhat), "failed");
    }

    #[test]
    fn who_is_missing_is_named() {
        let mut results = results(&[(Tool::Bare, 100, 7)]);
        let [one, _] = workloads();
        assert_eq!(CPU.cell(&results, &one, Tool::Heaptrack), "not run");
        *results.outcome(&one, Tool::Heaptrack) = Outcome::Missing("not installed");
        assert_eq!(CPU.cell(&results, &one, Tool::Heaptrack), "not installed");
    }
}
