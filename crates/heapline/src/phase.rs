//! Who decides whether a process records, and what it decided: one thread at a time, also in
//! a child that was forked meanwhile.
//!
//! `tests/interleavings` runs these very functions in every order that its threads can
//! take, with the atomics of a model.

use super::atomic::{AtomicU32, AtomicU64, Ordering};

/// Nobody has asked yet what the environment wants.
pub(crate) const UNDECIDED: u32 = 0;
/// Nothing records.
pub(crate) const IDLE: u32 = 1;
/// One thread is opening a trace; the others pass through.
pub(crate) const STARTING: u32 = 2;
/// From here on the number is that of the recording.
pub(crate) const FIRST_RECORDING: u32 = 3;

/// One call of [`crate::measure()`] that is under way.
const ONE_MEASURED: u64 = 1 << u32::BITS;

/// All-zero is that of a process in which nobody has decided.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    /// One of the above, and in the upper half how many calls measure.
    pub(crate) state: AtomicU64,
    /// The process that began to open a trace: not a forked child that finds [`STARTING`].
    pub(crate) starter: AtomicU32,
}

impl Phase {
    /// Without an order: who goes by a recording's number looks at what it stored behind a
    /// fence.
    #[inline(always)]
    pub(crate) fn load(&self) -> u32 {
        self.state.load(Ordering::Relaxed) as u32
    }

    /// Whether the hook has nothing to do: nothing records, and no thread measures.
    #[inline(always)]
    pub(crate) fn is_idle(&self) -> bool {
        self.state.load(Ordering::Relaxed) == u64::from(IDLE)
    }

    /// Whether some thread measures.
    #[inline(always)]
    pub(crate) fn is_measured(&self) -> bool {
        self.state.load(Ordering::Relaxed) >= ONE_MEASURED
    }

    /// A thread measures from here on.
    pub(crate) fn begin_measuring(&self) {
        self.state.fetch_add(ONE_MEASURED, Ordering::Relaxed);
    }

    /// What [`Phase::begin_measuring`] began has ended.
    pub(crate) fn end_measuring(&self) {
        self.state.fetch_sub(ONE_MEASURED, Ordering::Relaxed);
    }

    /// Claims the right to decide whether to record; only one thread of this process gets
    /// it.
    pub(crate) fn begin_deciding(&self, process: u32) -> bool {
        self.claim(UNDECIDED, process)
    }

    /// Claims the right to begin a forked child's own recording in place of its parent's;
    /// only one thread gets it.
    pub(crate) fn begin_following(&self, parents: u32, process: u32) -> bool {
        parents >= FIRST_RECORDING && self.claim(parents, process)
    }

    fn claim(&self, from: u32, process: u32) -> bool {
        if self.load() != from {
            return false;
        }
        // Whoever else may be here is of the same process.
        self.starter.store(process, Ordering::Relaxed);
        self.exchange(from, STARTING)
    }

    /// Claims the right to decide in a forked child, whose parent was at it when it forked;
    /// only one thread gets it.
    pub(crate) fn take_over_deciding(&self, process: u32) -> bool {
        let starter = self.starter.load(Ordering::Relaxed);
        self.load() == STARTING
            && starter != process
            && self
                .starter
                .compare_exchange(starter, process, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// What the hook has to do from here on: the recording's number, or [`IDLE`].
    pub(crate) fn finish_starting(&self, state: u32) {
        while !self.exchange(self.load(), state) {}
    }

    /// Stops the recording with this number, and no later one; true for the one caller that
    /// did it.
    pub(crate) fn leave_recording(&self, recording: u32) -> bool {
        recording >= FIRST_RECORDING && self.exchange(recording, IDLE)
    }

    /// Makes a forked child idle that has its parent's number, or found it about to get one,
    /// and has not noticed so far.
    pub(crate) fn leave_parents(&self, process: u32) {
        self.leave_recording(self.load());
        if self.take_over_deciding(process) {
            self.finish_starting(IDLE);
        }
    }

    /// Goes from one state to another, whoever measures; false if it is not the one.
    fn exchange(&self, from: u32, to: u32) -> bool {
        let (from, to) = (u64::from(from), u64::from(to));
        let change = |whole: u64| (whole % ONE_MEASURED == from).then(|| whole - from + to);
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, change)
            .is_ok()
    }
}
