//! New arrays.

#[cfg(feature = "mmap")]
use std::sync::Arc;

use ndarray::{Array, Dimension, Ix1, Shape, ShapeBuilder};

use super::NdArray;
use crate::dtype::Value;
use crate::error::{CreateError, MemoryError};
use crate::storage::try_zeroed;
use crate::{Element, nbytes_for};
#[cfg(feature = "mmap")]
use crate::{
    identity::Origin,
    placement::{Misplaced, contiguous},
    storage::{Buffer, Storage},
};

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// An array of zeros, in C order unless the shape says otherwise: `(2, 3).f()`. A
    /// new buffer.
    ///
    /// Large ones take no physical memory before they are written.
    ///
    /// # Panics
    /// If there is no memory for it: see [`try_zeros`](Self::try_zeros).
    #[track_caller]
    #[must_use]
    pub fn zeros(shape: impl ShapeBuilder<Dim = D>) -> Self {
        or_panic(Self::try_zeros(shape))
    }

    /// An array of zeros. A new buffer.
    ///
    /// # Errors
    /// If its bytes have no number, or there is no memory for them, in NumPy's words:
    ///
    /// ```
    /// use heapline_array::NdArray;
    ///
    /// let error = NdArray::<f64, _>::try_zeros(1 << 50).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "Unable to allocate 8.00 PiB for an array with shape (1125899906842624,) and data type float64"
    /// );
    /// ```
    #[track_caller]
    pub fn try_zeros(shape: impl ShapeBuilder<Dim = D>) -> Result<Self, CreateError> {
        let shape = shape.into_shape_with_order();
        let zeros = reserved(&shape, try_zeroed)?;
        Ok(Self::of_shape(shape, zeros, "zeros"))
    }

    /// An array of ones. A new buffer.
    ///
    /// # Panics
    /// If there is no memory for it: see [`try_ones`](Self::try_ones).
    #[track_caller]
    #[must_use]
    pub fn ones(shape: impl ShapeBuilder<Dim = D>) -> Self {
        or_panic(Self::try_ones(shape))
    }

    /// An array of ones. A new buffer.
    ///
    /// # Errors
    /// If its bytes have no number, or there is no memory for them.
    #[track_caller]
    pub fn try_ones(shape: impl ShapeBuilder<Dim = D>) -> Result<Self, CreateError> {
        Self::filled(shape, A::from_value(Value::UInt(1)), "ones")
    }

    /// An array of one value. A new buffer.
    ///
    /// # Panics
    /// If there is no memory for it: see [`try_full`](Self::try_full).
    #[track_caller]
    #[must_use]
    pub fn full(shape: impl ShapeBuilder<Dim = D>, value: A) -> Self {
        or_panic(Self::try_full(shape, value))
    }

    /// An array of one value. A new buffer.
    ///
    /// # Errors
    /// If its bytes have no number, or there is no memory for them.
    #[track_caller]
    pub fn try_full(shape: impl ShapeBuilder<Dim = D>, value: A) -> Result<Self, CreateError> {
        Self::filled(shape, value, "full")
    }

    #[track_caller]
    fn filled(
        shape: impl ShapeBuilder<Dim = D>,
        value: A,
        operation: &'static str,
    ) -> Result<Self, CreateError> {
        let shape = shape.into_shape_with_order();
        let mut elements = reserved(&shape, |length| try_reserved(length))?;
        elements.resize(shape.size(), value);
        Ok(Self::of_shape(shape, elements, operation))
    }

    /// A mapped file's elements from this byte on, read-only.
    #[cfg(feature = "mmap")]
    pub(crate) fn mapped(
        map: memmap2::Mmap,
        offset: usize,
        shape: D,
        is_fortran: bool,
        origin: Origin,
    ) -> Result<Self, Misplaced> {
        let buffer = Arc::new(Buffer::from_map::<A>(map, offset, origin)?);
        let (address, strides) = (buffer.start_address(), contiguous(&shape, is_fortran));
        let storage = Storage::place(buffer, address, shape, strides)?;
        Ok(Self::first(storage, origin).read_only())
    }

    #[track_caller]
    fn of_shape(shape: Shape<D>, elements: Vec<A>, operation: &'static str) -> Self {
        let array = Array::from_shape_vec(shape, elements);
        let array = array.unwrap_or_else(|_| unreachable!("as many as the shape has"));
        Self::made(array, operation)
    }
}

