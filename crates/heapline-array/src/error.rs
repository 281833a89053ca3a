//! What an operation on arrays can refuse.

use std::fmt;

use crate::placement::Misplaced;
use crate::{CastError, DType, INFER, Overflow, ResizeError, units};

/// An array that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// The bytes have no number: see [`Overflow`].
    TooBig(Overflow),
    /// The memory was refused: see [`MemoryError`].
    Memory(MemoryError),
}

/// There is no memory for such an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryError {
    shape: Vec<usize>,
    dtype: DType,
    nbytes: usize,
}

impl MemoryError {
    pub(crate) fn new(shape: &[usize], dtype: DType, nbytes: usize) -> Self {
        MemoryError {
            shape: shape.to_vec(),
            dtype,
            nbytes,
        }
    }

    /// The same of an array whose axes are in another order than in memory.
    pub(crate) fn of_shape(self, shape: &[usize]) -> Self {
        MemoryError::new(shape, self.dtype, self.nbytes)
    }

    /// The shape that was asked for.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The dtype that was asked for.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The bytes that were refused.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        self.nbytes
    }
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Unable to allocate {} for an array with shape {} and data type {}",
            units::binary(self.nbytes as u64),
            tuple(&self.shape),
            self.dtype
        )
    }
}

impl std::error::Error for MemoryError {}

impl CreateError {
    /// The same of an array whose axes are in another order than in memory.
    pub(crate) fn of_shape(self, shape: &[usize]) -> Self {
        match self {
            CreateError::TooBig(_) => self,
            CreateError::Memory(error) => CreateError::Memory(error.of_shape(shape)),
        }
    }
}

