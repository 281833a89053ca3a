//! What an expression keeps and needs, counted while it runs.
//!
//! Each thread that measures counts its own events, from the numbers that the program
//! passes to the allocator. An inner measurement begins at zero, and what it counted is
//! added to the one around it when it ends: an event costs the same at any depth.

use core::cell::Cell;

use crate::{state, thread_state};

/// What one thread did with the heap while something ran; see [`measure()`].
///
/// Bytes are those of the layouts passed. Where the compiler merged a reallocation with
/// the deallocation behind it the two disagree, as in [`Stats`](crate::Stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Most bytes that were alive at once, beyond those that lived before: 0 if there were
    /// never more than at first.
    pub peak_bytes: u64,
    /// Bytes alive at the end beyond those that lived before; negative if more was freed
    /// than allocated.
    pub kept_bytes: i64,
    /// Allocations that succeeded, zeroed ones included.
    pub allocations: u64,
    /// Their requested bytes.
    pub allocated_bytes: u64,
    /// Deallocations.
    pub deallocations: u64,
    /// Bytes of the layouts passed to them.
    pub deallocated_bytes: u64,
    /// Reallocations that succeeded.
    pub reallocations: u64,
    /// Their new bytes.
    pub reallocated_bytes: u64,
}

impl Usage {
    const NONE: Usage = Usage {
        peak_bytes: 0,
        kept_bytes: 0,
        allocations: 0,
        allocated_bytes: 0,
        deallocations: 0,
        deallocated_bytes: 0,
        reallocations: 0,
        reallocated_bytes: 0,
    };

    /// So many bytes more are alive, at most `peak_bytes` on the way there.
    fn change(&mut self, bytes: i64, peak_bytes: u64) {
        let peak = self.kept_bytes.saturating_add_unsigned(peak_bytes);
        self.peak_bytes = self.peak_bytes.max(u64::try_from(peak).unwrap_or(0));
        self.kept_bytes += bytes;
    }

    fn allocate(&mut self, bytes: usize) {
        self.allocations += 1;
        self.allocated_bytes += bytes as u64;
        self.change(bytes as i64, bytes as u64);
    }

    fn deallocate(&mut self, bytes: usize) {
        self.deallocations += 1;
        self.deallocated_bytes += bytes as u64;
        self.change(-(bytes as i64), 0);
    }

    /// As in traces, the old block and the new one are never alive both.
    fn reallocate(&mut self, old_bytes: usize, new_bytes: usize) {
        self.reallocations += 1;
        self.reallocated_bytes += new_bytes as u64;
        let more = new_bytes as i64 - old_bytes as i64;
        self.change(more, u64::try_from(more).unwrap_or(0));
    }

    /// Adds what a measurement inside this one counted.
    fn add(&mut self, inner: Usage) {
        self.allocations += inner.allocations;
        self.allocated_bytes += inner.allocated_bytes;
        self.deallocations += inner.deallocations;
        self.deallocated_bytes += inner.deallocated_bytes;
        self.reallocations += inner.reallocations;
        self.reallocated_bytes += inner.reallocated_bytes;
        self.change(inner.kept_bytes, inner.peak_bytes);
    }
}

thread_local! {
    /// What the thread's innermost measurement has counted. No initialiser, no destructor.
    static USAGE: Cell<Option<Usage>> = const { Cell::new(None) };
}

/// Runs something and says what it kept and needed on the heap: Python's `%memit`, exact.
///
/// ```
/// #[global_allocator]
/// static ALLOC: heapline::Heapline = heapline::Heapline::system();
///
/// # fn main() {
/// let (sum, usage) = heapline::measure(|| {
///     let numbers: Vec<u64> = (1..=1000).collect();
///     numbers.iter().sum::<u64>()
/// });
/// assert_eq!((sum, usage.allocations), (500_500, 1));
/// assert_eq!((usage.kept_bytes, usage.peak_bytes), (0, 8000));
/// # }
/// ```
///
/// It counts what the **calling thread** allocates, frees and reallocates, hence the same in
/// tests that run side by side. What threads do that `work` starts is not in it; a block
/// that they made and this thread frees makes `kept_bytes` smaller. It counts whether
/// something records or not, and leaves nothing in a trace. Measurements may be nested, and
/// the outer one has in it what the inner ones have. A panic of `work` passes through, and
/// an outer measurement goes on behind it.
///
/// As in every report a reallocation is one step: the old block and the new one do not
/// count as alive both.
///
/// # Cost
/// None while nobody measures. While some thread does, an event of the measuring one costs
/// some nanoseconds more, and one of any other a call and a look at a thread-local variable.
///
/// # Panics
/// If [`Heapline`](crate::Heapline) is not the program's global allocator: zeros would make
/// every assertion pass.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    // As in `start`: an installed allocator has decided at the program's first allocation.
    assert!(
        state::load() != state::UNDECIDED,
        "heapline::measure counts nothing: heapline::Heapline is not the #[global_allocator]"
    );
    let measurement = Measurement::begin();
    let result = work();
    let usage = measurement.counted();
    drop(measurement);
    (result, usage)
}

/// A measurement while it lasts.
struct Measurement {
    /// What the one around it had counted.
    outer: Option<Usage>,
}

impl Measurement {
    fn begin() -> Self {
        state::PHASE.begin_measuring();
        let outer = USAGE.replace(Some(Usage::NONE));
        Measurement { outer }
    }

    fn counted(&self) -> Usage {
        USAGE.get().unwrap_or(Usage::NONE)
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        let inner = self.counted();
        if let Some(outer) = &mut self.outer {
            outer.add(inner);
        }
        USAGE.set(self.outer);
        state::PHASE.end_measuring();
    }
}

/// A block was allocated, or refused.
#[inline]
pub(crate) fn allocated(block: *mut u8, bytes: usize) {
    if state::PHASE.is_measured() && !block.is_null() {
        count(|usage| usage.allocate(bytes));
    }
}

/// A block is about to be freed.
#[inline]
pub(crate) fn deallocating(bytes: usize) {
    if state::PHASE.is_measured() {
        count(|usage| usage.deallocate(bytes));
    }
}

/// A block was reallocated, or that was refused.
#[inline]
pub(crate) fn reallocated(block: *mut u8, (old_bytes, new_bytes): (usize, usize)) {
    if state::PHASE.is_measured() && !block.is_null() {
        count(|usage| usage.reallocate(old_bytes, new_bytes));
    }
}

#[cold]
fn count(event: impl FnOnce(&mut Usage)) {
    if let Some(mut usage) = USAGE.get()
        && !thread_state::is_inside()
    {
        event(&mut usage);
        USAGE.set(Some(usage));
    }
}

#[cfg(test)]
mod tests {
    /// Unit tests run on the system's allocator.
    #[test]
    fn nothing_is_measured_without_the_allocator() {
        let panic = std::panic::catch_unwind(|| super::measure(|| ())).unwrap_err();
        let message = panic.downcast_ref::<&str>().unwrap();
        assert!(message.contains("heapline::Heapline is not the #[global_allocator]"));
    }
}
