//! The line tables of `#[profile]` functions, with the columns of Python's `memory_profiler`.

use heapline_trace::{Place, ScopeTable};
use rustc_hash::FxHashMap;

use crate::facts::ScopeLine;
use crate::report::Report;
use crate::source::escape;

/// Lines of one function that are shown at most; more are a damaged table.
const MAX_LINES: u32 = 100_000;

/// One `#[profile]` function: all its calls, on all threads, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileTable {
    /// Source file as the compiler named it.
    pub file: String,
    /// Path of the function.
    pub function: String,
    /// Every line from the attribute's to the closing brace.
    pub rows: Vec<ProfileRow>,
}

impl ProfileTable {
    /// Whether a place of the source is this row of the table.
    pub(crate) fn is_at(&self, row: &ProfileRow, place: &Place) -> bool {
        place.line == row.line && escape(&place.file) == self.file
    }
}

/// One line of a `#[profile]` function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRow {
    /// The line, from 1.
    pub line: u32,
    /// Its text, with indentation.
    pub source: String,
    /// What was measured, if the line was ever executed.
    pub measured: Option<Measured>,
}

/// What the executions of a line did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The process's largest live bytes after the line; on the first row, before it.
    pub live_bytes: Option<u64>,
    /// Net bytes that the executions added on their thread.
    pub increment_bytes: i64,
    /// How often the line was executed; on the first row, the calls.
    pub occurrences: u64,
}

impl Report {
    /// The tables of all `#[profile]` functions that were called, in the order in which
    /// they were called first.
    #[must_use]
    pub fn profile_tables(&self) -> Vec<ProfileTable> {
        self.trace()
            .scopes()
            .iter()
            .filter(|table| table.executions.iter().any(|&count| count > 0))
            .map(|table| self.profile_table(table))
            .collect()
    }

    fn profile_table(&self, table: &ScopeTable) -> ProfileTable {
        let measured = measured_lines(table, &self.scopes);
        let first = table.lines.first().copied().unwrap_or(table.last_line);
        let last = table.last_line.min(first.saturating_add(MAX_LINES));
        let mut sources = self.sources.borrow_mut();
        let text = sources.lines(&table.file).unwrap_or(&[]);
        let row = |line: u32| ProfileRow {
            line,
            source: (line as usize)
                .checked_sub(1)
                .and_then(|index| text.get(index))
                .map(|text| escape(text))
                .unwrap_or_default(),
            measured: measured.get(&line).copied(),
        };
        ProfileTable {
            file: escape(&table.file),
            function: escape(&table.name),
            rows: (first..=last).map(row).collect(),
        }
    }
}

/// The lines that were executed, by number.
fn measured_lines(
    table: &ScopeTable,
    scopes: &FxHashMap<(u32, u32), ScopeLine>,
) -> FxHashMap<u32, Measured> {
    let mut lines: FxHashMap<u32, Measured> = FxHashMap::default();
    for (index, (&line, &occurrences)) in table.lines.iter().zip(&table.executions).enumerate() {
        let scope = scopes
            .get(&(table.function, index as u32))
            .copied()
            .unwrap_or_default();
        if occurrences == 0 && scope == ScopeLine::default() {
            continue;
        }
        let measured = Measured {
            live_bytes: scope.live_bytes,
            increment_bytes: scope.increment,
            occurrences,
        };
        // Two statements on one line are one row.
        lines
            .entry(line)
            .and_modify(|row| row.add(&measured))
            .or_insert(measured);
    }
    lines
}

impl Measured {
    fn add(&mut self, other: &Measured) {
        self.live_bytes = self.live_bytes.max(other.live_bytes);
        self.increment_bytes = self.increment_bytes.wrapping_add(other.increment_bytes);
        // A damaged table can say anything.
        self.occurrences = self.occurrences.saturating_add(other.occurrences);
    }
}
