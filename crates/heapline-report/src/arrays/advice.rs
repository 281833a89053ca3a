//! What is worth a thought: small views of large buffers, copies that need not be.

use heapline_trace::Place;

use super::sites::CopySite;
use super::{ArrayBuffer, ArrayFacts, Holds};

/// A view is small if it uses less than a tenth of what it keeps, and that is more than this.
const LARGE_BYTES: u64 = 1 << 20;
const SMALL_SHARE: u64 = 10;

/// Buffers up to this many bytes are tiny; so many of them are many.
const TINY_BYTES: u64 = 64;
const MANY: u64 = 1_000;

/// Spare capacity from here on, and from a tenth of the buffer.
const SLACK_BYTES: u64 = 64 << 10;

/// Copies of so many bytes are worth a word.
const COPIED_BYTES: u64 = 64 << 10;

/// Operations that copy only to have the elements in a row. Others need them written out.
const MERE_COPIES: [&str; 3] = ["copy", "ascontiguousarray", "asfortranarray"];

/// What an array is called in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayLabel {
    /// Its name, or what made it.
    pub name: String,
    /// The line that made it.
    pub place: Option<Place>,
}

impl ArrayFacts {
    /// What to call it.
    #[must_use]
    pub fn label(&self) -> ArrayLabel {
        let unnamed = || match self.id {
            Some(id) => format!("{} #{id}", self.operation),
            None => self.operation.clone(),
        };
        ArrayLabel {
            name: self.name.clone().unwrap_or_else(unnamed),
            place: self.place.clone(),
        }
    }
}

/// What keeps a large buffer alive and uses little of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallViews {
    /// What keeps it: one array, or the first of several.
    pub array: ArrayLabel,
    /// How many arrays keep it.
    pub holders: u64,
    /// Distinct bytes that they use, at most.
    pub used_bytes: u64,
    /// Bytes that they keep.
    pub held_bytes: u64,
    /// What the buffer was made for, if that is gone.
    pub base: Option<ArrayLabel>,
    /// Whether views that were only counted may keep it, too.
    pub is_at_least: bool,
    /// Whether they may be borrowed, and keep nothing.
    pub may_be_borrowed: bool,
    /// How many buffers are just like this.
    pub buffers: u64,
}

/// Something to think about.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice {
    /// All that keeps a large buffer alive uses little of it.
    SmallViews(SmallViews),
    /// Writes copied because the buffer was shared.
    CopyOnWrite(CopySite),
    /// Repeated elements were copied, each as often as it was repeated.
    RepeatedCopied(CopySite),
    /// Each value fitted a dtype of fewer bytes.
    FitsNarrower(CopySite),
    /// A buffer has capacity that no element uses.
    Slack {
        /// What it was made for.
        array: ArrayLabel,
        /// Bytes of the elements.
        nbytes: u64,
        /// Bytes of the block.
        held_bytes: u64,
        /// Whether it may be a borrowed part of what the block is for.
        may_be_borrowed: bool,
        /// How many buffers are just like this.
        buffers: u64,
    },
    /// Many buffers of few bytes.
    Tiny {
        /// How many buffers.
        buffers: u64,
        /// Bytes of their blocks together.
        bytes: u64,
        /// Bytes that buffers and handles take beside the elements.
        record_bytes: u64,
        /// The line that made most of them.
        place: Option<Place>,
    },
}

impl Advice {
    /// How often it is to be said.
    #[must_use]
    pub fn times(&self) -> u64 {
        match self {
            Advice::SmallViews(views) => views.buffers,
            Advice::Slack { buffers, .. } => *buffers,
            _ => 1,
        }
    }
}

