//! Notes on arrays, for the authors of array libraries: which elements lie where, which
//! handles keep a buffer alive, what was copied.
//!
//! `heapline-array` calls these functions; another library can do so, too. Without a
//! recording each is one load and a return. With one it writes a few bytes to the trace,
//! and allocates nothing. Blocks are known by addresses, *after* the fact: the caller holds
//! the buffer during the call, so that in the trace the note lies between the block's
//! allocation and its deallocation. Nothing here keeps a buffer alive.
//!
//! Handles and buffers have numbers that the caller gives once in a process; 0 is none.

use std::panic::Location;

use heapline_trace::{ArrayHandle, ArrayLayout, ArrayNote, MAX_AXES, MAX_TEXT_BYTES, Place};
use heapline_trace::{TextId, TextKind};

use crate::recorder::Recorder;
use crate::sink::Failure;
use crate::state;
use crate::thread_state::enter;

/// Elements in memory.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    /// Address of their lowest byte; 0 if there are none.
    pub address: usize,
    /// Name of their type, as NumPy has it: `float64`.
    pub dtype: &'a str,
    /// Bytes of one.
    pub itemsize: usize,
    /// How many along each axis.
    pub shape: &'a [usize],
    /// From one to the next along each axis, in elements.
    pub strides: &'a [isize],
    /// Distinct bytes among them, if they were counted.
    pub unique_nbytes: Option<usize>,
}

/// What holds the elements of a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffer {
    /// Bytes of the mapped file, where the elements are not on the heap.
    pub mapped_nbytes: Option<usize>,
    /// Bytes that buffer and first handle take beside the elements.
    pub record_nbytes: usize,
}

/// Whether a note would be heard. To be asked before anything is computed for one.
#[inline]
#[must_use]
pub fn is_recording() -> bool {
    state::load() >= state::FIRST_RECORDING
}

/// A buffer exists, and its first handle: `operation` made it, at `caller`.
pub fn made(
    elements: &Elements<'_>,
    id: u64,
    buffer: Buffer,
    operation: &'static str,
    caller: &Location<'_>,
) {
    handle(elements, (id, id), buffer, operation, caller);
}

/// There is one more handle onto the buffer whose first handle was `base`.
pub fn view(
    elements: &Elements<'_>,
    id: u64,
    base: u64,
    operation: &'static str,
    caller: &Location<'_>,
) {
    handle(elements, (id, base), Buffer::default(), operation, caller);
}

fn handle(
    elements: &Elements<'_>,
    (id, base): (u64, u64),
    buffer: Buffer,
    operation: &'static str,
    caller: &Location<'_>,
) {
    note(|recorder| {
        Ok(ArrayNote::Handle(ArrayHandle {
            id,
            base,
            address: elements.address as u64,
            layout: layout(recorder, elements)?,
            unique_bytes: elements.unique_nbytes.map(|bytes| bytes as u64),
            mapped_bytes: buffer.mapped_nbytes.map(|bytes| bytes as u64),
            record_bytes: buffer.record_nbytes as u64,
            operation: recorder.text(TextKind::Operation, operation.as_bytes())?,
            place: place(recorder, caller)?,
        }))
    });
}

/// A handle is gone. To be said before the buffer can be freed.
pub fn dropped(id: u64) {
    note(|_| Ok(ArrayNote::Dropped { id }));
}

/// `operation` had to copy so many bytes of elements. `fits_narrower` says that the copy's
/// elements have fewer bytes and that each kept its value.
pub fn copied(
    from: u64,
    to: u64,
    nbytes: usize,
    fits_narrower: bool,
    operation: &'static str,
    caller: &Location<'_>,
) {
    note(|recorder| {
        Ok(ArrayNote::Copied {
            from,
            to,
            bytes: nbytes as u64,
            fits_narrower,
            operation: recorder.text(TextKind::Operation, operation.as_bytes())?,
            place: place(recorder, caller)?,
        })
    });
}

/// A handle has a name.
pub fn renamed(id: u64, name: &str) {
    note(|recorder| {
        Ok(ArrayNote::Renamed {
            id,
            name: recorder.text(TextKind::Name, name.as_bytes())?,
        })
    });
}

/// An array that has no handles of its own has a name. It is there as long as its block.
pub fn tracked(elements: &Elements<'_>, name: &str, caller: &Location<'_>) {
    note(|recorder| {
        Ok(ArrayNote::Tracked {
            address: elements.address as u64,
            layout: layout(recorder, elements)?,
            unique_bytes: elements.unique_nbytes.map(|bytes| bytes as u64),
            name: recorder.text(TextKind::Name, name.as_bytes())?,
            place: place(recorder, caller)?,
        })
    });
}

/// Writes a note, if a recording hears it.
#[inline]
fn note(make: impl FnOnce(&mut Recorder) -> Result<ArrayNote, Failure>) {
    if is_recording() {
        write(make);
    }
}

#[cold]
fn write(make: impl FnOnce(&mut Recorder) -> Result<ArrayNote, Failure>) {
    let Some(mut entered) = enter(state::load()) else {
        return;
    };
    let recorder = entered.recorder();
    let done = make(recorder).and_then(|note| {
        let stamp = recorder.stamp(state::threaded());
        recorder.array(stamp, &note)
    });
    if let Err(failure) = done {
        entered.fail(failure);
    }
}

fn layout(recorder: &mut Recorder, elements: &Elements<'_>) -> Result<TextId, Failure> {
    let Elements {
        dtype,
        itemsize,
        shape,
        strides,
        ..
    } = *elements;
    let mut text = [0; MAX_TEXT_BYTES];
    let length = if shape.len() <= MAX_AXES {
        ArrayLayout::write(&mut text, dtype, itemsize, shape, strides)
    } else {
        // As one axis of all elements.
        let elements = shape.iter().copied().fold(1, usize::saturating_mul);
        ArrayLayout::write(&mut text, dtype, itemsize, &[elements], &[1])
    };
    recorder.text(
        TextKind::Layout,
        text.get(..length.unwrap_or(0)).unwrap_or(&[]),
    )
}

fn place(recorder: &mut Recorder, caller: &Location<'_>) -> Result<TextId, Failure> {
    let mut text = [0; MAX_TEXT_BYTES];
    let file = caller.file();
    // Of a path that is too long the end is the telling part.
    let beyond = file.len().saturating_sub(MAX_TEXT_BYTES - 16);
    let start = (beyond..file.len()).find(|&at| file.is_char_boundary(at));
    let file = file.get(start.unwrap_or(0)..).unwrap_or(file);
    let length = Place::write(&mut text, file, caller.line()).unwrap_or(0);
    recorder.text(TextKind::Place, text.get(..length).unwrap_or(&[]))
}
