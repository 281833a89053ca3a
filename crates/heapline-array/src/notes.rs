//! What a recording is told of arrays. Without one each of these is a load and a return.

use std::panic::Location;

pub(crate) use heapline::arrays::Buffer;
use heapline::arrays::{self, Elements};

use crate::identity::ArrayId;
use crate::memory::{MemoryLayout, unique_nbytes_from_strides};

type Caller = &'static Location<'static>;

/// What a copy made of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    AsTheyWere,
    /// Elements of fewer bytes have each of them exactly.
    FitNarrower,
}

/// A buffer exists, made or adopted, and its first handle.
pub(crate) fn made(
    layout: &MemoryLayout<'_>,
    id: ArrayId,
    buffer: Buffer,
    operation: &'static str,
    caller: Caller,
) {
    if arrays::is_recording() {
        let elements = elements(layout);
        arrays::made(&elements, id.get(), buffer, operation, caller);
    }
}

/// There is one more handle onto a buffer. Returns whether its end is to be noted.
pub(crate) fn view<'a>(
    layout: impl FnOnce() -> MemoryLayout<'a>,
    id: ArrayId,
    base: ArrayId,
    operation: &'static str,
    caller: Caller,
) -> bool {
    arrays::is_recording()
        && arrays::view(
            || elements(&layout()),
            id.get(),
            base.get(),
            operation,
            caller,
        )
}

/// A plain ndarray array or view has a name.
pub(crate) fn tracked(layout: &MemoryLayout<'_>, name: &str, caller: Caller) {
    if arrays::is_recording() {
        arrays::tracked(&elements(layout), name, caller);
    }
}

/// A handle is gone.
pub(crate) fn dropped(id: ArrayId) {
    arrays::dropped(id.get());
}

/// An operation had to copy so many bytes.
pub(crate) fn copied(
    from: ArrayId,
    to: ArrayId,
    nbytes: usize,
    values: Values,
    operation: &'static str,
    caller: Caller,
) {
    let fits_narrower = values == Values::FitNarrower;
    arrays::copied(
        from.get(),
        to.get(),
        nbytes,
        fits_narrower,
        operation,
        caller,
    );
}

/// A handle has a name.
pub(crate) fn renamed(id: ArrayId, name: &str) {
    arrays::renamed(id.get(), name);
}

fn elements<'a>(layout: &MemoryLayout<'a>) -> Elements<'a> {
    Elements {
        address: match layout.is_empty() {
            true => 0,
            false => layout.byte_bounds().start,
        },
        dtype: layout.dtype.name(),
        itemsize: layout.itemsize(),
        shape: layout.shape(),
        strides: layout.strides,
        unique_nbytes: unique_nbytes_from_strides(*layout),
    }
}
