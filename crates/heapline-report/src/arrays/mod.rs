//! Arrays: who was alive at an instant and holds which buffer, what was copied where, and
//! what to think about.
//!
//! The program tells of arrays after the fact, by addresses: [`pass`] finds the live block
//! that an array's elements lie in. `holds` is always the bytes of that block, as the
//! allocator was asked for them, and sums go over buffers, never over arrays.

mod advice;
mod facts;
mod lines;
mod pass;
mod scopes;
mod sites;
mod snapshot;

use heapline_trace::{ArrayLayout, Place};

use crate::ReportError;
use crate::facts::stamp_at;
use crate::folded::At;
use crate::report::{Progress, Report};

pub use advice::{Advice, ArrayLabel};
pub use lines::{LineNote, LineNoteKind};
pub use sites::CopySite;

use pass::{ArrayPass, Instant};

/// The arrays of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrays {
    /// The instant that `buffers` are of.
    pub at: At,
    /// Buffers of which an array was alive, the largest first.
    pub buffers: Vec<ArrayBuffer>,
    /// Lines that copied, in the whole run, by bytes.
    pub copies: Vec<CopySite>,
    /// What is worth a thought.
    pub advice: Vec<Advice>,
    /// What each line did with arrays, in the whole run.
    pub lines: Vec<LineNote>,
}

/// Memory of elements, and the arrays that keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayBuffer {
    /// What is kept.
    pub holds: Holds,
    /// The first one is the one it was made for, even if that is gone.
    pub arrays: Vec<ArrayFacts>,
    /// How many buffers are just like this: unnamed, one array each, made by the same line.
    pub count: u64,
}

/// What an array keeps alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A block of so many bytes.
    Block(u64),
    /// A mapped file, of which so many bytes.
    Mapped(u64),
    /// No block that the trace knows: it was allocated before recording began, or is not
    /// from this allocator. Or there are no elements.
    Unknown,
}

impl Holds {
    /// Its bytes on the heap.
    #[must_use]
    pub fn heap_bytes(self) -> u64 {
        match self {
            Holds::Block(bytes) => bytes,
            Holds::Mapped(_) | Holds::Unknown => 0,
        }
    }
}

/// One array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayFacts {
    /// Its number; `None` of a plain array that was given a name.
    pub id: Option<u64>,
    /// Its name.
    pub name: Option<String>,
    /// What made it: `zeros`, `slice`.
    pub operation: String,
    /// Where its elements lie, if that was not lost.
    pub layout: Option<ArrayLayout>,
    /// Elements times bytes of one.
    pub nbytes: u64,
    /// Distinct bytes of the elements; `None` if they overlap irregularly.
    pub unique_bytes: Option<u64>,
    /// Bytes that buffer and handle take beside the elements; 0 for views.
    pub record_bytes: u64,
    /// The line that made it.
    pub place: Option<Place>,
    /// Whether it uses a buffer that another array was made with.
    pub is_view: bool,
    /// Whether it was dropped before the instant; then views of it are alive.
    pub is_gone: bool,
}

impl Arrays {
    /// Buffers.
    #[must_use]
    pub fn buffer_count(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.count).sum()
    }

    /// Bytes that they hold on the heap.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        let held = |buffer: &ArrayBuffer| buffer.holds.heap_bytes().saturating_mul(buffer.count);
        sum(self.buffers.iter().map(held))
    }

    /// Bytes of mapped files that they hold.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        sum(self.buffers.iter().map(|buffer| match buffer.holds {
            Holds::Mapped(bytes) => bytes,
            Holds::Block(_) | Holds::Unknown => 0,
        }))
    }

    /// Arrays that are alive.
    #[must_use]
    pub fn array_count(&self) -> u64 {
        let alive = |buffer: &ArrayBuffer| buffer.alive().count() as u64 * buffer.count;
        self.buffers.iter().map(alive).sum()
    }

    /// The sum of their `nbytes`, which is not what they take.
    #[must_use]
    pub fn nbytes(&self) -> u64 {
        sum(self.buffers.iter().map(|buffer| {
            let nbytes = sum(buffer.alive().map(|array| array.nbytes));
            nbytes.saturating_mul(buffer.count)
        }))
    }

    /// Bytes held by dtype of the array that each buffer was made for, the largest first.
    #[must_use]
    pub fn bytes_by_dtype(&self) -> Vec<(String, u64)> {
        let mut bytes: Vec<(String, u64)> = Vec::new();
        for buffer in &self.buffers {
            let held = buffer.holds.heap_bytes().saturating_mul(buffer.count);
            let Some(dtype) = buffer.dtype().filter(|_| held > 0) else {
                continue;
            };
            match bytes.iter_mut().find(|(name, _)| name == dtype) {
                Some((_, sum)) => *sum = sum.saturating_add(held),
                None => bytes.push((dtype.to_owned(), held)),
            }
        }
        bytes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        bytes
    }
}

impl ArrayBuffer {
    /// The arrays that keep it.
    pub fn alive(&self) -> impl Iterator<Item = &ArrayFacts> {
        self.arrays.iter().filter(|array| !array.is_gone)
    }

    /// The dtype of the array it was made for.
    #[must_use]
    pub fn dtype(&self) -> Option<&str> {
        let layout = self.arrays.first()?.layout.as_ref()?;
        Some(&layout.dtype)
    }
}

/// A damaged trace can say anything.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

impl Report {
    /// The arrays at an instant, and what was done with arrays in the whole run.
    ///
    /// # Errors
    /// If the trace cannot be read again.
    pub fn arrays(
        &self,
        at: At,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Arrays, ReportError> {
        let instant = match at {
            At::Peak => Instant::Live(self.totals().peak_bytes),
            At::End => Instant::End,
            At::Nanoseconds(time) => Instant::Behind(stamp_at(self.header(), time)),
        };
        let (pass, texts) = self.second_pass(progress, |trace, tick| {
            let mut pass = ArrayPass::new(instant);
            let outcome = crate::replay::replay(trace, u64::MAX, &mut pass, tick)?;
            Ok((pass, outcome.texts))
        })?;
        Ok(pass.finish(at, &texts, self.trace().scopes()))
    }
}
