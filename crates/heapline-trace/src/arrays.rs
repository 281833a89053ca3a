//! Notes on arrays: which elements lie in a block, which handles keep it alive, and what
//! was copied. Words, places and layouts are texts, told once in a stream.

use crate::varint::{Input, Output, unzigzag, zigzag};

/// Most bytes of a text; the recorder cuts longer ones.
pub const MAX_TEXT_BYTES: usize = 2048;

/// Most axes of a layout: NumPy's limit.
pub const MAX_AXES: usize = 64;

/// A text of a stream, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextId(pub u32);

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextKind {
    /// What made an array: `zeros`, `slice`.
    Operation,
    /// What the program calls an array.
    Name,
    /// See [`Place`].
    Place,
    /// See [`ArrayLayout`].
    Layout,
}

impl TextKind {
    const ALL: [TextKind; 4] = [
        TextKind::Operation,
        TextKind::Name,
        TextKind::Place,
        TextKind::Layout,
    ];

    pub(crate) fn from_code(code: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }
}

/// Something that happened to an array. Arrays are known by numbers that are given once
/// in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayNote {
    /// There is a handle onto elements.
    Handle(ArrayHandle),
    /// An array that has no handles of its own got a name. It is there as long as its block.
    Tracked {
        /// Address of its lowest byte; 0 without elements.
        address: u64,
        /// Where its elements lie.
        layout: TextId,
        /// Distinct bytes of its elements, if they were counted.
        unique_bytes: Option<u64>,
        /// Its name.
        name: TextId,
        /// Where it got it.
        place: TextId,
    },
    /// A handle is gone.
    Dropped {
        /// Its number.
        id: u64,
    },
    /// An operation had to copy.
    Copied {
        /// The handle that was copied from.
        from: u64,
        /// The first handle of the copy.
        to: u64,
        /// Bytes of the elements copied.
        bytes: u64,
        /// Whether they have another dtype with fewer bytes, and nothing was lost.
        fits_narrower: bool,
        /// What copied.
        operation: TextId,
        /// Where.
        place: TextId,
    },
    /// So many more views were made, too many of them to be noted one by one.
    Counted {
        /// How many.
        views: u64,
        /// Where.
        place: TextId,
    },
    /// A handle has a name.
    Renamed {
        /// Its number.
        id: u64,
        /// The name.
        name: TextId,
    },
}

/// A handle onto elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayHandle {
    /// Its number.
    pub id: u64,
    /// The number of its buffer's first handle, which may be itself.
    pub base: u64,
    /// Address of its lowest byte; 0 without elements.
    pub address: u64,
    /// Where its elements lie.
    pub layout: TextId,
    /// Distinct bytes of its elements, if they were counted.
    pub unique_bytes: Option<u64>,
    /// Bytes of the mapped file it keeps, if it is one and not on the heap.
    pub mapped_bytes: Option<u64>,
    /// Bytes that buffer and handle take beside the elements; 0 for views.
    pub record_bytes: u64,
    /// What made it.
    pub operation: TextId,
    /// Where.
    pub place: TextId,
}

const HANDLE: u64 = 0;
const TRACKED: u64 = 1;
const DROPPED: u64 = 2;
const COPIED: u64 = 3;
const RENAMED: u64 = 4;
const COUNTED: u64 = 5;

/// Numbers of a note at most, its kind included.
pub(crate) const MAX_NUMBERS: usize = 10;