impl<A: Element> NdArray<A, Ix1> {
    /// A vector as a shared buffer. Keeps [`HEADER_NBYTES`](super::HEADER_NBYTES); no
    /// element is copied, and spare capacity stays.
    #[track_caller]
    #[must_use]
    pub fn from_vec(elements: Vec<A>) -> Self {
        Self::made(Array::from_vec(elements), "from_vec")
    }

    /// The integers from `start` up, or down, to `stop`, which is not among them. What does
    /// not fit the dtype is converted as [`astype`](Self::astype) does. A new buffer.
    ///
    /// # Panics
    /// If `step` is 0, or if there is no memory for it: see [`try_arange`](Self::try_arange).
    #[track_caller]
    #[must_use]
    pub fn arange(start: i64, stop: i64, step: i64) -> Self {
        or_panic(Self::try_arange(start, stop, step))
    }

    /// The integers from `start` up, or down, to `stop`, which is not among them. As
    /// [`arange`](Self::arange) a new buffer.
    ///
    /// # Errors
    /// If its bytes have no number, or there is no memory for them.
    ///
    /// # Panics
    /// If `step` is 0.
    #[track_caller]
    pub fn try_arange(start: i64, stop: i64, step: i64) -> Result<Self, CreateError> {
        assert!(step != 0, "the step of a range cannot be 0");
        let distance = i128::from(stop) - i128::from(start);
        let length = (distance * i128::from(step.signum())).max(0) as u128;
        let length = length.div_ceil(u128::from(step.unsigned_abs()));
        // At most 2^64 - 1, which no memory has.
        let shape = Ix1(length as usize).into_shape_with_order();
        let mut elements = reserved(&shape, |length| try_reserved(length))?;
        let numbers = (0..length as i64).map(|index| start.wrapping_add(index.wrapping_mul(step)));
        elements.extend(numbers.map(|number| A::from_value(Value::Int(number))));
        Ok(Self::of_shape(shape, elements, "arange"))
    }
}

#[track_caller]
fn or_panic<T>(result: Result<T, CreateError>) -> T {
    // No closure: it would be the place that the panic names.
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

fn try_reserved<A>(length: usize) -> Option<Vec<A>> {
    let mut elements = Vec::new();
    elements.try_reserve_exact(length).ok()?;
    Some(elements)
}

/// Memory for an array of this shape, or why there is none.
fn reserved<A: Element, D: Dimension>(
    shape: &Shape<D>,
    reserve: impl FnOnce(usize) -> Option<Vec<A>>,
) -> Result<Vec<A>, CreateError> {
    let lengths = shape.raw_dim().slice();
    let nbytes = nbytes_for(lengths, A::DTYPE)?;
    reserve(nbytes / size_of::<A>())
        .ok_or_else(|| CreateError::Memory(MemoryError::new(lengths, A::DTYPE, nbytes)))
}

/// An array whose elements the closure pushes, as many as the shape has, in the order of
/// memory.
pub(super) fn filled<A: Element, D: Dimension>(
    shape: D,
    is_fortran: bool,
    fill: impl FnOnce(&mut Vec<A>),
) -> Result<Array<A, D>, CreateError> {
    let shape = shape.set_f(is_fortran);
    let mut elements = reserved(&shape, |length| try_reserved(length))?;
    fill(&mut elements);
    Ok(Array::from_shape_vec(shape, elements)
        .unwrap_or_else(|_| unreachable!("as many as the shape has")))
}

/// Zeros as an ndarray array, for a result to be written into.
pub(super) fn allocate<A: Element, D: Dimension>(
    shape: D,
    is_fortran: bool,
) -> Result<Array<A, D>, CreateError> {
    let shape = shape.set_f(is_fortran);
    let zeros = reserved(&shape, try_zeroed)?;
    Ok(Array::from_shape_vec(shape, zeros)
        .unwrap_or_else(|_| unreachable!("as many as the shape has")))
}
