//! Whose the trace's file is, and whether anybody uses it: no lock, and no look at a file
//! that was taken away.
//!
//! `tests/interleavings.rs` runs these very functions in every order that three threads can
//! take, with the atomics of a model.

use super::atomic::{AtomicU32, Ordering, fence};

/// All-zero is a file of no recording that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct Users {
    /// Number of the recording whose file it is; 0 if there is none.
    recording: AtomicU32,
    /// Threads that use it just now, or look whether they may.
    holders: AtomicU32,
}

impl Users {
    /// The recording whose file it is; 0 if there is none.
    pub(crate) fn recording(&self) -> u32 {
        self.recording.load(Ordering::Acquire)
    }

    /// Gives the file to a recording. Only while it is free.
    pub(crate) fn give(&self, recording: u32) {
        self.recording.store(recording, Ordering::Release);
    }

    /// Lets the caller use the file until [`Users::leave`], if it is this recording's.
    pub(crate) fn enter(&self, recording: u32) -> bool {
        self.holders.fetch_add(1, Ordering::Relaxed);
        // The count comes first, and who takes the file away looks at it last: one of the
        // two sees the other.
        fence(Ordering::SeqCst);
        let is_its = recording != 0 && self.recording() == recording;
        if !is_its {
            self.leave();
        }
        is_its
    }

    pub(crate) fn leave(&self) {
        self.holders.fetch_sub(1, Ordering::Release);
    }

    /// Takes the file away; whoever uses it may still be about to end that.
    pub(crate) fn take_away(&self) {
        self.recording.store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether it was taken away and nobody uses it any more.
    pub(crate) fn is_free(&self) -> bool {
        self.recording() == 0 && self.holders.load(Ordering::Acquire) == 0
    }
}
