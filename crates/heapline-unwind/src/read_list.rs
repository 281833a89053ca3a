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
    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
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

    /// Adds a read for which there is room. One that is not of this stack is left
    /// out; no walk makes such.
    #[inline]
    pub(crate) fn push_reserved(&mut self, address: u64, value: u64) {
        if self.stack.holds_word(address) {
            self.pairs.push_reserved([address, value]);
        }
    }

    /// The first read of `[from, to)` whose value is not at its address any more.
    #[inline]
    pub(crate) fn first_difference(&self, from: usize, to: usize) -> Option<usize> {
        let pairs = self.pairs.range(from, to.min(self.pairs.len()));
        // Four at a time: most have not changed, and one branch for all of them is
        // half the work.
        let (chunks, rest) = pairs.as_chunks::<4>();
        let different = |pair: &[u64; 2]| self.load(pair[0]) ^ pair[1];
        for (index, chunk) in chunks.iter().enumerate() {
            if chunk.iter().fold(0, |sum, pair| sum | different(pair)) != 0 {
                let within = chunk.iter().position(|pair| different(pair) != 0);
                return Some(from + index * 4 + within.unwrap_or(0));
            }
        }
        let within = rest.iter().position(|pair| different(pair) != 0)?;
        Some(from + chunks.len() * 4 + within)
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
