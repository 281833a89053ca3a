//! Which lines of which `#[profile]` functions this thread is executing.
//!
//! A line mark is written to the trace only where the reports need it: when an
//! event follows, so that it is charged to the right line, and when events have
//! come since this line's last written mark, so that the heap after the line is
//! seen. A loop without allocations writes nothing, however often it turns.

use crate::sys;

/// Words of one activation: function and flags, line.
const ACTIVATION_WORDS: usize = 2;
/// Activations and lines that the first tables hold.
const FIRST_ROOM: usize = 512;

const ENTERED: u64 = 1 << 62;
const MOVED: u64 = 1 << 63;

/// A mark that must be written before the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingMark {
    Enter {
        depth: u32,
        function: u32,
        line: u32,
    },
    Line {
        depth: u32,
        line: u32,
    },
}

/// The thread's stack of activations.
pub(crate) struct Activations {
    words: Option<&'static mut [u64]>,
    depth: u32,
    /// Activations below this depth have nothing pending.
    settled: u32,
    /// Events of this thread, counted from 1.
    events: u64,
    /// For each marked line of each function, `events` when it was last written.
    seen: Option<&'static mut [u64]>,
}

impl Activations {
    pub(crate) const fn new() -> Self {
        Activations {
            words: None,
            depth: 0,
            settled: 0,
            events: 1,
            seen: None,
        }
    }

    /// Forgets everything; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.depth = 0;
        self.settled = 0;
        self.events = 1;
        if let Some(seen) = self.seen.as_deref_mut() {
            seen.fill(0);
        }
    }

    /// Counts an event; true if marks must be written before it.
    #[inline]
    pub(crate) fn count_event(&mut self) -> bool {
        self.events += 1;
        self.settled != self.depth
    }

    /// An activation begins; returns its depth, or `None` without memory for it.
    pub(crate) fn push(&mut self, function: u32, line: u32) -> Option<u32> {
        let depth = self.depth;
        let at = depth as usize * ACTIVATION_WORDS;
        grow(&mut self.words, at + ACTIVATION_WORDS)?;
        let slot = self
            .words
            .as_deref_mut()?
            .get_mut(at..at + ACTIVATION_WORDS)?;
        slot.copy_from_slice(&[u64::from(function) | MOVED, u64::from(line)]);
        self.depth = depth + 1;
        Some(depth)
    }

    /// The activation at `depth` goes on to another line. True if the mark must be
    /// written now: events have come since the one of this line before.
    /// `global_line` numbers the lines of all functions.
    pub(crate) fn mark(&mut self, depth: u32, line: u32, global_line: usize) -> bool {
        self.resume(depth, line);
        if grow(&mut self.seen, global_line + 1).is_none() {
            return true;
        }
        match self
            .seen
            .as_deref_mut()
            .and_then(|seen| seen.get_mut(global_line))
        {
            Some(seen) => core::mem::replace(seen, self.events) != self.events,
            None => true,
        }
    }

    /// The activation at `depth` goes on with a line it was on before.
    pub(crate) fn resume(&mut self, depth: u32, line: u32) {
        if depth >= self.depth {
            return;
        }
        // Activations further in have ended without a word (a longjmp, say).
        self.depth = depth + 1;
        if let Some([function, at]) = self.activation(depth) {
            *at = u64::from(line);
            *function |= MOVED;
        }
        self.settled = self.settled.min(depth);
    }

    /// The activation at `depth` ends, and all inside it; true if its entry is in the trace.
    pub(crate) fn pop(&mut self, depth: u32) -> bool {
        if depth >= self.depth {
            return false;
        }
        let entered = self
            .activation(depth)
            .is_some_and(|[function, _]| *function & ENTERED != 0);
        self.depth = depth;
        self.settled = self.settled.min(depth);
        entered
    }

    /// The next mark that must be written, from the outside in.
    pub(crate) fn next_pending(&mut self) -> Option<PendingMark> {
        while self.settled < self.depth {
            let depth = self.settled;
            self.settled += 1;
            let [function, line] = self.activation(depth)?;
            let flags = core::mem::replace(function, (*function | ENTERED) & !MOVED);
            let line = *line as u32;
            if flags & ENTERED == 0 {
                return Some(PendingMark::Enter {
                    depth,
                    function: flags as u32,
                    line,
                });
            }
            if flags & MOVED != 0 {
                return Some(PendingMark::Line { depth, line });
            }
        }
        None
    }

    fn activation(&mut self, depth: u32) -> Option<&mut [u64; 2]> {
        let at = depth as usize * ACTIVATION_WORDS;
        self.words.as_deref_mut()?.get_mut(at..)?.first_chunk_mut()
    }
}

/// Makes a table hold at least so many words.
fn grow(words: &mut Option<&'static mut [u64]>, needed: usize) -> Option<()> {
    let length = words.as_deref().map_or(0, <[u64]>::len);
    if needed <= length {
        return Some(());
    }
    let larger = sys::map_words(needed.next_power_of_two().max(FIRST_ROOM))?;
    if let Some(old) = words.take() {
        for (to, &from) in larger.iter_mut().zip(old.iter()) {
            *to = from;
        }
        sys::release_words(old);
    }
    *words = Some(larger);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(activations: &mut Activations) -> Vec<PendingMark> {
        std::iter::from_fn(|| activations.next_pending()).collect()
    }

    #[test]
    fn marks_wait_until_an_event_needs_them() {
        let mut activations = Activations::new();
        let outer = activations.push(7, 0).expect("memory");
        assert!(
            activations.mark(outer, 0, 0),
            "the first mark of a line is written"
        );
        assert_eq!(
            pending(&mut activations),
            [PendingMark::Enter {
                depth: 0,
                function: 7,
                line: 0
            }]
        );
        assert!(activations.mark(outer, 1, 1));
        assert_eq!(
            pending(&mut activations),
            [PendingMark::Line { depth: 0, line: 1 }]
        );
        for _ in 0..1_000 {
            assert!(!activations.mark(outer, 1, 1), "no event, no mark");
        }
        let inner = activations.push(8, 4).expect("memory");
        assert!(activations.count_event());
        assert_eq!(
            pending(&mut activations),
            [
                PendingMark::Line { depth: 0, line: 1 },
                PendingMark::Enter {
                    depth: 1,
                    function: 8,
                    line: 4
                }
            ]
        );
        assert!(!activations.count_event());
        assert!(activations.pop(inner));
        assert!(activations.mark(outer, 1, 1), "events came since");
        assert!(activations.pop(outer));
        assert!(!activations.pop(outer));
    }

    #[test]
    fn depth_is_unbounded_and_lost_activations_are_dropped() {
        let mut activations = Activations::new();
        for depth in 0..10_000 {
            assert_eq!(activations.push(1, 0), Some(depth));
        }
        activations.resume(5, 3);
        assert_eq!(activations.push(2, 0), Some(6));
        assert!(!activations.pop(6), "its entry was never written");
    }
}
