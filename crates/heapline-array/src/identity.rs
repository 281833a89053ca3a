//! Who is who: buffers and handles have numbers, and buffers a place in the source.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a buffer or of a handle, given once in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArrayId(u64);

impl ArrayId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        ArrayId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The number itself; none is 0.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Which buffer it is, what made it, and on which line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) id: ArrayId,
    pub(crate) operation: &'static str,
    pub(crate) created_at: &'static Location<'static>,
}

impl Origin {
    #[track_caller]
    pub(crate) fn here(operation: &'static str) -> Self {
        Origin {
            id: ArrayId::next(),
            operation,
            created_at: Location::caller(),
        }
    }
}
