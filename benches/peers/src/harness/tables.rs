//! The text that is printed: where it was measured, a summary by tool, and a table for
//! each quantity with workloads downwards and tools across.

use heapline_peers::workloads::{Kind, Workload};

use crate::machine::Machine;
use crate::matrix::{Matrix, Style};
use crate::notes;
use crate::number::shown;
use crate::quantity::{ADDED, CPU, Mean, PAIR, PEAK, PEAK_MEBIBYTES, Quantity, TRACE};
use crate::results::Results;
use crate::tool::Tool;

pub(crate) fn text(machine: &Machine, results: &Results, style: Style) -> String {
    let programs = chosen(results, |kind| kind != Kind::Pairs);
    let pairs = chosen(results, |kind| kind == Kind::Pairs);
    let mut tables = Vec::new();
    if !programs.is_empty() {
        tables.push(summary(results, &programs));
        let quantities = [CPU, ADDED, PEAK, PEAK_MEBIBYTES, TRACE];
        tables.extend(quantities.map(|quantity| matrix(results, &programs, &quantity)));
    }
    if !pairs.is_empty() {
        tables.push(matrix(results, &pairs, &PAIR));
    }
    tables.push(baseline(results));
    let tables: Vec<String> = tables.iter().map(|table| table.text(style)).collect();
    format!(
        "{machine}\n{}\n\n{}{}",
        notes::rounds(results),
        tables.join("\n"),
        notes::footnotes(results)
    )
}

fn chosen(results: &Results, is_wanted: fn(Kind) -> bool) -> Vec<&Workload> {
    let workloads = results.workloads.iter();
    workloads
        .filter(|workload| is_wanted(workload.kind))
        .collect()
}

/// One row for each tool, over all real programs.
fn summary(results: &Results, programs: &[&Workload]) -> Matrix {
    let header = [
        "tool",
        "CPU to bare",
        "added ns per allocation",
        "peak memory to bare",
        "trace bytes per event",
    ];
    let tools = results.tools.iter().filter(|tool| **tool != Tool::Bare);
    let rows = tools.map(|tool| {
        let quantities = [CPU, ADDED, PEAK, TRACE];
        let cells = quantities.map(|quantity| quantity.mean_cell(results, programs, *tool));
        row(tool.name(), cells)
    });
    Matrix {
        title: "All real programs: geometric means of ratios, medians of the others".to_owned(),
        header: header.map(String::from).to_vec(),
        rows: rows.collect(),
    }
}

fn matrix(results: &Results, workloads: &[&Workload], quantity: &Quantity) -> Matrix {
    let tools = results.tools.iter().copied();
    let tools: Vec<Tool> = tools.filter(|tool| (quantity.has)(*tool)).collect();
    let cells = |workload: &Workload| {
        let cells = tools.iter();
        let cells = cells.map(|tool| quantity.cell(results, workload, *tool));
        row(workload.name, cells)
    };
    let mut rows: Vec<Vec<String>> = workloads.iter().map(|workload| cells(workload)).collect();
    let mean = match quantity.mean {
        Mean::Geometric => Some("geometric mean"),
        Mean::Median => Some("median"),
        Mean::None => None,
    };
    rows.extend(mean.map(|name| {
        let cells = tools.iter();
        let cells = cells.map(|tool| quantity.mean_cell(results, workloads, *tool));
        row(name, cells)
    }));
    Matrix {
        title: quantity.title.to_owned(),
        header: row("workload", tools.iter().map(|tool| tool.name().to_owned())),
        rows,
    }
}

/// What the workloads are, without any profiler.
fn baseline(results: &Results) -> Matrix {
    let header = [
        "workload",
        "allocations",
        "reallocations",
        "CPU, ms",
        "spread, %",
        "allocations per ms",
    ];
    let cells = |workload: &Workload| {
        let counts = results.counts(workload);
        let cpu_ms = results.cpu_ns(workload, Tool::Bare).map(|ns| ns / 1e6);
        let allocations = counts.map(|counts| counts.allocations as f64);
        let spread = results.cpu_spread(workload, Tool::Bare);
        let cells = [
            shown(allocations, 0),
            shown(counts.map(|counts| counts.reallocations as f64), 0),
            shown(cpu_ms, 0),
            shown(spread.map(|spread| spread * 100.0), 0),
            shown(allocations.zip(cpu_ms).map(|(count, ms)| count / ms), 0),
        ];
        row(workload.name, cells)
    };
    Matrix {
        title: "The workloads, bare; spread is from the fastest to the slowest round".to_owned(),
        header: header.map(String::from).to_vec(),
        rows: results.workloads.iter().map(cells).collect(),
    }
}

fn row(name: &str, cells: impl IntoIterator<Item = String>) -> Vec<String> {
    [name.to_owned()].into_iter().chain(cells).collect()
}
