//! Starting and stopping by call.

use core::sync::atomic::Ordering;

use heapline_trace::{EndState, HeaderField};

use crate::clock::{self, Clock};
use crate::config::Config;
use crate::opening::{ask, owned_root};
use crate::root::{self, Root};
use crate::start_error::{Kind, StartError};
use crate::{sink, state, sys, thread_state};

/// Starts recording to a new trace.
///
/// Recording ends when the guard is dropped or [`stop`] is called.
///
/// # Errors
/// If `Heapline` is not the program's global allocator, something records already,
/// or the trace cannot be created.
pub fn start(config: &Config) -> Result<Recording, StartError> {
    let root = root::get_or_map().ok_or(StartError { kind: Kind::Memory })?;
    let _control = root.control();
    // An installed allocator has left UNDECIDED with the program's first allocation.
    if state::load() == state::UNDECIDED {
        return Err(StartError {
            kind: Kind::NotInstalled,
        });
    }
    if owned_root().is_none() {
        state::PHASE.leave_parents(sys::process_id());
    }
    if state::load() != state::IDLE {
        return Err(StartError {
            kind: Kind::AlreadyRecording,
        });
    }
    // Until the trace is there the program is idle: what other threads do meanwhile
    // comes before the recording, and is not missing from it.
    let number = ask(config.out_pattern(), config.settings(), true)?;
    state::PHASE.finish_starting(number);
    Ok(Recording { number })
}

/// Stops recording; false if nothing records. The trace is complete at once.
///
/// It may be called in a signal handler, also in one that interrupted the recorder.
pub fn stop() -> bool {
    let Some(root) = owned_root() else {
        return false;
    };
    let _control = root.control();
    stop_now(root)
}

fn stop_now(root: &'static Root) -> bool {
    let Some(header) = root.header() else {
        return false;
    };
    if !state::PHASE.leave_recording(root.recording()) {
        return false;
    }
    let stamp = Clock::choose().stamp(true);
    sink::anchor(stamp, clock::monotonic_nanoseconds());
    header
        .u64_field(HeaderField::StopStamp)
        .store(stamp, Ordering::Relaxed);
    header
        .u32_field(HeaderField::EndState)
        .store(EndState::Stopped as u32, Ordering::Release);
    // If a thread still writes the next start closes it; this one, if the caller is a signal
    // handler that interrupted it.
    if !thread_state::is_inside() {
        sink::close(root);
    }
    true
}

/// Whether this process records.
#[must_use]
pub fn is_recording() -> bool {
    state::load() >= state::FIRST_RECORDING && owned_root().is_some()
}

/// A recording that [`start`] began; dropping it stops the recording, except in a
/// forked child, where it does nothing.
#[must_use = "recording stops when this is dropped"]
#[derive(Debug)]
pub struct Recording {
    number: u32,
}

impl Drop for Recording {
    fn drop(&mut self) {
        // In a forked child the recording is another one or none.
        let Some(root) = owned_root() else { return };
        let _control = root.control();
        if state::load() == self.number {
            stop_now(root);
        }
    }
}
