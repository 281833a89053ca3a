//! The cell of a `#[profile]` function: its lines, and how often each was executed.
//!
//! The counters are incremented in place by the running program, so they are
//! exact at any instant, whatever kills it.
//!
//! ```text
//!  0  magic, function u32, lines u32, last line u32, file bytes u16, name bytes u16
//! 64  lines × u64 counters, lines × u32 line numbers, file, name
//! ```

use crate::block::{CellKind, u32_at, u64_at};

const PREFIX: usize = 64;

/// Where the parts of a scope cell lie.
#[derive(Clone, Copy, Debug)]
pub struct ScopeLayout {
    /// Number of lines, and of counters.
    pub lines: usize,
    file: usize,
    name: usize,
}

impl ScopeLayout {
    /// The layout of a function with so many lines and such texts; texts beyond 64 KiB are cut.
    #[must_use]
    pub fn new(lines: usize, file: &str, name: &str) -> Self {
        let cut = |text: &str| text.len().min(usize::from(u16::MAX));
        ScopeLayout {
            lines,
            file: cut(file),
            name: cut(name),
        }
    }

    /// Byte offset of the first counter; the counters are `u64`, aligned.
    #[must_use]
    pub const fn counters_offset() -> usize {
        PREFIX
    }

    /// Bytes of the cell, not rounded to pages.
    #[must_use]
    pub fn bytes(&self) -> usize {
        PREFIX + self.lines * 12 + self.file + self.name
    }

    /// Writes everything but the counters, the magic last. `cell` is zeroed and at
    /// least [`ScopeLayout::bytes`] long, else nothing is written. Never allocates.
    pub fn write(
        &self,
        cell: &mut [u8],
        function: u32,
        lines: &[u32],
        last_line: u32,
        file: &str,
        name: &str,
    ) {
        if cell.len() < self.bytes() || lines.len() != self.lines {
            return;
        }
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(room) = cell.get_mut(at..at + bytes.len()) {
                room.copy_from_slice(bytes);
            }
        };
        put(4, &function.to_le_bytes());
        put(8, &(self.lines as u32).to_le_bytes());
        put(12, &last_line.to_le_bytes());
        put(16, &(self.file as u16).to_le_bytes());
        put(18, &(self.name as u16).to_le_bytes());
        let numbers = PREFIX + self.lines * 8;
        for (index, line) in lines.iter().enumerate() {
            put(numbers + index * 4, &line.to_le_bytes());
        }
        let file_at = numbers + self.lines * 4;
        put(file_at, file.as_bytes().get(..self.file).unwrap_or(&[]));
        put(
            file_at + self.file,
            name.as_bytes().get(..self.name).unwrap_or(&[]),
        );
        put(0, &CellKind::Scopes.magic());
    }

    /// The layout a cell's first bytes state.
    pub(crate) fn of_prefix(prefix: &[u8]) -> Self {
        let short = |at: usize| u32_at(prefix, at) as usize & 0xffff;
        ScopeLayout {
            lines: u32_at(prefix, 8) as usize,
            file: short(16),
            name: short(18),
        }
    }
}

/// The line table of one `#[profile]` function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeTable {
    /// Its number, to which [`crate::Record::ScopeEnter`] refers.
    pub function: u32,
    /// Source file as the compiler named it.
    pub file: String,
    /// Path of the function.
    pub name: String,
    /// Line of the closing brace.
    pub last_line: u32,
    /// Marked lines in ascending order; the first is the attribute's.
    pub lines: Vec<u32>,
    /// How often each was executed.
    pub executions: Vec<u64>,
}

impl ScopeTable {
    /// Reads a cell's bytes; `None` if they are cut or no scope cell.
    pub(crate) fn decode(cell: &[u8]) -> Option<Self> {
        let layout = ScopeLayout::of_prefix(cell.get(..PREFIX)?);
        let bytes = cell.get(
            ..layout
                .lines
                .checked_mul(12)?
                .checked_add(PREFIX + layout.file + layout.name)?,
        )?;
        let numbers = PREFIX + layout.lines * 8;
        let file_at = numbers + layout.lines * 4;
        let text = |from: usize, length: usize| {
            String::from_utf8_lossy(&bytes[from..from + length]).into_owned()
        };
        Some(ScopeTable {
            function: u32_at(bytes, 4),
            file: text(file_at, layout.file),
            name: text(file_at + layout.file, layout.name),
            last_line: u32_at(bytes, 12),
            lines: (0..layout.lines)
                .map(|index| u32_at(bytes, numbers + index * 4))
                .collect(),
            executions: (0..layout.lines)
                .map(|index| u64_at(bytes, PREFIX + index * 8))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_table_survives_the_round_trip_and_any_cut() {
        let layout = ScopeLayout::new(3, "src/main.rs", "app::load");
        let mut cell = vec![0; layout.bytes()];
        layout.write(&mut cell, 4, &[10, 11, 14], 15, "src/main.rs", "app::load");
        cell[ScopeLayout::counters_offset() + 8] = 7;
        let table = ScopeTable::decode(&cell).expect("decodes");
        assert_eq!((table.function, table.last_line), (4, 15));
        assert_eq!(
            (table.file.as_str(), table.name.as_str()),
            ("src/main.rs", "app::load")
        );
        assert_eq!(
            (table.lines, table.executions),
            (vec![10, 11, 14], vec![0, 7, 0])
        );
        for length in 0..cell.len() {
            assert_eq!(ScopeTable::decode(&cell[..length]), None);
        }
    }
}
