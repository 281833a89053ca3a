//! Growing arrays of fixed-size records whose memory comes from [`Pages`].
#![allow(unsafe_code)]

use crate::Pages;

/// Words in the first memory that an array asks for: one page.
const FIRST_WORDS: usize = 512;

/// An array of records of `N` words that never panics and never allocates: it
/// asks its caller for memory and says so when there is none.
#[derive(Debug)]
pub(crate) struct Records<const N: usize> {
    memory: &'static mut [[u64; N]],
    /// At most the length of `memory`.
    len: usize,
}

impl<const N: usize> Records<N> {
    pub(crate) const fn new() -> Records<N> {
        Records {
            memory: &mut [],
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All records.
    #[inline]
    pub(crate) fn all(&self) -> &[[u64; N]] {
        // SAFETY: `len` is at most the length of `memory`: it only grows by records that
        // were written there.
        unsafe { self.memory.get_unchecked(..self.len) }
    }

    /// All records.
    #[inline]
    pub(crate) fn all_mut(&mut self) -> &mut [[u64; N]] {
        // SAFETY: as in `all`.
        unsafe { self.memory.get_unchecked_mut(..self.len) }
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&[u64; N]> {
        self.all().get(index)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut [u64; N]> {
        self.all_mut().get_mut(index)
    }

    /// The records `[from, to)`; empty when there are fewer.
    #[inline]
    pub(crate) fn range(&self, from: usize, to: usize) -> &[[u64; N]] {
        self.all().get(from..to).unwrap_or(&[])
    }

    #[inline]
    pub(crate) fn tail_mut(&mut self, from: usize) -> &mut [[u64; N]] {
        self.all_mut().get_mut(from..).unwrap_or(&mut [])
    }

    /// Adds a record; false when there is no memory for it.
    #[inline]
    pub(crate) fn push(&mut self, record: [u64; N], pages: &mut impl Pages) -> bool {
        if self.len == self.memory.len() && !self.grow(pages) {
            return false;
        }
        // SAFETY: `len` is at most the length of `memory`, and was not equal to it or
        // memory was added.
        unsafe { *self.memory.get_unchecked_mut(self.len) = record };
        self.len += 1;
        true
    }

    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(crate) fn swap_remove(&mut self, index: usize) {
        let Some(last) = self.len.checked_sub(1) else {
            return;
        };
        if index <= last
            && let Some(&moved) = self.memory.get(last)
            && let Some(record) = self.memory.get_mut(index)
        {
            *record = moved;
            self.len = last;
        }
    }

    /// Makes room for so many more records; false when there is no memory for them.
    #[inline]
    pub(crate) fn reserve(&mut self, more: usize, pages: &mut impl Pages) -> bool {
        self.memory.len() - self.len >= more || self.grow_by(more, pages)
    }

    #[cold]
    fn grow_by(&mut self, more: usize, pages: &mut impl Pages) -> bool {
        while self.memory.len() - self.len < more {
            if !self.grow(pages) {
                return false;
            }
        }
        true
    }

    /// The memory behind the last record, as far as it was reserved.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [[u64; N]] {
        // SAFETY: as in `all`.
        unsafe { self.memory.get_unchecked_mut(self.len..) }
    }

    /// Makes records of what was written to the beginning of [`Records::room`].
    #[inline]
    pub(crate) fn extend(&mut self, more: usize) {
        self.len = (self.len + more).min(self.memory.len());
    }

    /// Adds a record for which there is room; without room it is lost.
    #[inline]
    pub(crate) fn push_reserved(&mut self, record: [u64; N]) {
        if let Some(slot) = self.room().first_mut() {
            *slot = record;
            self.len += 1;
        }
    }

    #[cold]
    fn grow(&mut self, pages: &mut impl Pages) -> bool {
        let records = (self.memory.len() * 2).max(FIRST_WORDS / N);
        let Some(words) = pages.zeroed(records * N) else {
            return false;
        };
        let memory = words.as_chunks_mut::<N>().0;
        if memory.len() < records {
            return false;
        }
        for (new, old) in memory.iter_mut().zip(self.memory.iter()) {
            *new = *old;
        }
        let old = core::mem::replace(&mut self.memory, memory);
        if !old.is_empty() {
            pages.release(old.as_flattened_mut());
        }
        true
    }
}
