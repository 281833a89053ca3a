//! The tables: workloads downwards, tools across, and a mean where a mean makes sense.

use heapline_peers::workloads::{Kind, Workload};

use crate::machine::Machine;
use crate::matrix::{Matrix, Style};
use crate::results::{Outcome, Results};
use crate::statistics::{geometric_mean, median};
use crate::tool::Tool;

/// One number of a workload under a tool, and how it is shown.
struct Quantity {
    title: &'static str,
    value: fn(&Results, &Workload, Tool) -> Option<f64>,
    digits: usize,
    mean: Mean,
    has: fn(Tool) -> bool,
}

/// What the last row holds.
#[derive(Clone, Copy)]
enum Mean {
    Geometric,
    Median,
    None,
}

const PROGRAMS: [Quantity; 5] = [
    Quantity {
        title: "CPU time, ratio to bare",
        value: Results::cpu_ratio,
        digits: 2,
        mean: Mean::Geometric,
        has: |tool| tool != Tool::Bare,
    },
    Quantity {
        title: "Added CPU time per allocation with its deallocation, ns",
        value: Results::added_ns,
        digits: 0,
        mean: Mean::Median,
        has: |tool| tool != Tool::Bare,
    },
    Quantity {
        title: "Peak of resident memory, ratio to bare",
        value: Results::peak_ratio,
        digits: 2,
        mean: Mean::Geometric,
        has: |tool| tool != Tool::Bare,
    },
    Quantity {
        title: "Peak of resident memory, MiB",
        value: |results, workload, tool| Some(results.peak_bytes(workload, tool)? / 1_048_576.0),
        digits: 1,
        mean: Mean::None,
        has: |_| true,
    },
    Quantity {
        title: "Trace, bytes per event (allocation, deallocation or reallocation)",
        value: Results::bytes_per_event,
        digits: 2,
        mean: Mean::Median,
        has: Tool::records_events,
    },
];

const PAIRS: Quantity = Quantity {
    title: "A bare loop of allocation and deallocation: added CPU time per pair, ns",
    value: Results::added_ns,
    digits: 1,
    mean: Mean::None,
    has: |tool| tool != Tool::Bare,
};

pub(crate) fn text(machine: &Machine, results: &Results, style: Style) -> String {
    let programs = chosen(results, |kind| kind != Kind::Pairs);
    let pairs = chosen(results, |kind| kind == Kind::Pairs);
    let mut tables = vec![baseline(results)];
    if !programs.is_empty() {
        tables.extend(
            PROGRAMS
                .iter()
                .map(|quantity| matrix(results, &programs, quantity)),
        );
    }
    if !pairs.is_empty() {
        tables.push(matrix(results, &pairs, &PAIRS));
    }
    let tables: Vec<String> = tables.iter().map(|table| table.text(style)).collect();
    format!(
        "{machine}\n{}\n\n{}{}",
        rounds(results),
        tables.join("\n"),
        failures(results)
    )
}

fn chosen(results: &Results, is_wanted: fn(Kind) -> bool) -> Vec<&Workload> {
    let workloads = results.workloads.iter();
    workloads
        .filter(|workload| is_wanted(workload.kind))
        .collect()
}

/// How often everything was run, and what was left out.
fn rounds(results: &Results) -> String {
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

/// What the workloads are, without any profiler.
fn baseline(results: &Results) -> Matrix {
    let header = [
        "workload",
        "allocations",
        "reallocations",
        "bare CPU, ms",
        "allocations per ms",
    ];
    let row = |workload: &Workload| {
        let counts = results.counts(workload);
        let cpu_ms = results.cpu_ns(workload, Tool::Bare).map(|ns| ns / 1e6);
        let allocations = counts.map(|counts| counts.allocations as f64);
        let per_ms = allocations.zip(cpu_ms).map(|(count, ms)| count / ms);
        vec![
            workload.name.to_owned(),
            shown(allocations, 0),
            shown(counts.map(|counts| counts.reallocations as f64), 0),
            shown(cpu_ms, 0),
            shown(per_ms, 0),
        ]
    };
    Matrix {
        title: "The workloads".to_owned(),
        header: header.map(String::from).to_vec(),
        rows: results.workloads.iter().map(row).collect(),
    }
}

fn matrix(results: &Results, workloads: &[&Workload], quantity: &Quantity) -> Matrix {
    let tools = results.tools.iter().copied();
    let tools: Vec<Tool> = tools.filter(|tool| (quantity.has)(*tool)).collect();
    let names = tools.iter().map(|tool| tool.name().to_owned());
    let mut rows: Vec<Vec<String>> = workloads
        .iter()
        .map(|workload| {
            let cells = tools
                .iter()
                .map(|tool| cell(results, workload, *tool, quantity));
            [workload.name.to_owned()]
                .into_iter()
                .chain(cells)
                .collect()
        })
        .collect();
    rows.extend(mean_row(results, workloads, &tools, quantity));
    Matrix {
        title: quantity.title.to_owned(),
        header: ["workload".to_owned()].into_iter().chain(names).collect(),
        rows,
    }
}

/// The number, or why there is none.
fn cell(results: &Results, workload: &Workload, tool: Tool, quantity: &Quantity) -> String {
    match results.get(workload, tool) {
        Some(Outcome::Measured { .. }) => {
            shown((quantity.value)(results, workload, tool), quantity.digits)
        }
        Some(Outcome::Missing(reason)) => (*reason).to_owned(),
        Some(Outcome::Failed(_)) => "failed".to_owned(),
        None => "not run".to_owned(),
    }
}

/// Over all workloads; a tool that failed in one has no mean to compare.
fn mean_row(
    results: &Results,
    workloads: &[&Workload],
    tools: &[Tool],
    quantity: &Quantity,
) -> Option<Vec<String>> {
    let name = match quantity.mean {
        Mean::Geometric => "geometric mean",
        Mean::Median => "median",
        Mean::None => return None,
    };
    let mean = |tool: &Tool| {
        let values = workloads
            .iter()
            .map(|workload| (quantity.value)(results, workload, *tool));
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        match quantity.mean {
            Mean::Geometric => geometric_mean(&values),
            Mean::Median => median(values),
            Mean::None => None,
        }
    };
    let cells = tools.iter().map(|tool| shown(mean(tool), quantity.digits));
    Some([name.to_owned()].into_iter().chain(cells).collect())
}

/// With its thousands parted.
fn shown(number: Option<f64>, digits: usize) -> String {
    let Some(number) = number else {
        return "-".to_owned();
    };
    let text = format!("{number:.digits$}");
    // What is rounded to zero has no sign.
    let text = match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|digit| matches!(digit, b'0' | b'.')) => zero.to_owned(),
        _ => text,
    };
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut parted = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let rest = whole.len() - place;
        if place > 0 && rest.is_multiple_of(3) && !parted.ends_with('-') {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted + fraction
}

/// Why cells say "failed".
fn failures(results: &Results) -> String {
    let mut text = String::new();
    for workload in &results.workloads {
        for tool in &results.tools {
            if let Some(Outcome::Failed(reason)) = results.get(workload, *tool) {
                let name = tool.name();
                text += &format!("\n{name} failed on {}: {reason}\n", workload.name);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn numbers() {
        assert_eq!(shown(None, 2), "-");
        assert_eq!(shown(Some(1.5), 2), "1.50");
        assert_eq!(shown(Some(1_234_567.0), 0), "1,234,567");
        assert_eq!(shown(Some(-123.4), 0), "-123");
        assert_eq!(shown(Some(-0.04), 1), "0.0");
        assert_eq!(shown(Some(12_345.67), 1), "12,345.7");
    }
}
