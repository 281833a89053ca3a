//! The rows of a line table, summed up over all stacks.

use rustc_hash::FxHashMap;

use crate::StackFacts;
use crate::line_table::{LineOptions, Row};
use crate::report::Report;
use crate::source::escape;
use crate::stacks::StackId;
use crate::symbols::Frame;

/// All rows, and which of them each stack belongs to.
pub(crate) struct Collected {
    pub(crate) rows: Vec<Row>,
    by_stack: RowLists,
}

/// A list of rows for every stack, one behind the other.
#[derive(Default)]
pub(crate) struct RowLists {
    rows: Vec<u32>,
    ends: Vec<usize>,
}

impl RowLists {
    pub(crate) fn of(&self, stack: StackId) -> &[u32] {
        let end = self.ends.get(stack.index()).copied().unwrap_or(0);
        let start = match stack.index() {
            0 => 0,
            index => self.ends.get(index - 1).copied().unwrap_or(end),
        };
        &self.rows[start..end]
    }
}

impl Collected {
    /// The lists with only some rows, numbered by their place among them.
    pub(crate) fn only(&self, kept: &[usize]) -> RowLists {
        let mut places = vec![None; self.rows.len()];
        for (place, &row) in kept.iter().enumerate() {
            places[row] = Some(place as u32);
        }
        let mut lists = RowLists::default();
        for stack in (0..self.by_stack.ends.len() as u32).map(StackId) {
            let rows = self.by_stack.of(stack).iter();
            lists
                .rows
                .extend(rows.filter_map(|&row| places[row as usize]));
            lists.ends.push(lists.rows.len());
        }
        lists
    }
}

/// Goes over all stacks and sums them up by row.
pub(crate) struct Collector<'a> {
    report: &'a Report,
    options: &'a LineOptions,
    /// The row of each frame, once it is known; `None` for frames without one.
    row_of_frame: Vec<Option<Option<u32>>>,
    numbers: FxHashMap<(String, u32, String), u32>,
    rows: Vec<Row>,
    /// The stack that a row was last met on, to count recursion once.
    last_met: Vec<Option<StackId>>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(report: &'a Report, options: &'a LineOptions) -> Self {
        Collector {
            report,
            options,
            row_of_frame: vec![None; report.symbols.all_frames().len()],
            numbers: FxHashMap::default(),
            rows: Vec::new(),
            last_met: Vec::new(),
        }
    }

    pub(crate) fn collect(mut self) -> Collected {
        let mut by_stack = RowLists::default();
        for stack in self.report.stacks.ids() {
            self.rows_of(stack, &mut by_stack.rows);
            by_stack.ends.push(by_stack.rows.len());
            for &row in by_stack.of(stack) {
                self.rows[row as usize].add(&self.report.facts[stack.index()]);
            }
        }
        Collected {
            rows: self.rows,
            by_stack,
        }
    }

    /// Appends the rows of a stack, the innermost first, each once.
    fn rows_of(&mut self, stack: StackId, rows: &mut Vec<u32>) {
        let report = self.report;
        for site in report.stacks.sites_of(stack) {
            for &frame in report.symbols.frames(site) {
                let Some(row) = self.row(frame.0 as usize) else {
                    continue;
                };
                let last_met = &mut self.last_met[row as usize];
                if *last_met != Some(stack) {
                    *last_met = Some(stack);
                    rows.push(row);
                }
                if self.options.own {
                    return;
                }
            }
        }
    }

    fn row(&mut self, frame: usize) -> Option<u32> {
        if let Some(row) = self.row_of_frame[frame] {
            return row;
        }
        let row = self.new_row(&self.report.symbols.all_frames()[frame]);
        self.row_of_frame[frame] = Some(row);
        row
    }

    fn new_row(&mut self, frame: &Frame) -> Option<u32> {
        if !self.options.chooses(frame) {
            return None;
        }
        let (file, line) = (frame.file.clone()?, frame.line?);
        let key = (file.clone(), line, frame.function.clone());
        if let Some(&row) = self.numbers.get(&key) {
            return Some(row);
        }
        let row = self.rows.len() as u32;
        self.numbers.insert(key, row);
        self.last_met.push(None);
        self.rows.push(Row::new(frame, file, line));
        Some(row)
    }
}

impl Row {
    fn new(frame: &Frame, file: String, line: u32) -> Self {
        Row {
            file: escape(&file),
            line,
            function: escape(&frame.function),
            krate: escape(&frame.krate),
            allocations: 0,
            allocated_bytes: 0,
            reallocations: 0,
            reallocated_bytes: 0,
            live_at_peak_bytes: 0,
            live_at_end_bytes: 0,
            max_live_bytes: None,
            temporary_allocations: 0,
            source: None,
            path: frame.path.clone(),
        }
    }

    fn add(&mut self, facts: &StackFacts) {
        self.allocations += facts.allocations;
        self.allocated_bytes = self.allocated_bytes.saturating_add(facts.allocated_bytes);
        self.reallocations += facts.reallocations;
        self.reallocated_bytes = self
            .reallocated_bytes
            .saturating_add(facts.reallocated_bytes);
        self.live_at_peak_bytes += facts.live_at_peak_bytes;
        self.live_at_end_bytes += facts.live_at_end_bytes;
        self.temporary_allocations += facts.temporary_allocations;
    }
}
