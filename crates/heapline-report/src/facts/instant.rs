//! What was live at an instant: a pass that stops there.

use heapline_trace::{Header, Source, Trace, TraceError};

use crate::event::Cause;
use crate::replay::{Block, Ending, Moment, Observer, replay};

#[derive(Default)]
struct LiveBytes {
    by_stack: Vec<u64>,
}

impl Observer for LiveBytes {
    fn begin(&mut self, _moment: Moment, block: Block, _by: Cause) {
        let stack = block.stack.index();
        if stack >= self.by_stack.len() {
            self.by_stack.resize(stack + 1, 0);
        }
        self.by_stack[stack] += block.bytes;
    }

    fn end(&mut self, _moment: Moment, block: Block, _ending: Ending) {
        self.by_stack[block.stack.index()] -= block.bytes;
    }
}

/// Live bytes by stack after the last event up to `nanoseconds` since recording began.
pub(crate) fn live_at<S: Source>(
    trace: &Trace<S>,
    nanoseconds: u64,
    stacks: usize,
    progress: &mut dyn FnMut(),
) -> Result<Vec<u64>, TraceError> {
    let until = stamp_at(trace.header(), nanoseconds);
    let mut live = LiveBytes::default();
    replay(trace, until, &mut live, progress)?;
    live.by_stack.resize(stacks, 0);
    Ok(live.by_stack)
}

/// The newest stamp of the first `nanoseconds` since recording began.
pub(crate) fn stamp_at(header: &Header, nanoseconds: u64) -> u64 {
    newest_stamp_within(nanoseconds, |stamp| header.nanoseconds(stamp))
}

/// The newest stamp that is not later than `nanoseconds`; time ascends with stamps.
fn newest_stamp_within(nanoseconds: u64, time: impl Fn(u64) -> u64) -> u64 {
    let (mut within, mut beyond) = (0u64, u64::MAX);
    if time(beyond) <= nanoseconds {
        return beyond;
    }
    while beyond - within > 1 {
        let middle = within + (beyond - within) / 2;
        if time(middle) <= nanoseconds {
            within = middle;
        } else {
            beyond = middle;
        }
    }
    within
}

#[cfg(test)]
mod tests {
    use super::newest_stamp_within;

    #[test]
    fn an_instant_is_the_last_stamp_before_it() {
        let time = |stamp: u64| (stamp / 3).min(1 << 40);
        assert_eq!(newest_stamp_within(0, time), 2);
        assert_eq!(newest_stamp_within(10, time), 32);
        assert_eq!(newest_stamp_within(1 << 40, time), u64::MAX);
    }
}
