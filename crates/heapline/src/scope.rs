//! What `#[heapline::profile]` expands to: activations of functions and marks of lines.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::counters::{CellPointer, Numbers, ScopeCell, Texts};
use crate::recorder::Recorder;
use crate::sink::Failure;
use crate::thread_state::{Entered, enter, enter_instead};
use crate::{root, state};

/// One profiled function: a static in its body.
pub struct Function {
    texts: Texts,
    cell: CellPointer,
}

/// Lines of all functions registered so far, in any recording.
static LINES: AtomicU32 = AtomicU32::new(0);

impl Function {
    /// A function whose marked `lines` ascend; the first is the attribute's.
    #[must_use]
    pub const fn new(
        file: &'static str,
        name: &'static str,
        lines: &'static [u32],
        last_line: u32,
    ) -> Self {
        Function {
            texts: Texts {
                lines,
                last_line,
                file,
                name,
            },
            cell: CellPointer::new(),
        }
    }

    /// The function is called.
    #[inline]
    pub fn enter(&'static self) -> Activation {
        if state::load() < state::FIRST_RECORDING {
            return Activation::NONE;
        }
        let activation = self.activate(0);
        activation.line(0);
        activation
    }

    /// A closure inside the function is called; its body starts on this line.
    #[inline]
    pub fn enter_closure(&'static self, line: u32) -> Activation {
        if state::load() < state::FIRST_RECORDING {
            return Activation::NONE;
        }
        self.activate(line)
    }

    #[cold]
    fn activate(&'static self, line: u32) -> Activation {
        let Some((mut entered, cell)) = self.cell(state::load()) else {
            return Activation::NONE;
        };
        let recording = entered.recording();
        let Some(depth) = entered.recorder().activations().push(cell.function(), line) else {
            return Activation::NONE;
        };
        Activation {
            place: Some(Place {
                cell,
                recording,
                depth,
            }),
            not_send: PhantomData,
        }
    }

    /// The function's cell in the trace, made at its first activation.
    fn cell(&'static self, recording: u32) -> Option<(Entered, ScopeCell)> {
        let entered = enter(recording).or_else(|| enter_instead(recording))?;
        let recording = entered.recording();
        if let Some(cell) = self.cell.get(&entered, recording) {
            return Some((entered, cell));
        }
        let _registering = root::get()?.register();
        if self.cell.get(&entered, recording).is_none()
            && let Err(failure) = self.register(recording)
        {
            entered.fail(failure);
            return None;
        }
        let cell = self.cell.get(&entered, recording)?;
        Some((entered, cell))
    }

    fn register(&'static self, recording: u32) -> Result<(), Failure> {
        let Some(root) = root::get() else {
            return Ok(());
        };
        let lines = self.texts.lines.len() as u32;
        let numbers = Numbers {
            recording,
            function: root.functions.fetch_add(1, Ordering::Relaxed),
            first_line: LINES.fetch_add(lines, Ordering::Relaxed),
        };
        self.cell.claim(numbers, self.texts)
    }
}

/// A call of a profiled function while it lasts.
#[must_use = "the call ends when this is dropped"]
pub struct Activation {
    place: Option<Place>,
    /// It belongs to its thread's stack of activations.
    not_send: PhantomData<*const ()>,
}

#[derive(Clone, Copy)]
struct Place {
    cell: ScopeCell,
    recording: u32,
    depth: u32,
}

impl Activation {
    const NONE: Activation = Activation {
        place: None,
        not_send: PhantomData,
    };

    /// An execution of the line with this index begins.
    #[inline]
    pub fn line(&self, line: u32) {
        if let Some(place) = self.place {
            place.line(line);
        }
    }

    /// The line goes on when the result is dropped; that is no new execution.
    #[inline]
    pub fn nested(&self, line: u32) -> Resume<'_> {
        Resume {
            activation: self,
            line,
        }
    }

    /// An execution of the line begins when the result is dropped.
    #[inline]
    pub fn closing(&self, line: u32) -> Closing<'_> {
        Closing {
            activation: self,
            line,
        }
    }
}

impl Place {
    #[cold]
    fn line(self, line: u32) {
        self.with_recorder(|recorder| {
            self.cell.count(line);
            self.mark(recorder, line)
        });
    }

    #[cold]
    fn resume(self, line: u32) {
        self.with_recorder(|recorder| self.mark(recorder, line));
    }

    /// The activation is at this line now. The trace is told if events have come since
    /// it was last told so: when the line is left, the heap after it is another one.
    fn mark(self, recorder: &mut Recorder, line: u32) -> Result<(), Failure> {
        let global = (self.cell.first_line() + line) as usize;
        if recorder.activations().mark(self.depth, line, global) {
            let stamp = recorder.stamp(state::threaded());
            return recorder.write_marks(stamp);
        }
        Ok(())
    }

    #[cold]
    fn exit(self) {
        self.with_recorder(|recorder| {
            if recorder.activations().pop(self.depth) {
                recorder.write_exit(self.depth)
            } else {
                Ok(())
            }
        });
    }

    /// Nothing happens if the recording is another one by now, or none, or this is a
    /// forked child.
    fn with_recorder(self, work: impl FnOnce(&mut Recorder) -> Result<(), Failure>) {
        if state::load() != self.recording {
            return;
        }
        let Some(mut entered) = enter(self.recording) else {
            return;
        };
        if let Err(failure) = work(entered.recorder()) {
            entered.fail(failure);
        }
    }
}

impl Drop for Activation {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.place {
            place.exit();
        }
    }
}

/// See [`Activation::nested`].
#[must_use = "the line goes on when this is dropped"]
pub struct Resume<'a> {
    activation: &'a Activation,
    line: u32,
}

impl Drop for Resume<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.activation.place {
            place.resume(self.line);
        }
    }
}

/// See [`Activation::closing`].
#[must_use = "the line begins when this is dropped"]
pub struct Closing<'a> {
    activation: &'a Activation,
    line: u32,
}

impl Drop for Closing<'_> {
    #[inline]
    fn drop(&mut self) {
        self.activation.line(self.line);
    }
}
