//! What happens in a trace, in the order in which [`crate::merge`] finds it.

use crate::stacks::StackId;

/// Something that happened at a stamp. Flat, so that copies of it need no repacking:
/// [`Event::what`] is the readable form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) stamp: u64,
    address: u64,
    bytes: u64,
    stack: StackId,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Begin(Cause),
    End(Cause),
    Thread,
    Scope(Scope),
    Array,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Begin {
        address: u64,
        bytes: u64,
        stack: StackId,
        by: Cause,
    },
    End {
        address: u64,
        by: Cause,
    },
    /// The stream belongs to another thread from here on.
    Thread,
    Scope(Scope),
    /// The next note of the lane on an array.
    Array,
}

impl Event {
    pub(crate) fn begin(stamp: u64, address: u64, bytes: u64, stack: StackId, by: Cause) -> Self {
        Event {
            stamp,
            address,
            bytes,
            stack,
            kind: Kind::Begin(by),
        }
    }

    pub(crate) fn other(stamp: u64, address: u64, kind: Kind) -> Self {
        Event {
            stamp,
            address,
            bytes: 0,
            stack: StackId(0),
            kind,
        }
    }

    #[inline]
    pub(crate) fn what(&self) -> What {
        let Event {
            address,
            bytes,
            stack,
            ..
        } = *self;
        match self.kind {
            Kind::Begin(by) => What::Begin {
                address,
                bytes,
                stack,
                by,
            },
            Kind::End(by) => What::End { address, by },
            Kind::Thread => What::Thread,
            Kind::Scope(scope) => What::Scope(scope),
            Kind::Array => What::Array,
        }
    }
}

/// What made a block begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An allocation, or a deallocation.
    Call,
    Reallocation,
}

/// A mark of a `#[profile]` function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Enter {
        depth: u32,
        function: u32,
        line: u32,
    },
    Line {
        depth: u32,
        line: u32,
    },
    Exit {
        depth: u32,
    },
}
