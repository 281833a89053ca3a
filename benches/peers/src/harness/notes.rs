//! What stands above and below the tables: how often everything was run, what was left
//! out, what failed and why.

use std::fmt::Write;

use heapline_peers::workloads::Kind;

use crate::number::shown;
use crate::results::{Outcome, Results};
use crate::statistics::geometric_mean;
use crate::tool::Tool;

/// How often everything was run, and what was left out.
pub(crate) fn rounds(results: &Results) -> String {
    let (rounds, slow_rounds) = (results.rounds_of(Tool::Bare), results.rounds_of(Tool::Dhat));
    let mut text = match rounds {
        1 => "One round".to_owned(),
        _ => format!("Medians of {rounds} interleaved rounds"),
    };
    let slow = names(|tool| tool.is_slow() && results.tools.contains(&tool));
    if rounds != slow_rounds && !slow.is_empty() {
        text += &format!(", of {slow_rounds} for {slow}");
    }
    let left_out = names(|tool| !results.tools.contains(&tool));
    if !left_out.is_empty() {
        text += &format!("; not run: {left_out}");
    }
    text + "."
}

fn names(is_wanted: impl Fn(Tool) -> bool) -> String {
    let tools = Tool::ALL.into_iter().filter(|tool| is_wanted(*tool));
    tools.map(Tool::name).collect::<Vec<_>>().join(", ")
}

/// A line each, behind an empty line; nothing if there is nothing to say.
pub(crate) fn footnotes(results: &Results) -> String {
    let mut text = String::new();
    let tools = results.tools.iter().filter(|tool| tool.works_outside());
    let ratios: Vec<String> = tools
        .filter_map(|tool| {
            let ratio = ratio_until_end(results, *tool)?;
            Some(format!("{} {}", tool.name(), shown(Some(ratio), 2)))
        })
        .collect();
    if !ratios.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "CPU to bare without other processes and what is done at exit: {}.",
            ratios.join(", ")
        );
    }
    for workload in &results.workloads {
        for tool in &results.tools {
            if let Some(Outcome::Failed(reason)) = results.get(workload, *tool) {
                let name = tool.name();
                let _ = writeln!(text, "{name} failed on {}: {reason}", workload.name);
            }
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("\n{text}")
    }
}

/// What the program itself had used when its workload ended: the geometric mean over
/// the real programs.
fn ratio_until_end(results: &Results, tool: Tool) -> Option<f64> {
    let programs = results.workloads.iter();
    let programs = programs.filter(|workload| workload.kind != Kind::Pairs);
    let ratios = programs.map(|workload| {
        let alone = results.program_cpu_ns(workload, tool)?;
        Some(alone / results.cpu_ns(workload, Tool::Bare)?)
    });
    geometric_mean(&ratios.collect::<Option<Vec<f64>>>()?)
}
