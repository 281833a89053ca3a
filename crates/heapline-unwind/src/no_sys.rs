//! In place of `sys.rs` on targets without rules: no list of mappings, no
//! thread pointer. Nothing of it is ever called there.

/// A list that cannot be opened.
pub(crate) struct MapsFile;

impl MapsFile {
    pub(crate) fn open() -> Option<MapsFile> {
        None
    }

    pub(crate) fn read(&self, _bytes: &mut [u8]) -> usize {
        0
    }
}

pub(crate) fn thread_pointer() -> u64 {
    0
}

/// The first thread's stack is not known.
pub(crate) fn on_first_stack() -> u64 {
    0
}

/// Nothing is asked for ahead of time.
pub(crate) fn prefetch(_word: &u64) {}

/// No stack is known that could be asked for.
pub(crate) fn are_readable(_first: u64, _pages: u64) -> bool {
    false
}

/// Bytes of a page.
pub(crate) const PAGE_BYTES: u64 = 4096;
