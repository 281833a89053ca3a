//! Counts of what captures did.

/// Totals since the unwinder was made, for the program's own statistics and
/// for tests of what a capture costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Captures asked for.
    pub captures: u64,
    /// Frames left by a rule.
    pub stepped: u64,
    /// Words of the stack that were compared with what an earlier walk read.
    pub re_read_values: u64,
    /// Captures that ended at a remembered frame.
    pub memo_hits: u64,
    /// Captures whose memo was wrong; counted by
    /// [`Memo::Verify`](crate::Memo::Verify) alone, and always zero.
    pub mismatches: u64,
    /// Rules that were looked up in a module's unwind tables.
    pub rules_found: u64,
    /// Times the kernel's list of mappings was read.
    pub maps_reads: u64,
    /// Walks that ended before the outermost frame.
    pub cut: u64,
}

impl Counters {
    pub(crate) const ZERO: Counters = Counters {
        captures: 0,
        stepped: 0,
        re_read_values: 0,
        memo_hits: 0,
        mismatches: 0,
        rules_found: 0,
        maps_reads: 0,
        cut: 0,
    };
}
