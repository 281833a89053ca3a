//! One number says what the hook has to do: the only thing an idle program pays for.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Nobody has asked yet what the environment wants.
pub(crate) const UNDECIDED: u32 = 0;
/// Nothing records.
pub(crate) const IDLE: u32 = 1;
/// One thread is opening a trace; the others pass through.
pub(crate) const STARTING: u32 = 2;
/// From here on the number is that of the recording.
pub(crate) const FIRST_RECORDING: u32 = 3;

static STATE: AtomicU32 = AtomicU32::new(UNDECIDED);
static NEXT_RECORDING: AtomicU32 = AtomicU32::new(FIRST_RECORDING);

/// Whether a second thread has recorded, so that stamps must be ordered.
static THREADED: AtomicBool = AtomicBool::new(false);

#[inline(always)]
pub(crate) fn load() -> u32 {
    STATE.load(Ordering::Relaxed)
}

/// Claims the right to decide whether to record; only one thread gets it.
pub(crate) fn begin_deciding() -> bool {
    STATE
        .compare_exchange(UNDECIDED, STARTING, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
}

/// A number for the recording that is about to begin.
pub(crate) fn next_recording() -> u32 {
    // Wrapping around would take centuries of starts.
    NEXT_RECORDING
        .fetch_add(1, Ordering::Relaxed)
        .max(FIRST_RECORDING)
}

/// What the hook has to do from here on: the recording's number, or `IDLE`.
pub(crate) fn finish_starting(state: u32) {
    STATE.store(state, Ordering::Release);
}

/// Stops the recording with this number, and no later one; true for the one caller that
/// did it.
pub(crate) fn leave_recording(recording: u32) -> bool {
    recording >= FIRST_RECORDING
        && STATE
            .compare_exchange(recording, IDLE, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
}

/// Claims the right to begin a forked child's own recording in place of its parent's; only
/// one thread gets it.
pub(crate) fn begin_following(parents: u32) -> bool {
    parents >= FIRST_RECORDING
        && STATE
            .compare_exchange(parents, STARTING, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
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
