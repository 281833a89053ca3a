//! Memory by source line, with no annotation in the program: from the stacks.
//!
//! A row is a function and a line in it. Its figures include what the line calls; a
//! line that is on a stack several times counts that stack once. With
//! [`LineOptions::own`] each stack counts at one row alone, that of the innermost frame
//! among the chosen ones.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use heapline_trace::Place;

use crate::ReportError;
use crate::facts::row_maxima;
use crate::line_rows::{Collected, Collector};
use crate::report::{Progress, Report};
use crate::source::escape;
use crate::symbols::{Frame, Origin};

/// Which rows are wanted, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineOptions {
    /// Only functions whose name holds this.
    pub function: Option<String>,
    /// Only files whose name holds this.
    pub file: Option<String>,
    /// Only this crate, wherever it comes from.
    pub krate: Option<String>,
    /// Dependencies too, not the workspace alone.
    pub all: bool,
    /// Without what a line calls.
    pub own: bool,
    /// The order.
    pub sort: Sort,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// Find each row's own maximum, which takes a second pass over the trace.
    pub maxima: bool,
}

/// What rows are ordered by: the largest first, files by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Live bytes at the global peak.
    #[default]
    Peak,
    /// Live bytes at the end.
    End,
    /// Allocated bytes.
    Allocated,
    /// Allocations.
    Allocations,
    /// Temporary allocations.
    Temporary,
    /// File and line.
    File,
}

/// A line of a function, and the memory that it is answerable for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The file, as shown.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The function.
    pub function: String,
    /// Its crate.
    pub krate: String,
    /// Allocations made.
    pub allocations: u64,
    /// Bytes they asked for.
    pub allocated_bytes: u64,
    /// Reallocations made.
    pub reallocations: u64,
    /// Sum of the sizes they led to.
    pub reallocated_bytes: u64,
    /// Bytes live at the global peak.
    pub live_at_peak_bytes: u64,
    /// Bytes live at the end.
    pub live_at_end_bytes: u64,
    /// The most bytes that were ever live at once, if it was asked for.
    pub max_live_bytes: Option<u64>,
    /// Allocations freed by their thread before it allocated anything else.
    pub temporary_allocations: u64,
    /// The source line, trimmed, if it is what was compiled.
    pub source: Option<String>,
    pub(crate) path: Option<PathBuf>,
}

/// Rows in the order that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTable {
    /// The rows.
    pub rows: Vec<Row>,
    /// How many there were before the limit.
    pub rows_found: usize,
    /// What they are ordered by.
    pub sort: Sort,
    /// Whether they leave out what the lines call.
    pub own: bool,
}

impl Row {
    /// Whether the row is of this line. The compiler names a file of the workspace from its
    /// folder in one place and whole in another.
    #[must_use]
    pub fn is_at(&self, place: &Place) -> bool {
        let (a, b) = (Path::new(&self.file), Path::new(&place.file));
        self.line == place.line && (a.ends_with(b) || b.ends_with(a))
    }
}

impl Report {
    /// Memory by source line.
    ///
    /// # Errors
    /// If the trace cannot be read again, for [`LineOptions::maxima`].
    pub fn lines(
        &self,
        options: &LineOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<LineTable, ReportError> {
        let mut collected = Collector::new(self, options).collect();
        let mut kept: Vec<usize> = (0..collected.rows.len())
            .filter(|&row| options.shows(&collected.rows[row]))
            .collect();
        let rows_found = kept.len();
        kept.sort_by(|&a, &b| options.sort.compare(&collected.rows[a], &collected.rows[b]));
        kept.truncate(options.limit.unwrap_or(usize::MAX));
        if options.maxima {
            self.add_maxima(&mut collected, &kept, progress)?;
        }
        let mut rows: Vec<Row> = kept
            .iter()
            .map(|&row| collected.rows[row].clone())
            .collect();
        self.add_sources(&mut rows);
        Ok(LineTable {
            rows,
            rows_found,
            sort: options.sort,
            own: options.own,
        })
    }

    fn add_maxima(
        &self,
        collected: &mut Collected,
        kept: &[usize],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ReportError> {
        let by_stack = collected.only(kept);
        let maxima = self.second_pass(progress, |trace, tick| {
            row_maxima(trace, kept.len(), &|stack| by_stack.of(stack), tick)
        })?;
        for (&row, maximum) in kept.iter().zip(maxima) {
            collected.rows[row].max_live_bytes = Some(maximum);
        }
        Ok(())
    }

    fn add_sources(&self, rows: &mut [Row]) {
        let mut sources = self.sources.borrow_mut();
        for row in rows {
            let text = row
                .path
                .as_ref()
                .and_then(|path| sources.line(path, row.line));
            row.source = text.map(|text| escape(text.trim()));
        }
    }
}

impl LineOptions {
    /// Whether a frame may have a row.
    pub(crate) fn chooses(&self, frame: &Frame) -> bool {
        if frame.folded || frame.file.is_none() || frame.line.is_none() {
            return false;
        }
        match (&self.krate, self.all) {
            (Some(krate), _) => krate.replace('-', "_") == frame.krate.replace('-', "_"),
            (None, false) => frame.origin == Origin::Workspace,
            (None, true) => !matches!(frame.origin, Origin::Standard | Origin::Runtime),
        }
    }

    fn shows(&self, row: &Row) -> bool {
        let holds = |text: &str, part: &Option<String>| {
            part.as_ref().is_none_or(|part| text.contains(part))
        };
        holds(&row.function, &self.function) && holds(&row.file, &self.file)
    }
}

impl Sort {
    /// The order of two rows; never equal for different rows.
    fn compare(self, a: &Row, b: &Row) -> std::cmp::Ordering {
        let place = |row: &Row| (row.file.clone(), row.line, row.function.clone());
        let cost = |row: &Row| {
            Reverse(match self {
                Sort::Peak => row.live_at_peak_bytes,
                Sort::End => row.live_at_end_bytes,
                Sort::Allocated => row.allocated_bytes,
                Sort::Allocations => row.allocations,
                Sort::Temporary => row.temporary_allocations,
                Sort::File => 0,
            })
        };
        // Rows that tie by what was asked for, as with nothing live at the end.
        let next = |row: &Row| match self {
            Sort::File => (Reverse(0), Reverse(0)),
            _ => (
                Reverse(row.live_at_peak_bytes),
                Reverse(row.allocated_bytes),
            ),
        };
        cost(a)
            .cmp(&cost(b))
            .then_with(|| next(a).cmp(&next(b)))
            .then_with(|| place(a).cmp(&place(b)))
    }
}
