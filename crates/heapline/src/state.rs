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

/// The process that began to open a trace: not a forked child that finds [`STARTING`].
static STARTER: AtomicU32 = AtomicU32::new(0);

/// Whether a second thread has recorded, so that stamps must be ordered.
static THREADED: AtomicBool = AtomicBool::new(false);

#[inline(always)]
pub(crate) fn load() -> u32 {
    STATE.load(Ordering::Relaxed)
}

/// Claims the right to decide whether to record; only one thread of this process gets it.
pub(crate) fn begin_deciding(process: u32) -> bool {
    if load() != UNDECIDED {
        return false;
    }
    // Whoever else may be here is of the same process.
    STARTER.store(process, Ordering::Relaxed);
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

/// Claims the right to decide in a forked child, whose parent was at it when it forked;
/// only one thread gets it.
pub(crate) fn take_over_deciding(process: u32) -> bool {
    let starter = STARTER.load(Ordering::Relaxed);
    load() == STARTING
        && starter != process
        && STARTER
            .compare_exchange(starter, process, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
}

/// Makes a forked child idle that has its parent's number, or found it about to get one, and
/// has not noticed so far.
pub(crate) fn leave_parents(process: u32) {
    leave_recording(load());
    if take_over_deciding(process) {
        finish_starting(IDLE);
    }
}

/// Claims the right to begin a forked child's own recording in place of its parent's; only
/// one thread gets it.
pub(crate) fn begin_following(parents: u32, process: u32) -> bool {
    if parents < FIRST_RECORDING || load() != parents {
        return false;
    }
    STARTER.store(process, Ordering::Relaxed);
    STATE
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