impl ArrayNote {
    /// The note as numbers, and how many of them.
    pub(crate) fn numbers(&self) -> ([u64; MAX_NUMBERS], usize) {
        let mut numbers = [0; MAX_NUMBERS];
        let mut length = 0;
        let mut put = |values: &[u64]| {
            length = values.len();
            for (slot, value) in numbers.iter_mut().zip(values) {
                *slot = *value;
            }
        };
        match *self {
            ArrayNote::Handle(handle) => put(&[
                HANDLE,
                handle.id,
                handle.base,
                handle.address,
                u64::from(handle.layout.0),
                or_zero(handle.unique_bytes),
                or_zero(handle.mapped_bytes),
                handle.record_bytes,
                u64::from(handle.operation.0),
                u64::from(handle.place.0),
            ]),
            ArrayNote::Tracked {
                address,
                layout,
                unique_bytes,
                name,
                place,
            } => put(&[
                TRACKED,
                address,
                u64::from(layout.0),
                or_zero(unique_bytes),
                u64::from(name.0),
                u64::from(place.0),
            ]),
            ArrayNote::Dropped { id } => put(&[DROPPED, id]),
            ArrayNote::Copied {
                from,
                to,
                bytes,
                fits_narrower,
                operation,
                place,
            } => put(&[
                COPIED,
                from,
                to,
                bytes,
                u64::from(fits_narrower),
                u64::from(operation.0),
                u64::from(place.0),
            ]),
            ArrayNote::Renamed { id, name } => put(&[RENAMED, id, u64::from(name.0)]),
            ArrayNote::Counted { views, place } => put(&[COUNTED, views, u64::from(place.0)]),
        }
        (numbers, length)
    }

    /// The same note with other numbers of its texts.
    #[must_use]
    pub fn with_texts(mut self, mut number: impl FnMut(TextId) -> TextId) -> Self {
        let texts: [&mut TextId; 3] = match &mut self {
            ArrayNote::Handle(handle) => {
                [&mut handle.layout, &mut handle.operation, &mut handle.place]
            }
            ArrayNote::Tracked {
                layout,
                name,
                place,
                ..
            } => [layout, name, place],
            ArrayNote::Copied {
                operation, place, ..
            } => {
                *operation = number(*operation);
                *place = number(*place);
                return self;
            }
            ArrayNote::Renamed { name: text, .. } | ArrayNote::Counted { place: text, .. } => {
                *text = number(*text);
                return self;
            }
            ArrayNote::Dropped { .. } => return self,
        };
        for text in texts {
            *text = number(*text);
        }
        self
    }

    /// The note of such numbers, each asked for in turn; `None` if there is no such note.
    pub(crate) fn from_numbers(mut next: impl FnMut(usize) -> Option<u64>) -> Option<Self> {
        let kind = next(0)?;
        let mut place = 0;
        let mut next = || {
            place += 1;
            next(place)
        };
        let text = |number: u64| Some(TextId(u32::try_from(number).ok()?));
        Some(match kind {
            HANDLE => ArrayNote::Handle(ArrayHandle {
                id: next()?,
                base: next()?,
                address: next()?,
                layout: text(next()?)?,
                unique_bytes: next()?.checked_sub(1),
                mapped_bytes: next()?.checked_sub(1),
                record_bytes: next()?,
                operation: text(next()?)?,
                place: text(next()?)?,
            }),
            TRACKED => ArrayNote::Tracked {
                address: next()?,
                layout: text(next()?)?,
                unique_bytes: next()?.checked_sub(1),
                name: text(next()?)?,
                place: text(next()?)?,
            },
            DROPPED => ArrayNote::Dropped { id: next()? },
            COPIED => ArrayNote::Copied {
                from: next()?,
                to: next()?,
                bytes: next()?,
                fits_narrower: next()? != 0,
                operation: text(next()?)?,
                place: text(next()?)?,
            },
            COUNTED => ArrayNote::Counted {
                views: next()?,
                place: text(next()?)?,
            },
            RENAMED => ArrayNote::Renamed {
                id: next()?,
                name: text(next()?)?,
            },
            _ => return None,
        })
    }
}

/// A number that may be missing, as one more than it is.
fn or_zero(number: Option<u64>) -> u64 {
    number.map_or(0, |number| number.saturating_add(1))
}

/// Where the elements of an array lie, seen from its first one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArrayLayout {
    /// Name of their type, as NumPy has it.
    pub dtype: String,
    /// Bytes of one.
    pub itemsize: u64,
    /// How many along each axis.
    pub shape: Vec<u64>,
    /// Bytes from one to the next along each axis.
    pub byte_strides: Vec<i64>,
}

