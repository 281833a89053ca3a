//! Sets of byte offsets as sums of arithmetic progressions.
//!
//! The bytes of an array are `{ Σ step·k : 0 <= k <= last }`, one term for each axis and
//! one of step 1 for the bytes of an element. Terms whose sums leave no gap are fused to
//! one: a contiguous array of any shape becomes a single term.

use smallvec::SmallVec;

use super::layout::MemoryLayout;

/// The numbers 0, `step`, 2·`step`, … `last`·`step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub(crate) step: u128,
    pub(crate) last: u128,
}

impl Term {
    pub(crate) fn reach(&self) -> u128 {
        self.step * self.last
    }
}

/// Terms that need no memory of the heap.
pub(crate) const INLINE_TERMS: usize = 8;

pub(crate) type Terms = SmallVec<[Term; INLINE_TERMS]>;

/// The distances of an array's bytes from the lowest of them.
pub(crate) fn terms(layout: MemoryLayout<'_>) -> Terms {
    let item = Term {
        step: 1,
        last: layout.itemsize() as u128 - 1,
    };
    let axes = layout.moving_axes().map(|(length, stride)| Term {
        step: stride.unsigned_abs() as u128,
        last: length as u128 - 1,
    });
    axes.filter(|term| term.step > 0).chain([item]).collect()
}

/// The same sums of fewer terms, smallest step first.
pub(crate) fn fused(mut terms: Terms) -> Terms {
    terms.retain(|term| term.last > 0);
    terms.sort_unstable_by_key(|term| term.step);
    let mut fused = Terms::with_capacity(terms.len());
    for term in terms {
        // It starts at the latest where the other ends, and on its grid: no gap.
        let continues = |other: &&mut Term| {
            term.step.is_multiple_of(other.step) && term.step / other.step <= other.last + 1
        };
        match fused.iter_mut().find(continues) {
            Some(other) => other.last += term.step / other.step * term.last,
            None => fused.push(term),
        }
    }
    fused
}
