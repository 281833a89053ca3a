//! The numbers by which records refer to one another.

/// A stack as one number: a node of the stream's call tree.
///
/// The first few numbers are roots: they stand for "outside of the outermost
/// frame" and tell how the walk ended. All others are defined by Node records,
/// parents before children, ascending within a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The walk reached the thread's first frame.
    pub const COMPLETE: NodeId = NodeId(0);
    /// No stack could be stored: memory for the call tree ran out.
    pub const LOST: NodeId = NodeId(1);
    /// First of the roots of stacks that were cut; the number above it is the reason.
    pub const FIRST_CUT: NodeId = NodeId(2);
    /// The first number given to a frame.
    pub const FIRST_FRAME: NodeId = NodeId(16);

    /// Whether this is a root and not a frame.
    #[must_use]
    pub fn is_root(self) -> bool {
        self < Self::FIRST_FRAME
    }

    /// Whether this is the root of stacks that could not be walked to their end.
    #[must_use]
    pub fn is_cut_root(self) -> bool {
        self.is_root() && self >= Self::FIRST_CUT
    }
}

/// One recorder slot: a sequence of blocks written by one thread at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);