impl ArrayLayout {
    /// Writes the text of a layout and returns its bytes; `None` if they do not fit. Strides
    /// are in elements. Never allocates.
    pub fn write(
        out: &mut [u8],
        dtype: &str,
        itemsize: usize,
        shape: &[usize],
        strides: &[isize],
    ) -> Option<usize> {
        let mut output = Output::new(out);
        output.slice(dtype.as_bytes());
        output.varint(itemsize as u64);
        output.varint(shape.len() as u64);
        for (length, stride) in shape.iter().zip(strides) {
            output.varint(*length as u64);
            output.varint(zigzag((*stride as i64).wrapping_mul(itemsize as i64)));
        }
        output.finish()
    }

    /// Reads such a text; `None` if it is none.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut input = Input::new(text, 0);
        let dtype = String::from_utf8_lossy(input.slice()?).into_owned();
        let itemsize = input.varint()?;
        let axes = usize::try_from(input.varint()?).ok()?;
        let (mut shape, mut byte_strides) = (Vec::new(), Vec::new());
        for _ in 0..Some(axes).filter(|&axes| axes <= MAX_AXES)? {
            shape.push(input.varint()?);
            byte_strides.push(unzigzag(input.varint()?));
        }
        Some(ArrayLayout {
            dtype,
            itemsize,
            shape,
            byte_strides,
        })
    }

    /// Elements times bytes of one: NumPy's `nbytes`.
    #[must_use]
    pub fn nbytes(&self) -> u64 {
        let lengths = self.shape.iter().copied();
        if self.shape.contains(&0) {
            return 0;
        }
        lengths.fold(self.itemsize, u64::saturating_mul)
    }
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the compiler names it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl Place {
    /// Writes the text of a place and returns its bytes; `None` if they do not fit. Never
    /// allocates.
    pub fn write(out: &mut [u8], file: &str, line: u32) -> Option<usize> {
        let mut output = Output::new(out);
        output.varint(u64::from(line));
        output.slice(file.as_bytes());
        output.finish()
    }

    /// Reads such a text; `None` if it is none.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut input = Input::new(text, 0);
        Some(Place {
            line: input.varint_u32()?,
            file: String::from_utf8_lossy(input.slice()?).into_owned(),
        })
    }

    /// The text of the place without the folders of a file that is named from the root.
    pub(crate) fn without_folders(text: &[u8]) -> Vec<u8> {
        let Some(place) = Place::read(text) else {
            return Vec::new();
        };
        let file = match place.file.starts_with('/') {
            true => place.file.rsplit('/').next().unwrap_or_default(),
            false => &place.file,
        };
        let mut out = vec![0; text.len()];
        let length = Place::write(&mut out, file, place.line).unwrap_or(0);
        out.truncate(length);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_and_places_survive_the_round_trip_and_any_cut() {
        let mut out = [0; 64];
        let length = ArrayLayout::write(&mut out, "float64", 8, &[1000, 3], &[-3, 1]);
        let text = &out[..length.expect("fits")];
        let layout = ArrayLayout::read(text).expect("a layout");
        assert_eq!((layout.dtype.as_str(), layout.itemsize), ("float64", 8));
        assert_eq!(layout.shape, [1000, 3]);
        assert_eq!(layout.byte_strides, [-24, 8]);
        assert_eq!(layout.nbytes(), 24_000);
        for length in 0..text.len() {
            assert_eq!(ArrayLayout::read(&text[..length]), None);
        }
        let mut out = [0; 64];
        let length = Place::write(&mut out, "/home/me/src/main.rs", 300).expect("fits");
        let place = Place::read(&out[..length]).expect("a place");
        assert_eq!(
            (place.file.as_str(), place.line),
            ("/home/me/src/main.rs", 300)
        );
        let short = Place::read(&Place::without_folders(&out[..length])).expect("a place");
        assert_eq!((short.file.as_str(), short.line), ("main.rs", 300));
        assert_eq!(Place::write(&mut out[..5], "src/main.rs", 1), None);
    }

    #[test]
    fn too_many_bytes_are_the_most_there_are() {
        let layout = ArrayLayout {
            dtype: "uint8".to_owned(),
            itemsize: 1,
            shape: vec![1 << 40, 1 << 40],
            byte_strides: vec![0, 0],
        };
        assert_eq!(layout.nbytes(), u64::MAX);
        let empty = ArrayLayout {
            shape: vec![1 << 40, 0, 1 << 40],
            ..layout
        };
        assert_eq!(empty.nbytes(), 0);
    }
}
