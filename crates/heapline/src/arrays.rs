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
use crate::texts::StaticText;
use crate::thread_state::enter;
use crate::view_budget::Admission;

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
    caller: &'static Location<'static>,
) {
    note(|recorder| {
        let place = place(recorder, caller)?;
        handle(recorder, elements, (id, id), buffer, operation, place).map(Some)
    });
}

/// There is one more handle onto the buffer whose first handle was `base`. Of a line that
/// makes very many, the later ones are only counted: their `elements` are not asked for.
/// What is asked for must not allocate.
///
/// Returns whether it was noted: if not, its end must not be, either.
pub fn view<'a>(
    elements: impl FnOnce() -> Elements<'a>,
    id: u64,
    base: u64,
    operation: &'static str,
    caller: &'static Location<'static>,
) -> bool {
    let mut is_noted = false;
    note(|recorder| {
        let place = place(recorder, caller)?;
        match recorder.admit_view(place) {
            Admission::Noted => {
                is_noted = true;
                let buffer = Buffer::default();
                handle(recorder, &elements(), (id, base), buffer, operation, place).map(Some)
            }
            Admission::Counted(told) => Ok(told.map(|views| ArrayNote::Counted { views, place })),
        }
    });
    is_noted
}

fn handle(
    recorder: &mut Recorder,
    elements: &Elements<'_>,
    (id, base): (u64, u64),
    buffer: Buffer,
    operation: &'static str,
    place: TextId,
) -> Result<ArrayNote, Failure> {
    Ok(ArrayNote::Handle(ArrayHandle {
        id,
        base,
        address: elements.address as u64,
        layout: layout(recorder, elements)?,
        unique_bytes: elements.unique_nbytes.map(|bytes| bytes as u64),
        mapped_bytes: buffer.mapped_nbytes.map(|bytes| bytes as u64),
        record_bytes: buffer.record_nbytes as u64,
        operation: word(recorder, operation)?,
        place,
    }))
}

/// A handle is gone. To be said before the buffer can be freed.
pub fn dropped(id: u64) {
    note(|_| Ok(Some(ArrayNote::Dropped { id })));
}

/// `operation` had to copy so many bytes of elements. `fits_narrower` says that the copy's
/// elements have fewer bytes and that each kept its value.
pub fn copied(
    from: u64,
    to: u64,
    nbytes: usize,
    fits_narrower: bool,
    operation: &'static str,
    caller: &'static Location<'static>,
) {
    note(|recorder| {
        Ok(Some(ArrayNote::Copied {
            from,
            to,
            bytes: nbytes as u64,
            fits_narrower,
            operation: word(recorder, operation)?,
            place: place(recorder, caller)?,
        }))
    });
}

/// A handle has a name.
pub fn renamed(id: u64, name: &str) {
    note(|recorder| {
        Ok(Some(ArrayNote::Renamed {
            id,
            name: recorder.text(TextKind::Name, name.as_bytes())?,
        }))
    });
}

/// An array that has no handles of its own has a name. It is there as long as its block.
pub fn tracked(elements: &Elements<'_>, name: &str, caller: &'static Location<'static>) {
    note(|recorder| {
        Ok(Some(ArrayNote::Tracked {
            address: elements.address as u64,
            layout: layout(recorder, elements)?,
            unique_bytes: elements.unique_nbytes.map(|bytes| bytes as u64),
            name: recorder.text(TextKind::Name, name.as_bytes())?,
            place: place(recorder, caller)?,
        }))
    });
}

/// Writes a note, if a recording hears it and there is one.
#[inline]
fn note(make: impl FnOnce(&mut Recorder) -> Result<Option<ArrayNote>, Failure>) {
    if is_recording() {
        write(make);
    }
}

#[cold]
fn write(make: impl FnOnce(&mut Recorder) -> Result<Option<ArrayNote>, Failure>) {
    let Some(mut entered) = enter(state::load()) else {
        return;
    };
    let recorder = entered.recorder();
    let done = make(recorder).and_then(|note| match note {
        Some(note) => recorder.array(recorder.stamp(state::threaded()), &note),
        None => Ok(()),
    });
    if let Err(failure) = done {
        entered.fail(failure);
    }
}

/// Axes whose layout is written without clearing much memory first.
const FEW_AXES: usize = 8;

fn layout(recorder: &mut Recorder, elements: &Elements<'_>) -> Result<TextId, Failure> {
    if elements.shape.len() <= FEW_AXES {
        layout_within::<256>(recorder, elements)
    } else {
        layout_within::<MAX_TEXT_BYTES>(recorder, elements)
    }
}

fn layout_within<const BYTES: usize>(
    recorder: &mut Recorder,
    elements: &Elements<'_>,
) -> Result<TextId, Failure> {
    let Elements {
        dtype,
        itemsize,
        shape,
        strides,
        ..
    } = *elements;
    let mut text = [0; BYTES];
    let length = if shape.len() <= MAX_AXES {
        ArrayLayout::write(&mut text, dtype, itemsize, shape, strides)
    } else {
        // As one axis of all elements.
        let elements = shape.iter().copied().fold(1, usize::saturating_mul);
        ArrayLayout::write(&mut text, dtype, itemsize, &[elements], &[1])
    };
    let text = text.get(..length.unwrap_or(0)).unwrap_or(&[]);
    recorder.text(TextKind::Layout, text)
}

fn word(recorder: &mut Recorder, word: &'static str) -> Result<TextId, Failure> {
    let lies = StaticText {
        address: word.as_ptr().addr(),
        bytes: word.len(),
    };
    recorder.static_text(TextKind::Operation, lies, |recorder| {
        recorder.text(TextKind::Operation, word.as_bytes())
    })
}

fn place(recorder: &mut Recorder, caller: &'static Location<'static>) -> Result<TextId, Failure> {
    let lies = StaticText {
        address: std::ptr::from_ref(caller).addr(),
        bytes: 0,
    };
    recorder.static_text(TextKind::Place, lies, |recorder| {
        let mut text = [0; MAX_TEXT_BYTES];
        let file = caller.file();
        // Of a path that is too long the end is the telling part.
        let beyond = file.len().saturating_sub(MAX_TEXT_BYTES - 16);
        let start = (beyond..file.len()).find(|&at| file.is_char_boundary(at));
        let file = file.get(start.unwrap_or(0)..).unwrap_or(file);
        let length = Place::write(&mut text, file, caller.line()).unwrap_or(0);
        recorder.text(TextKind::Place, text.get(..length).unwrap_or(&[]))
    })
}