impl From<Overflow> for CreateError {
    fn from(error: Overflow) -> Self {
        CreateError::TooBig(error)
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CreateError::TooBig(error) => error.fmt(f),
            CreateError::Memory(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CreateError {}

/// An operation that NumPy refuses, too, or that Rust must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayError {
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Create(CreateError),
    Cast(CastError),
    Resize(ResizeError),
    Axis {
        axis: isize,
        ndim: usize,
    },
    RepeatedAxis {
        axis: usize,
    },
    AxisCount {
        given: usize,
        needed: usize,
    },
    Index {
        index: isize,
        axis: usize,
        length: usize,
    },
    TooManyIndices {
        ndim: usize,
    },
    SliceAxes {
        given: usize,
        ndim: usize,
    },
    SliceBound {
        bound: isize,
        axis: usize,
        length: usize,
    },
    TwoEllipses,
    StepOfZero,
    Reshape {
        from: Vec<usize>,
        to: Vec<usize>,
    },
    WouldCopy,
    OrderOfElements,
    Broadcast {
        from: Vec<usize>,
        to: Vec<usize>,
    },
    Squeeze {
        axis: usize,
        length: usize,
    },
    Split {
        length: usize,
        sections: usize,
    },
    Parts {
        sections: usize,
    },
    Window {
        window: usize,
        length: usize,
    },
    Misaligned {
        dtype: DType,
    },
    NotBool,
    ItemSize {
        dtype: DType,
        itemsize: usize,
    },
    Shapes {
        first: Vec<usize>,
        other: Vec<usize>,
    },
    NoArrays,
    TooFewDimensions {
        ndim: usize,
        needed: usize,
    },
    Mask {
        shape: Vec<usize>,
        mask: Vec<usize>,
    },
    Repeats {
        given: usize,
        length: usize,
    },
}

impl From<Kind> for ArrayError {
    fn from(kind: Kind) -> Self {
        ArrayError { kind }
    }
}

impl From<CreateError> for ArrayError {
    fn from(error: CreateError) -> Self {
        Kind::Create(error).into()
    }
}

impl From<Overflow> for ArrayError {
    fn from(error: Overflow) -> Self {
        CreateError::from(error).into()
    }
}

impl From<CastError> for ArrayError {
    fn from(error: CastError) -> Self {
        match error {
            CastError::Create(error) => error.into(),
            other => Kind::Cast(other).into(),
        }
    }
}

impl From<ResizeError> for ArrayError {
    fn from(error: ResizeError) -> Self {
        match error {
            ResizeError::Create(error) => error.into(),
            other => Kind::Resize(other).into(),
        }
    }
}

impl ArrayError {
    /// The failed allocation, if that was the reason.
    #[must_use]
    pub fn create_error(&self) -> Option<&CreateError> {
        match &self.kind {
            Kind::Create(error) => Some(error),
            _ => None,
        }
    }

    pub(crate) fn misplaced(why: Misplaced, dtype: DType, nbytes: usize) -> Self {
        match why {
            Misplaced::Misaligned => Kind::Misaligned { dtype }.into(),
            Misplaced::NotBool => Kind::NotBool.into(),
            Misplaced::Outside => Kind::ItemSize {
                dtype,
                itemsize: nbytes,
            }
            .into(),
        }
    }
}

/// Panics in these words, where there is no `Result`.
#[cold]
#[track_caller]
pub(crate) fn refuse(why: Kind) -> ! {
    panic!("{}", ArrayError::from(why))
}

/// A shape as Python writes it: `(3,)`, `(2, -1)`.
fn tuple(shape: &[usize]) -> String {
    let lengths = shape.iter().map(|length| match *length {
        INFER => "-1".to_owned(),
        known => known.to_string(),
    });
    let lengths = lengths.collect::<Vec<_>>().join(", ");
    match shape {
        [_] => format!("({lengths},)"),
        _ => format!("({lengths})"),
    }
}

fn dimensions(ndim: usize) -> String {
    match ndim {
        1 => "1 dimension".to_owned(),
        _ => format!("{ndim} dimensions"),
    }
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Create(error) => error.fmt(f),
            Kind::Cast(error) => error.fmt(f),
            Kind::Resize(error) => error.fmt(f),
            Kind::Axis { axis, ndim } => {
                write!(
                    f,
                    "axis {axis} is out of bounds for an array of {}",
                    dimensions(*ndim)
                )
            }
            Kind::RepeatedAxis { axis } => write!(f, "axis {axis} is given twice"),
            Kind::AxisCount { given, needed } => {
                write!(f, "{given} axes are given, where {needed} are needed")
            }
            Kind::Index {
                index,
                axis,
                length,
            } => write!(
                f,
                "index {index} is out of bounds for axis {axis} with length {length}"
            ),
            Kind::TooManyIndices { ndim } => {
                write!(f, "too many indices for an array of {}", dimensions(*ndim))
            }
            Kind::SliceAxes { given, ndim } => {
                write!(
                    f,
                    "a slice of {given} axes for an array of {}",
                    dimensions(*ndim)
                )
            }
            Kind::SliceBound {
                bound,
                axis,
                length,
            } => write!(
                f,
                "a slice's bound {bound} is out of bounds for axis {axis} with length {length}"
            ),
            Kind::TwoEllipses => f.write_str("an index can have one ellipsis only"),
            Kind::StepOfZero => f.write_str("slice step cannot be zero"),
            Kind::Reshape { from, to } => write!(
                f,
                "cannot reshape an array of shape {} into shape {}",
                tuple(from),
                tuple(to)
            ),
            Kind::WouldCopy => f.write_str("the new shape needs a copy, which is not allowed"),
            Kind::OrderOfElements => f.write_str("elements cannot be reshaped in order K"),
            Kind::Broadcast { from, to } => write!(
                f,
                "an array of shape {} cannot be broadcast to shape {}",
                tuple(from),
                tuple(to)
            ),
            Kind::Squeeze { axis, length } => write!(
                f,
                "cannot squeeze axis {axis}: its length is {length}, not 1"
            ),
            Kind::Split { length, sections } => {
                write!(
                    f,
                    "an axis of length {length} has no {sections} equal parts"
                )
            }
            Kind::Parts { sections } => {
                write!(f, "there is no memory for a list of {sections} views")
            }
            Kind::Window { window, length } => {
                write!(
                    f,
                    "a window of {window} does not fit an axis of length {length}"
                )
            }
            Kind::Misaligned { dtype } => {
                write!(
                    f,
                    "the bytes are not aligned as elements of {dtype} must be"
                )
            }
            Kind::NotBool => f.write_str("a byte of the buffer is neither 0 nor 1, and so no bool"),
            Kind::ItemSize { dtype, itemsize } => write!(
                f,
                "elements of {itemsize} bytes, as they lie, cannot be seen as {dtype}"
            ),
            Kind::Shapes { first, other } => write!(
                f,
                "arrays of shapes {} and {} do not fit together",
                tuple(first),
                tuple(other)
            ),
            Kind::NoArrays => f.write_str("need at least one array"),
            Kind::TooFewDimensions { ndim, needed } => {
                write!(
                    f,
                    "an array of {}, where {needed} are needed",
                    dimensions(*ndim)
                )
            }
            Kind::Mask { shape, mask } => write!(
                f,
                "a mask of shape {} for an array of shape {}",
                tuple(mask),
                tuple(shape)
            ),
            Kind::Repeats { given, length } => {
                write!(f, "{given} numbers of repeats for {length} elements")
            }
        }
    }
}

impl std::error::Error for ArrayError {}
