//! One number says what the hook has to do: the only thing an idle program pays for.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::phase::Phase;
pub(crate) use crate::phase::{FIRST_RECORDING, IDLE, STARTING, UNDECIDED};

/// This process's; a forked child begins with its parent's.
pub(crate) static PHASE: Phase = Phase {
    state: AtomicU64::new(UNDECIDED as u64),
    starter: AtomicU32::new(0),
};

static NEXT_RECORDING: AtomicU32 = AtomicU32::new(FIRST_RECORDING);

/// Whether a second thread has recorded, so that stamps must be ordered.
static THREADED: AtomicBool = AtomicBool::new(false);

#[inline(always)]
pub(crate) fn load() -> u32 {
    PHASE.load()
}

/// A number for the recording that is about to begin.
pub(crate) fn next_recording() -> u32 {
    // Wrapping around would take centuries of starts.
    NEXT_RECORDING
        .fetch_add(1, Ordering::Relaxed)
        .max(FIRST_RECORDING)
}

/// Whether stamps must be ordered. Read behind the inner allocator's return: the
/// edge that hands a block over carries this flag with it.
#[inline(always)]
pub(crate) fn threaded() -> bool {
    THREADED.load(Ordering::Acquire)
}

/// A second thread is about to record its first event.
pub(crate) fn set_threaded() {
    THREADED.store(true, Ordering::SeqCst);
}