/// What to say of buffers and copies, where views may have been only counted.
pub(super) fn advice(
    buffers: &[ArrayBuffer],
    copies: &[CopySite],
    is_at_least: bool,
) -> Vec<Advice> {
    let views = buffers.iter();
    let views = views.filter_map(|buffer| small_views(buffer, is_at_least));
    let views = views.map(Advice::SmallViews);
    let slack = buffers.iter().filter(|buffer| !uses_little(buffer));
    let slack = slack.filter_map(slack_of);
    let copies = copies.iter().filter(|site| site.bytes >= COPIED_BYTES);
    let copies = copies.flat_map(|site| {
        let on_write = site
            .is_copy_on_write
            .then(|| Advice::CopyOnWrite(site.clone()));
        let could_be_view = MERE_COPIES.contains(&site.operation.as_str());
        let repeated = (could_be_view && site.repeated_bytes >= COPIED_BYTES)
            .then(|| Advice::RepeatedCopied(site.clone()));
        let narrower = (site.fit_narrower > 0 && site.fit_narrower == site.copies)
            .then(|| Advice::FitsNarrower(site.clone()));
        [on_write, repeated, narrower].into_iter().flatten()
    });
    views
        .chain(slack)
        .chain(tiny(buffers))
        .chain(copies)
        .collect()
}

/// Whether all that keeps a large buffer uses little of it.
fn uses_little(buffer: &ArrayBuffer) -> bool {
    let held_bytes = buffer.holds.heap_bytes();
    let is_little = |used_bytes| used_bytes < held_bytes / SMALL_SHARE;
    held_bytes > LARGE_BYTES && buffer.used_bytes.is_some_and(is_little)
}

fn small_views(buffer: &ArrayBuffer, is_at_least: bool) -> Option<SmallViews> {
    if !uses_little(buffer) {
        return None;
    }
    Some(SmallViews {
        array: buffer.keepers().next()?.label(),
        holders: buffer.holders(),
        used_bytes: buffer.used_bytes?,
        held_bytes: buffer.holds.heap_bytes(),
        base: buffer.gone().map(ArrayFacts::label),
        is_at_least,
        may_be_borrowed: buffer.may_be_borrowed(),
        buffers: buffer.count,
    })
}

/// Capacity behind the elements of the array that a buffer was made for.
fn slack_of(buffer: &ArrayBuffer) -> Option<Advice> {
    let Holds::Block(held_bytes) = buffer.holds else {
        return None;
    };
    let array = buffer.arrays.first()?;
    // Of one that starts later, other elements may come before, and behind it, too.
    let is_whole = !array.is_view && array.block_offset == Some(0);
    let nbytes = array.known_nbytes().filter(|_| is_whole)?;
    let slack = held_bytes.checked_sub(nbytes)?;
    (slack >= SLACK_BYTES && slack >= held_bytes / 10).then(|| Advice::Slack {
        array: array.label(),
        nbytes,
        held_bytes,
        may_be_borrowed: buffer.may_be_borrowed(),
        buffers: buffer.count,
    })
}

fn tiny(buffers: &[ArrayBuffer]) -> Option<Advice> {
    let is_tiny =
        |buffer: &&ArrayBuffer| matches!(buffer.holds, Holds::Block(bytes) if bytes <= TINY_BYTES);
    let tiny: Vec<&ArrayBuffer> = buffers.iter().filter(is_tiny).collect();
    let count: u64 = tiny.iter().map(|buffer| buffer.count).sum();
    let most = tiny.iter().max_by_key(|buffer| buffer.count)?;
    let bytes = tiny
        .iter()
        .map(|buffer| buffer.holds.heap_bytes() * buffer.count);
    let records = tiny.iter().map(|buffer| {
        let records = buffer
            .alive()
            .map(|array| array.record_bytes.saturating_mul(array.count));
        super::sum(records).saturating_mul(buffer.count)
    });
    (count >= MANY).then(|| Advice::Tiny {
        buffers: count,
        bytes: bytes.sum(),
        record_bytes: super::sum(records),
        place: most.arrays.first().and_then(|array| array.place.clone()),
    })
}
