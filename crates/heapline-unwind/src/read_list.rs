//! Words of the stack that walks have read, and whether they are still there.
#![allow(unsafe_code)]

use crate::Pages;
use crate::records::Records;
use crate::stack_memory::StackMemory;

/// (address, value) pairs. All addresses are aligned and lie in one stack: only
/// [`ReadList::push`] adds some, and [`ReadList::set_stack`] drops all for a stack
/// that does not hold them.
#[derive(Debug)]
pub(crate) struct ReadList {
    pairs: Records<2>,
    stack: StackMemory,
}

impl ReadList {
    pub(crate) const fn new() -> ReadList {
        ReadList {
            pairs: Records::new(),
            stack: StackMemory::NONE,
        }
    }

    /// From now on reads are of this stack.
    pub(crate) fn set_stack(&mut self, stack: StackMemory) {
        if !stack.has_grown_from(&self.stack) {
            self.pairs.truncate(0);
        }
        self.stack = stack;
    }

    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.pairs.truncate(len);
    }

    /// Makes room for so many more; false when there is no memory for them.
    #[inline]
    pub(crate) fn reserve(&mut self, more: usize, pages: &mut impl Pages) -> bool {
        self.pairs.reserve(more, pages)
    }

    /// The pairs `[from, to)`.
    #[inline]
    pub(crate) fn range(&self, from: usize, to: usize) -> &[[u64; 2]] {
        self.pairs.range(from, to)
    }

    /// A way to add reads for which there is room.
    #[inline]
    pub(crate) fn adding(&mut self) -> AddingReads<'_> {
        AddingReads {
            stack: self.stack,
            added: 0,
            before: self.pairs.len(),
            pairs: &mut self.pairs,
        }
    }

    /// The first read of `[from, to)` whose value is not at its address any more.
    #[inline]
    pub(crate) fn first_difference(&self, from: usize, to: usize) -> Option<usize> {
        let pairs = self.pairs.range(from, to);
        let different = |pair: &[u64; 2]| self.load(pair[0]) != pair[1];
        // Two at a time: most have not changed, and one branch for both is less work.
        let (twos, rest) = pairs.as_chunks::<2>();
        let changed = twos.iter().any(|[a, b]| different(a) | different(b));
        if !changed && !rest.iter().any(different) {
            return None;
        }
        Some(from + pairs.iter().position(different).unwrap_or(0))
    }

    /// The word at the address of one of the pairs.
    #[inline]
    fn load(&self, address: u64) -> u64 {
        let word = core::ptr::with_exposed_provenance::<u64>(address as usize);
        // SAFETY: the addresses of pairs are aligned and inside `stack`, a readable
        // mapping that outlives this call (see `StackMemory::of_mapping`). The
        // program may write there at any time, hence volatile: whatever value is
        // seen, it is only compared.
        unsafe { word.read_volatile() }
    }
}

/// Reads being added; they count once this is dropped.
pub(crate) struct AddingReads<'a> {
    pairs: &'a mut Records<2>,
    stack: StackMemory,
    before: usize,
    added: usize,
}

impl AddingReads<'_> {
    /// Adds a read. One that is not of this stack is left out; no walk makes such.
    #[inline]
    pub(crate) fn push(&mut self, address: u64, value: u64) {
        if self.stack.holds_word(address)
            && let Some(slot) = self.pairs.room().get_mut(self.added)
        {
            *slot = [address, value];
            self.added += 1;
        }
    }

    /// How many reads there are in all.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.before + self.added
    }
}

impl Drop for AddingReads<'_> {
    #[inline]
    fn drop(&mut self) {
        self.pairs.extend(self.added);
    }
}
