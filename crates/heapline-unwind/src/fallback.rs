//! The portable capture: return addresses from the `backtrace` crate, without
//! its process-wide lock.
#![allow(unsafe_code)]

use crate::{CutReason, StackEnd};

/// Innermost frames that are kept of a stack deeper than both lists.
const INNER: usize = 63;
/// Outermost frames that are kept.
const OUTER: usize = 960;

/// The node of the current thread's stack, beginning in this function, as the
/// platform's own unwinder sees it. `child` gives the node for an address below
/// a node; without an address, for frames left out.
///
/// Of a stack of more than 1,023 frames the outermost 960 and the innermost 63
/// are given. About 10 KiB of stack are used.
pub(crate) fn capture(child: impl FnMut(u32, Option<u64>) -> u32) -> u32 {
    let mut frames = Frames {
        inner: [0; INNER],
        outer: [0; OUTER],
        seen: 0,
    };
    // SAFETY: what must not run at the same time is Windows' dbghelp; other
    // walkers need no lock. The lock of `backtrace::trace` is held while
    // symbols are looked up, which allocates: taken in the hook it would wait
    // for itself.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            frames.add(frame.ip() as u64);
            true
        });
    }
    frames.intern(child)
}

/// Addresses in the order they come: innermost first.
struct Frames {
    inner: [u64; INNER],
    /// The last ones beyond `inner`, in a ring.
    outer: [u64; OUTER],
    seen: usize,
}

impl Frames {
    fn add(&mut self, address: u64) {
        // libgcc ends a complete stack with an address of zero.
        if address == 0 {
            return;
        }
        let slot = match self.seen.checked_sub(INNER) {
            None => self.inner.get_mut(self.seen),
            Some(beyond) => self.outer.get_mut(beyond % OUTER),
        };
        if let Some(slot) = slot {
            *slot = address;
        }
        self.seen += 1;
    }

    fn intern(&self, mut child: impl FnMut(u32, Option<u64>) -> u32) -> u32 {
        if self.seen == 0 {
            return StackEnd::Cut(CutReason::NoRule).root();
        }
        let mut node = StackEnd::Complete.root();
        let beyond = self.seen.saturating_sub(INNER);
        for index in (beyond.saturating_sub(OUTER)..beyond).rev() {
            let address = self.outer.get(index % OUTER).copied().unwrap_or(0);
            node = child(node, Some(address));
        }
        if beyond > OUTER {
            node = child(node, None);
        }
        let inner = self.inner.iter().take(self.seen).rev();
        inner.fold(node, |node, &address| child(node, Some(address)))
    }
}
