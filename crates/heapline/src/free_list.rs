//! The list of free slots: a stack of their numbers, without a lock.
//!
//! `tests/interleavings.rs` runs these very functions in every order that two threads can
//! take, with the atomics of a model.

use super::atomic::{AtomicU32, AtomicU64, Ordering};

/// All-zero is the empty list.
#[derive(Debug, Default)]
pub(crate) struct FreeList {
    /// A count against ABA in the upper half; below it the first slot's number plus 1, or 0.
    head: AtomicU64,
}

/// Each slot's link: the next free one's number plus 1, or 0.
pub(crate) type Link = AtomicU32;

impl FreeList {
    /// Takes the newest slot; `slot` gives the one with a number, `link` its link.
    pub(crate) fn pop<'a, S: Copy>(
        &self,
        slot: impl Fn(u32) -> Option<S>,
        link: impl Fn(S) -> &'a Link,
    ) -> Option<S> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let first = slot((head as u32).checked_sub(1)?)?;
            // Another thread may have taken it and changed this: then the count has changed.
            let next = link(first).load(Ordering::Relaxed);
            match self.replace(head, next) {
                Ok(()) => return Some(first),
                Err(now) => head = now,
            }
        }
    }

    /// Puts a slot with this number on the list.
    pub(crate) fn push(&self, number: u32, link: &Link) {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            link.store(head as u32, Ordering::Relaxed);
            match self.replace(head, number + 1) {
                Ok(()) => return,
                Err(now) => head = now,
            }
        }
    }

    fn replace(&self, head: u64, first: u32) -> Result<(), u64> {
        let next = (head >> 32).wrapping_add(1) << 32 | u64::from(first);
        self.head
            .compare_exchange_weak(head, next, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
    }
}
