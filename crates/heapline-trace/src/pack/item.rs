//! What a packed stream holds: records, and what a raw trace had instead of some.

use crate::Record;

/// A record, or a place where a block of the raw trace was damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Record(Record),
    /// Byte offset in the raw trace, and what was wrong, as an index of [`DAMAGES`].
    Damage {
        offset: u64,
        what: usize,
    },
}

impl Item {
    /// Whether it is an allocation, a reallocation or a deallocation.
    pub(super) fn is_event(&self) -> bool {
        matches!(
            self,
            Item::Record(Record::Alloc { .. } | Record::Realloc { .. } | Record::Dealloc { .. })
        )
    }
}

/// What can be wrong with a block of a raw trace. New ones go to the end.
pub(super) const DAMAGES: [&str; 3] = [
    crate::reader::CUT_BLOCK,
    crate::reader::BAD_CHECKSUM,
    crate::reader::NOT_A_RECORD,
];
