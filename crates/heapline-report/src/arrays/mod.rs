//! Arrays: who was alive at an instant and holds which buffer, what was copied where, and
//! what to think about.
//!
//! The program tells of arrays after the fact, by addresses: [`pass`] finds the live block
//! that an array's elements lie in. `holds` is always the bytes of that block, as the
//! allocator was asked for them, and sums go over buffers, never over arrays.

mod advice;
mod facts;
mod lines;
mod order;
mod pass;
mod scopes;
mod sites;
mod snapshot;
mod used;

use heapline_trace::{ArrayLayout, Place};

use crate::ReportError;
use crate::facts::stamp_at;
use crate::folded::At;
use crate::report::{Progress, Report};

pub use advice::{Advice, ArrayLabel, SmallViews};
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
    /// Bytes of all blocks that were live then, also those without arrays.
    pub live_bytes: u64,
    /// Lines that copied, in the whole run, by bytes.
    pub copies: Vec<CopySite>,
    /// What is worth a thought.
    pub advice: Vec<Advice>,
    /// What each line did with arrays, in the whole run.
    pub lines: Vec<LineNote>,
    /// Views that were only counted, in the whole run, but for the last few thousand of each
    /// line: of a line that made very many the later ones are not told of one by one. Which
    /// of them were alive is not known, so with any all sums are lower bounds.
    pub counted_views: u64,
}

/// Memory of elements, and the arrays that keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayBuffer {
    /// What is kept.
    pub holds: Holds,
    /// The first one is the one it was made for, even if that is gone.
    pub arrays: Vec<ArrayFacts>,
    /// Distinct bytes that the arrays use together, at most: views of the same elements count
    /// once. `None` if of one of them it is not known where its elements lie.
    pub used_bytes: Option<u64>,
    /// How many buffers are just like this: one array each, of the same name or of none, made
    /// by the same line.
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

/// Buffers that are mapped files: none of it is on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedFiles {
    /// How many.
    pub buffers: u64,
    /// Bytes that are mapped.
    pub bytes: u64,
    /// Arrays of them that are alive.
    pub arrays: u64,
    /// The sum of the arrays' `nbytes`.
    pub nbytes: u64,
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
    /// The type of its elements.
    pub dtype: Option<String>,
    /// Where its elements lie: not known of one that was reallocated, or if it was lost.
    pub layout: Option<ArrayLayout>,
    /// Elements times bytes of one; 0 if its layout is not known.
    pub nbytes: u64,
    /// Bytes from the start of its block to its lowest element; `None` if it is in no block
    /// that is known, or if its layout is not known.
    pub block_offset: Option<u64>,
    /// Distinct bytes of the elements; `None` if they overlap irregularly, or if its layout
    /// is not known.
    pub unique_bytes: Option<u64>,
    /// Bytes that buffer and handle take beside the elements; 0 for views.
    pub record_bytes: u64,
    /// The line that made it.
    pub place: Option<Place>,
    /// Whether it uses a buffer that another array was made with.
    pub is_view: bool,
    /// Whether it was dropped before the instant; then views of it are alive.
    pub is_gone: bool,
    /// Whether its block was reallocated after it was told of, as by pushes: how many
    /// elements it has is not known until it is tracked again.
    pub is_reallocated: bool,
    /// How many views of the buffer are just like this: unnamed, with as many elements in
    /// the same order, made by the same line. The oldest stands for all.
    pub count: u64,
}

impl Arrays {
    /// Buffers that are not mapped files.
    fn on_heap(&self) -> impl Iterator<Item = &ArrayBuffer> {
        self.buffers.iter().filter(|buffer| !buffer.is_mapped())
    }

    /// Buffers, but for mapped files.
    #[must_use]
    pub fn buffer_count(&self) -> u64 {
        self.on_heap().map(|buffer| buffer.count).sum()
    }

