//! Whether this process records: asked of the environment at the first allocation, and again
//! where a forked child finds its parent's state.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use heapline_trace::HeaderField;

use crate::config::Variable;
use crate::opening::{ask, begin, owned_root};
use crate::root::Root;
use crate::{environment, follow, message, state, sys};

/// Events that came while another thread was opening the trace.
static SKIPPED_EARLY: AtomicU64 = AtomicU64::new(0);

/// Counts an event that came while another thread was opening the trace.
#[cold]
pub(crate) fn skip_early() {
    SKIPPED_EARLY.fetch_add(1, Ordering::Relaxed);
    // Who has started meanwhile looks at the count behind the state: one of the two sees
    // what the other did.
    fence(Ordering::SeqCst);
    if state::load() >= state::FIRST_RECORDING {
        tell_skipped_early();
    }
}

/// Adds what was skipped while the trace was opened to its header.
fn tell_skipped_early() {
    fence(Ordering::SeqCst);
    let skipped = SKIPPED_EARLY.swap(0, Ordering::Relaxed);
    if let Some(header) = owned_root().and_then(Root::header) {
        header
            .u64_field(HeaderField::SkippedEvents)
            .fetch_add(skipped, Ordering::Relaxed);
    }
}

/// Ends the time in which other threads' events are skipped.
fn finish_starting(started: Option<u32>) {
    state::PHASE.finish_starting(started.unwrap_or(state::IDLE));
    tell_skipped_early();
}

/// Asks the environment, once, whether to record. Returns the recording's number.
#[cold]
pub(crate) fn decide(always: bool) -> Option<u32> {
    let process = sys::process_id();
    let started = if state::PHASE.begin_deciding(process) {
        environment::with_variable(|variable| start_by_variable(variable, always, false))
    } else if state::PHASE.take_over_deciding(process) {
        // The parent's.
        SKIPPED_EARLY.store(0, Ordering::Relaxed);
        follow_early(always)
    } else {
        // Another thread is at it.
        skip_early();
        return None;
    };
    finish_starting(started);
    started
}

/// What the variable, or its absence, means. A forked child, whose parent's first allocation
/// was under way, records only if children are to.
fn start_by_variable(value: Option<&[u8]>, always: bool, is_child: bool) -> Option<u32> {
    let parsed = crate::config::parse(value.unwrap_or_default(), message::unknown_key);
    let variable: Variable<'_> = match parsed {
        Ok(variable) => variable,
        Err(bad) => {
            message::bad_value(bad.key.as_bytes(), bad.wanted.as_bytes());
            return None;
        }
    };
    message::set_quiet(variable.quiet);
    if !variable.on.unwrap_or(always) || (is_child && !variable.settings.follow_forks) {
        return None;
    }
    ask(variable.out, variable.settings, is_child).ok()
}

/// Begins the recording of a forked child whose parent was about to begin one, or none.
fn follow_early(always: bool) -> Option<u32> {
    if follow::is_wished() {
        return follow::with_wish(|place, settings| begin(place, settings, true).ok());
    }
    environment::with_variable(|variable| start_by_variable(variable, always, true))
}

/// Begins a forked child's own recording instead of its parent's, or none.
#[cold]
#[inline(never)]
pub(crate) fn follow(parents: u32) {
    if state::PHASE.begin_following(parents, sys::process_id()) {
        finish_starting(follow::with_wish(|place, settings| {
            begin(place, settings, true).ok()
        }));
    }
}
