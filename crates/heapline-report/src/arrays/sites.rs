//! What each line did with arrays, summed up while the trace is replayed.

use heapline_trace::{Place, TextId};
use rustc_hash::FxHashMap;

use super::facts::Array;
use super::lines::{LineNote, LineNoteKind};
use crate::texts::Texts;

/// The operation that copies because the buffer is shared.
const COPY_ON_WRITE: &str = "make_mut";

/// A line that copied elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySite {
    /// The line.
    pub place: Option<Place>,
    /// Why: `reshape`, `astype`, `make_mut`.
    pub operation: String,
    /// Whether it was a write that had to copy because the buffer was shared.
    pub is_copy_on_write: bool,
    /// How many copies.
    pub copies: u64,
    /// Bytes of the elements they have.
    pub bytes: u64,
    /// Copies of arrays whose elements repeat, as broadcast ones do.
    pub of_repeated: u64,
    /// Bytes that the copies of those have more than their distinct elements had.
    pub repeated_bytes: u64,
    /// Copies to a dtype of fewer bytes that kept every value.
    pub fit_narrower: u64,
    /// The dtypes of the last of those, from and to.
    pub narrower: Option<(String, String)>,
}

/// A name, as long as it is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    One(Option<TextId>),
    Several,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    count: u64,
    bytes: u64,
    mapped_bytes: u64,
    held_bytes: Option<u64>,
    of: Names,
    /// There were more, not all of them counted.
    is_at_least: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Copies {
    copies: u64,
    bytes: u64,
    of_repeated: u64,
    repeated_bytes: u64,
    fit_narrower: u64,
    narrower: Option<(TextId, TextId)>,
}

/// What happened, where, by which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    place: TextId,
    kind: LineNoteKind,
    operation: Option<TextId>,
}

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Sites {
    lines: FxHashMap<Key, Line>,
    copies: FxHashMap<(TextId, TextId), Copies>,
    /// By function and index of the line.
    frees: FxHashMap<(u32, u32), Line>,
}

/// A copy, as it was told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    pub(super) bytes: u64,
    pub(super) fits_narrower: bool,
    pub(super) operation: TextId,
    pub(super) place: TextId,
}

/// What was copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) array: Option<&'a Array>,
    pub(super) nbytes: u64,
    /// Its own, or its buffer's.
    pub(super) name: Option<TextId>,
}

impl Sites {
    fn add(
        &mut self,
        key: Key,
        bytes: u64,
        held_bytes: Option<u64>,
        of: Option<TextId>,
    ) -> &mut Line {
        let line = self.lines.entry(key).or_insert(Line::of(of));
        line.add(bytes, held_bytes, of);
        line
    }

    pub(super) fn made(&mut self, array: &Array, nbytes: u64) {
        let (bytes, mapped) = match array.mapped_bytes {
            Some(mapped) => (0, mapped),
            None => (nbytes, 0),
        };
        let line = self.add(made_key(array), bytes, None, None);
        line.mapped_bytes = line.mapped_bytes.saturating_add(mapped);
    }

    pub(super) fn tracked(&mut self, array: &Array, nbytes: u64) {
        let key = Key {
            place: array.place,
            kind: LineNoteKind::Tracked,
            operation: None,
        };
        self.add(key, nbytes, None, array.name);
    }

    pub(super) fn viewed(&mut self, view: &Array, held_bytes: Option<u64>, of: Option<TextId>) {
        let key = Key {
            place: view.place,
            kind: LineNoteKind::View,
            operation: None,
        };
        self.add(key, 0, held_bytes, of);
    }

    /// A line made so many more views than were told of one by one.
    pub(super) fn counted(&mut self, views: u64, place: TextId) {
        let key = Key {
            place,
            kind: LineNoteKind::View,
            operation: None,
        };
        if let Some(line) = self.lines.get_mut(&key) {
            line.count = line.count.saturating_add(views);
            line.is_at_least = true;
        }
    }

    /// The array was made by a copy, which is told of in its place.
    pub(super) fn made_by_copy(&mut self, array: &Array, nbytes: u64) {
        if let Some(line) = self.lines.get_mut(&made_key(array)) {
            line.count = line.count.saturating_sub(1);
            line.bytes = line.bytes.saturating_sub(nbytes);
        }
    }