    /// Bytes that they hold on the heap.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        let held = |buffer: &ArrayBuffer| buffer.holds.heap_bytes().saturating_mul(buffer.count);
        sum(self.on_heap().map(held))
    }

    /// Buffers of which it is not known how many bytes they hold: none of it is in the sum.
    #[must_use]
    pub fn unknown_buffer_count(&self) -> u64 {
        let unknown = self.buffers.iter().filter(|buffer| buffer.is_unknown());
        unknown.map(|buffer| buffer.count).sum()
    }

    /// Arrays that are alive, but for those of mapped files.
    #[must_use]
    pub fn array_count(&self) -> u64 {
        self.on_heap().map(ArrayBuffer::array_count).sum()
    }

    /// Those of them whose `nbytes` is not known.
    #[must_use]
    pub fn unknown_count(&self) -> u64 {
        let unknown = |buffer: &ArrayBuffer| {
            let unknown = buffer.alive().filter(|array| array.layout.is_none());
            unknown.map(|array| array.count).sum::<u64>() * buffer.count
        };
        self.on_heap().map(unknown).sum()
    }

    /// The sum of their `nbytes` where it is known, which is not what they take.
    #[must_use]
    pub fn nbytes(&self) -> u64 {
        sum(self.on_heap().map(ArrayBuffer::nbytes))
    }

    /// Mapped files and what arrays of them say they have.
    #[must_use]
    pub fn mapped(&self) -> MappedFiles {
        let mapped = || self.buffers.iter().filter(|buffer| buffer.is_mapped());
        let bytes = |buffer: &ArrayBuffer| match buffer.holds {
            Holds::Mapped(bytes) => bytes.saturating_mul(buffer.count),
            Holds::Block(_) | Holds::Unknown => 0,
        };
        MappedFiles {
            buffers: mapped().map(|buffer| buffer.count).sum(),
            bytes: sum(mapped().map(bytes)),
            arrays: mapped().map(ArrayBuffer::array_count).sum(),
            nbytes: sum(mapped().map(ArrayBuffer::nbytes)),
        }
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
    /// The arrays that are alive.
    pub fn alive(&self) -> impl Iterator<Item = &ArrayFacts> {
        self.arrays.iter().filter(|array| !array.is_gone)
    }

    /// What it was made for, if that is gone and views alone keep it.
    #[must_use]
    pub fn gone(&self) -> Option<&ArrayFacts> {
        self.arrays.first().filter(|array| array.is_gone)
    }

    /// The arrays that keep it, but for plain ones beside handles: they are borrowed.
    pub fn keepers(&self) -> impl Iterator<Item = &ArrayFacts> {
        let has_handles = self.alive().any(|array| array.id.is_some());
        let keeps = move |array: &&ArrayFacts| array.id.is_some() || !has_handles;
        self.alive().filter(keeps)
    }

    /// How many arrays keep it.
    #[must_use]
    pub fn holders(&self) -> u64 {
        self.keepers().map(|array| array.count).sum()
    }

    /// Whether only plain arrays are known of it. They may be borrowed from one that is not,
    /// and keep nothing: whose their elements are is not told.
    #[must_use]
    pub fn may_be_borrowed(&self) -> bool {
        self.alive().all(|array| array.id.is_none())
    }

    /// Whether it is a mapped file.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        matches!(self.holds, Holds::Mapped(_))
    }

    /// Whether its bytes are not known: it was allocated before recording began, or not by this
    /// allocator. One that was made without elements has none.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        let is_empty = |array: &ArrayFacts| !array.is_view && array.known_nbytes() == Some(0);
        self.holds == Holds::Unknown && !self.arrays.first().is_some_and(is_empty)
    }

    /// Arrays of it and of those alike.
    fn array_count(&self) -> u64 {
        let counts = self.alive().map(|array| array.count);
        counts.sum::<u64>() * self.count
    }

    /// Their `nbytes`, where known.
    fn nbytes(&self) -> u64 {
        let nbytes = |array: &ArrayFacts| array.nbytes.saturating_mul(array.count);
        sum(self.alive().map(nbytes)).saturating_mul(self.count)
    }

    /// The dtype of the array it was made for.
    #[must_use]
    pub fn dtype(&self) -> Option<&str> {
        self.arrays.first()?.dtype.as_deref()
    }
}

impl ArrayFacts {
    /// Elements times bytes of one, if its layout is known.
    #[must_use]
    pub fn known_nbytes(&self) -> Option<u64> {
        self.layout.is_some().then_some(self.nbytes)
    }

    /// The order in which its elements follow each other without gaps: `C`, `F`, `C F` for
    /// both, `-` for none.
    #[must_use]
    pub fn order(&self) -> Option<&'static str> {
        self.layout.as_ref().map(order::order)
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
