//! What was measured, and the numbers that are made from it.

use std::collections::BTreeMap;

use heapline_peers::program::Counts;
use heapline_peers::workloads::Workload;

use crate::args::Options;
use crate::run::Sample;
use crate::statistics::median;
use crate::tool::Tool;

/// What became of a workload under a tool.
#[derive(Debug)]
pub(crate) enum Outcome {
    Measured {
        samples: Vec<Sample>,
        /// What the first trace holds, if it is heapline's.
        events: Option<Counts>,
    },
    /// The tool is not there, in words that fit into a table.
    Missing(&'static str),
    /// A run went wrong.
    Failed(String),
}

/// All outcomes.
pub(crate) struct Results {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) tools: Vec<Tool>,
    rounds: usize,
    slow_rounds: usize,
    outcomes: BTreeMap<(&'static str, Tool), Outcome>,
}

impl Results {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            workloads: options.workloads.clone(),
            tools: options.tools.clone(),
            rounds: options.rounds,
            slow_rounds: options.slow_rounds,
            outcomes: BTreeMap::new(),
        }
    }

    /// How often workloads are run under this tool.
    pub(crate) fn rounds_of(&self, tool: Tool) -> usize {
        if tool.is_slow() {
            self.slow_rounds
        } else {
            self.rounds
        }
    }

    pub(crate) fn outcome(&mut self, workload: &Workload, tool: Tool) -> &mut Outcome {
        let outcome = self.outcomes.entry((workload.name, tool));
        outcome.or_insert(Outcome::Measured {
            samples: Vec::new(),
            events: None,
        })
    }

    pub(crate) fn get(&self, workload: &Workload, tool: Tool) -> Option<&Outcome> {
        self.outcomes.get(&(workload.name, tool))
    }

    pub(crate) fn samples(&self, workload: &Workload, tool: Tool) -> &[Sample] {
        match self.get(workload, tool) {
            Some(Outcome::Measured { samples, .. }) => samples,
            _ => &[],
        }
    }

    /// How often the program called its allocator.
    pub(crate) fn counts(&self, workload: &Workload) -> Option<Counts> {
        self.samples(workload, Tool::Counting).first()?.counts
    }

    pub(crate) fn cpu_ns(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        self.median(workload, tool, |sample| sample.cpu_ns)
    }

    /// Without what other processes of the tool used, to 10 ms.
    pub(crate) fn program_cpu_ns(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        self.median(workload, tool, |sample| sample.program_cpu_ns)
    }

    /// How far the slowest run is from the fastest, as a part of the median.
    pub(crate) fn cpu_spread(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        let times = || self.samples(workload, tool).iter().map(|run| run.cpu_ns);
        let range = times().max()? - times().min()?;
        Some(range as f64 / self.cpu_ns(workload, tool)?)
    }

    pub(crate) fn cpu_ratio(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        Some(self.cpu_ns(workload, tool)? / self.cpu_ns(workload, Tool::Bare)?)
    }

    /// What an allocation with its deallocation costs more than it does bare.
    pub(crate) fn added_ns(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        let added = self.cpu_ns(workload, tool)? - self.cpu_ns(workload, Tool::Bare)?;
        Some(added / self.counts(workload)?.allocations as f64)
    }

    pub(crate) fn peak_bytes(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        self.median(workload, tool, |sample| sample.peak_bytes)
    }

    pub(crate) fn peak_ratio(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        Some(self.peak_bytes(workload, tool)? / self.peak_bytes(workload, Tool::Bare)?)
    }

    /// Bytes in the trace for an allocation, a deallocation or a reallocation.
    pub(crate) fn bytes_per_event(&self, workload: &Workload, tool: Tool) -> Option<f64> {
        let counts = self.counts(workload)?;
        let events = counts.allocations + counts.deallocations + counts.reallocations;
        Some(self.median(workload, tool, |sample| sample.file_bytes)? / events as f64)
    }

    fn median(
        &self,
        workload: &Workload,
        tool: Tool,
        value: impl Fn(&Sample) -> u64,
    ) -> Option<f64> {
        let samples = self.samples(workload, tool).iter();
        median(samples.map(|sample| value(sample) as f64))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use heapline_peers::program::Counts;
    use heapline_peers::workloads::{self, Workload};

    use super::{Outcome, Results};
    use crate::args::Options;
    use crate::matrix::Style;
    use crate::run::Sample;
    use crate::tool::Tool;

    /// What was counted in every run below.
    pub(crate) const COUNTS: Counts = Counts {
        allocations: 10,
        deallocations: 9,
        reallocations: 1,
    };

    /// Two programs with one thread.
    pub(crate) fn workloads() -> [Workload; 2] {
        [workloads::ALL[0], workloads::ALL[1]]
    }

    /// Both programs, once under each tool, with this CPU time and this checksum; and
    /// under the counting one, as fast as bare ones mostly are.
    pub(crate) fn results(runs: &[(Tool, u64, u64)]) -> Results {
        let mut results = Results::new(&Options {
            workloads: workloads().into(),
            tools: Tool::ALL.into(),
            rounds: 1,
            slow_rounds: 1,
            style: Style::Text,
            json: None,
            traces: "traces".into(),
        });
        for (tool, cpu_ns, checksum) in [(Tool::Counting, 100, 7)].iter().chain(runs) {
            for workload in workloads() {
                let Outcome::Measured { samples, .. } = results.outcome(&workload, *tool) else {
                    continue;
                };
                samples.push(Sample {
                    cpu_ns: *cpu_ns,
                    program_cpu_ns: *cpu_ns,
                    peak_bytes: 1,
                    file_bytes: 1,
                    checksum: *checksum,
                    counts: Some(COUNTS),
                });
            }
        }
        results
    }
}
