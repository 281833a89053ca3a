//! Where growing tables get their memory.

/// A source of memory that may be used while a capture runs: no allocator of
/// the program, no lock. A recorder maps pages.
///
/// Requests start at about 4 KiB and double; they are rare.
pub trait Pages {
    /// Memory of at least this many words, all zero, or `None` if there is
    /// none: the capture then does without.
    ///
    /// The slice must have exactly `words` words.
    fn zeroed(&mut self, words: usize) -> Option<&'static mut [u64]>;

    /// Takes back memory that [`Pages::zeroed`] gave, whole.
    fn release(&mut self, words: &'static mut [u64]);
}
