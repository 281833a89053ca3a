//! What a recording would be told of arrays: the one place that knows who listens.
//!
//! Blocks are known by their addresses, after the fact, and nothing here keeps one alive.

use std::panic::Location;

use crate::identity::ArrayId;
use crate::memory::MemoryLayout;

type Caller = &'static Location<'static>;

/// A buffer exists: made, or adopted.
pub(crate) fn array(_elements: MemoryLayout<'_>, _id: ArrayId, _caller: Caller) {}

/// A plain ndarray array or view has a name.
pub(crate) fn tracked(_elements: MemoryLayout<'_>, _name: &str, _caller: Caller) {}

/// There is one more handle onto a buffer.
pub(crate) fn view(
    _elements: MemoryLayout<'_>,
    _id: ArrayId,
    _base: ArrayId,
    _operation: &'static str,
    _caller: Caller,
) {
}

/// A handle is gone.
pub(crate) fn dropped(_id: ArrayId) {}

/// An operation had to copy.
pub(crate) fn copied(
    _from: ArrayId,
    _to: ArrayId,
    _nbytes: usize,
    _operation: &'static str,
    _caller: Caller,
) {
}

/// A handle has a name.
pub(crate) fn renamed(_id: ArrayId, _name: &str) {}
