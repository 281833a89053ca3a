//! Counts of what was recorded, for the program itself.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::{recording, root, state};

/// What happened since recording began, over all threads.
///
/// Exact once other threads rest. Bytes are those of the layouts passed; where the
/// compiler merged a reallocation with the deallocation behind it the two disagree,
/// so that live bytes can drift: the trace's figures are the exact ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
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
    /// Bytes allocated and not freed since recording began, by the layouts passed;
    /// 0 if more was freed, of blocks from before.
    pub live_bytes: u64,
}

/// Nothing records, so there are no counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRecording;

impl fmt::Display for NotRecording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "heapline does not record: set HEAPLINE=on or call heapline::start"
        )
    }
}

impl std::error::Error for NotRecording {}

/// Counts since recording began.
///
/// # Errors
/// If nothing records: zeros would make every assertion pass.
pub fn stats() -> Result<Stats, NotRecording> {
    let recording = state::load();
    if !recording::is_recording() {
        return Err(NotRecording);
    }
    let root = root::get().ok_or(NotRecording)?;
    let slots = (0..root.slots.load(Ordering::Acquire)).filter_map(|number| root.slot(number));
    let mut sum = Stats::default();
    let mut replaced_bytes = 0;
    for counters in slots.map(|slot| &slot.counters) {
        // A slot of a recording before has counts of that one.
        if counters.recording.load(Ordering::Acquire) != recording {
            continue;
        }
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        sum.allocations += read(&counters.allocations);
        sum.allocated_bytes += read(&counters.allocated_bytes);
        sum.deallocations += read(&counters.deallocations);
        sum.deallocated_bytes += read(&counters.deallocated_bytes);
        sum.reallocations += read(&counters.reallocations);
        sum.reallocated_bytes += read(&counters.reallocated_bytes);
        replaced_bytes += read(&counters.replaced_bytes);
    }
    sum.live_bytes = (sum.allocated_bytes + sum.reallocated_bytes)
        .saturating_sub(sum.deallocated_bytes + replaced_bytes);
    Ok(sum)
}
