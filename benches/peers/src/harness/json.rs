//! All samples as JSON, for whoever wants to look closer.

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::results::{Outcome, Results};
use crate::run::Sample;

pub(crate) fn text(machine: &Machine, results: &Results) -> serde_json::Result<String> {
    let mut runs = Vec::new();
    for workload in &results.workloads {
        for tool in &results.tools {
            let Some(outcome) = results.get(workload, *tool) else {
                continue;
            };
            runs.push(json!({
                "workload": workload.name,
                "tool": tool.name(),
                "outcome": value(outcome),
                "cpu_ratio": results.cpu_ratio(workload, *tool),
                "added_ns_per_allocation": results.added_ns(workload, *tool),
                "peak_ratio": results.peak_ratio(workload, *tool),
            }));
        }
    }
    serde_json::to_string_pretty(&json!({
        "machine": machine.to_string(),
        "runs": runs,
    }))
}

fn value(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Measured { samples, .. } => samples.iter().map(sample).collect(),
        Outcome::Missing(reason) => json!(reason),
        Outcome::Failed(reason) => json!(format!("failed: {reason}")),
    }
}

fn sample(sample: &Sample) -> Value {
    json!({
        "cpu_ns": sample.cpu_ns,
        "program_cpu_ns": sample.program_cpu_ns,
        "peak_bytes": sample.peak_bytes,
        "file_bytes": sample.file_bytes,
        "checksum": sample.checksum,
        "allocations": sample.counts.map(|counts| counts.allocations),
        "deallocations": sample.counts.map(|counts| counts.deallocations),
        "reallocations": sample.counts.map(|counts| counts.reallocations),
    })
}
