//! How many frames of a deep stack are given to the tree.

/// Frames to keep at the inner end, where the allocation is, when the middle
/// of a stack is left out.
const INNER: u32 = 63;

/// The limit on stored frames. The walk itself is not limited: a stack that is
/// cut at its outer end would look like another one at every depth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DepthLimit {
    frames: u32,
}

impl DepthLimit {
    /// Below 4 there would be no room for both ends and the mark in between.
    pub(crate) const fn new(frames: u32) -> DepthLimit {
        DepthLimit {
            frames: if frames < 4 { 4 } else { frames },
        }
    }

    /// The deepest stack that is stored whole.
    #[inline]
    pub(crate) const fn frames(&self) -> usize {
        self.frames as usize
    }

    /// Innermost frames of a deeper stack: 63, or half of a small limit.
    pub(crate) const fn inner(&self) -> usize {
        let half = (self.frames - 1) / 2;
        if half < INNER {
            half as usize
        } else {
            INNER as usize
        }
    }

    /// Outermost frames of a deeper stack; one place is for the mark.
    pub(crate) const fn outer(&self) -> usize {
        self.frames as usize - 1 - self.inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_and_the_mark_fill_the_limit() {
        for frames in [4, 5, 10, 127, 128, 4096] {
            let limit = DepthLimit::new(frames);
            assert_eq!(limit.outer() + 1 + limit.inner(), frames as usize);
            assert!(limit.inner() >= 1 && limit.outer() >= 1);
        }
        assert_eq!(DepthLimit::new(4096).outer(), 4032);
        assert_eq!(DepthLimit::new(0).frames(), 4);
    }
}