    /// Elements were copied.
    pub(super) fn copied(&mut self, copy: Copy, from: Source<'_>, to: Option<&Array>) {
        let key = Key {
            place: copy.place,
            kind: LineNoteKind::Copy,
            operation: Some(copy.operation),
        };
        self.add(key, copy.bytes, None, from.name);
        let site = self.copies.entry((copy.place, copy.operation)).or_default();
        site.copies += 1;
        site.bytes = site.bytes.saturating_add(copy.bytes);
        let unique = from.array.and_then(|from| from.unique_bytes);
        if let Some(unique) = unique.filter(|&unique| unique < from.nbytes) {
            site.of_repeated += 1;
            let repeated = copy.bytes.saturating_sub(unique);
            site.repeated_bytes = site.repeated_bytes.saturating_add(repeated);
        }
        if copy.fits_narrower {
            site.fit_narrower += 1;
            site.narrower = from
                .array
                .zip(to)
                .map(|(from, to)| (from.layout, to.layout));
        }
    }

    pub(super) fn freed(&mut self, line: (u32, u32), bytes: u64, of: Option<TextId>) {
        let line = self.frees.entry(line).or_insert(Line::of(of));
        line.add(bytes, None, of);
    }

    /// Notes of all lines, by file and line.
    pub(super) fn line_notes(
        &self,
        texts: &Texts,
        scopes: &[heapline_trace::ScopeTable],
    ) -> Vec<LineNote> {
        let told = self.lines.iter().filter(|(_, line)| line.count > 0);
        let told = told.filter_map(|(key, line)| {
            let place = texts.place(key.place)?;
            let operation = key.operation.map(|operation| texts.text(operation));
            Some(line.note(place, key.kind, operation, texts))
        });
        let freed = self.frees.iter().filter_map(|((function, index), line)| {
            let table = scopes.iter().find(|table| table.function == *function)?;
            let place = Place {
                file: table.file.clone(),
                line: *table.lines.get(*index as usize)?,
            };
            Some(line.note(place, LineNoteKind::Free, None, texts))
        });
        let mut notes: Vec<LineNote> = told.chain(freed).collect();
        notes.sort_by(|a, b| a.order().cmp(&b.order()));
        notes
    }

    /// Lines that copied, the most bytes first.
    pub(super) fn copy_sites(&self, texts: &Texts) -> Vec<CopySite> {
        let sites = self.copies.iter().map(|(&(place, operation), copies)| {
            let dtype = |layout| texts.layout(layout).map(|layout| layout.dtype);
            let operation = texts.text(operation);
            CopySite {
                place: texts.place(place),
                is_copy_on_write: operation == COPY_ON_WRITE,
                operation,
                copies: copies.copies,
                bytes: copies.bytes,
                of_repeated: copies.of_repeated,
                repeated_bytes: copies.repeated_bytes,
                fit_narrower: copies.fit_narrower,
                narrower: copies
                    .narrower
                    .and_then(|(from, to)| dtype(from).zip(dtype(to))),
            }
        });
        let mut sites: Vec<CopySite> = sites.collect();
        sites.sort_by(|a, b| {
            let by_name = |site: &CopySite| (site.place.clone(), site.operation.clone());
            b.bytes
                .cmp(&a.bytes)
                .then_with(|| by_name(a).cmp(&by_name(b)))
        });
        sites
    }
}

fn made_key(array: &Array) -> Key {
    Key {
        place: array.place,
        kind: LineNoteKind::Made,
        operation: array.operation,
    }
}

impl Line {
    fn of(name: Option<TextId>) -> Self {
        Line {
            count: 0,
            bytes: 0,
            mapped_bytes: 0,
            held_bytes: None,
            of: Names::One(name),
            is_at_least: false,
        }
    }

    fn add(&mut self, bytes: u64, held_bytes: Option<u64>, of: Option<TextId>) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.held_bytes = self.held_bytes.max(held_bytes);
        if self.of != Names::One(of) {
            self.of = Names::Several;
        }
    }

    fn note(
        &self,
        place: Place,
        kind: LineNoteKind,
        operation: Option<String>,
        texts: &Texts,
    ) -> LineNote {
        let of = match self.of {
            Names::One(name) => name.map(|name| texts.text(name)),
            Names::Several => None,
        };
        LineNote {
            place,
            kind,
            operation,
            count: self.count,
            is_at_least: self.is_at_least,
            bytes: self.bytes,
            mapped_bytes: self.mapped_bytes,
            held_bytes: self.held_bytes,
            of,
        }
    }
}
