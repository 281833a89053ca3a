//! What the next item of a stream is, as far as it can be foretold.

use super::live_blocks::Choice;

/// Kinds of items as they are said when nothing foretold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Alloc = 0,
    Dealloc = 1,
    Realloc = 2,
    Node = 3,
    Scope = 4,
    Other = 5,
}

impl Kind {
    pub(super) const ALL: [Kind; 6] = [
        Kind::Alloc,
        Kind::Dealloc,
        Kind::Realloc,
        Kind::Node,
        Kind::Scope,
        Kind::Other,
    ];
}

/// What the next item is, as far as it can be foretold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// An allocation, or a reallocation, at a node of the tree.
    At {
        is_realloc: bool,
        node: u32,
    },
    /// A deallocation: the choice and its block, if it means one.
    Free {
        choice: Choice,
        block: u32,
    },
    /// A new node, by parent and site.
    Node {
        parent: u32,
        site: u32,
    },
    /// A scope record: 0 enter, 1 line, 2 exit; and its line.
    Scope {
        kind: u8,
        line: u32,
    },
    Other,
}

impl Next {
    pub(super) fn kind(self) -> Kind {
        match self {
            Next::At {
                is_realloc: false, ..
            } => Kind::Alloc,
            Next::At { .. } => Kind::Realloc,
            Next::Free { .. } => Kind::Dealloc,
            Next::Node { .. } => Kind::Node,
            Next::Scope { .. } => Kind::Scope,
            Next::Other => Kind::Other,
        }
    }

    /// Whether both say the same: a block may be chosen in several ways.
    pub(super) fn is(self, other: Next) -> bool {
        match (self, other) {
            (
                Next::Free { choice, block },
                Next::Free {
                    choice: c,
                    block: b,
                },
            ) if !choice.is_open() && !c.is_open() => block == b,
            (Next::Free { choice, .. }, Next::Free { choice: c, .. }) => choice == c,
            _ => self == other,
        }
    }
}

/// New nodes that are foretold: those on the rest of a way, then the event at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) is_realloc: bool,
    /// The end of the way in the part of the tree that was known.
    pub(super) target: u32,
    pub(super) left: u8,
}
