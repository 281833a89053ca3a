//! Where elements may be in a buffer: the checks that the unsafe code in `storage.rs` rests
//! on.

use std::ops::Range;

use ndarray::{ArrayBase, Axis, Dimension, LayoutRef, RawData, ShapeBuilder, StrideShape};

use crate::{Element, nbytes_for};

/// Why elements cannot be where they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misplaced {
    /// Some would lie outside the buffer.
    Outside,
    /// Their address is no multiple of their alignment.
    Misaligned,
    /// Bytes of the buffer are neither 0 nor 1, and so no `bool`.
    NotBool,
}

/// Elements seen from the lowest of them.
pub(crate) struct Lowest<D> {
    /// Bytes from the buffer's start to the lowest element; `None` without elements.
    pub(crate) offset: Option<usize>,
    /// None is negative; those that move nothing are 0. Without elements they mean nothing.
    pub(crate) strides: D,
}

impl<D: Dimension> Lowest<D> {
    /// Checks that all elements lie inside the buffer, whose addresses are given, aligned.
    #[inline(always)]
    pub(crate) fn find<A: Element>(
        buffer: Range<usize>,
        address: usize,
        shape: &D,
        strides: &D,
    ) -> Result<Self, Misplaced> {
        let mut positive = strides.clone();
        let (shape, strides) = (shape.slice(), strides.slice());
        // All lengths but zeros together are below `isize::MAX`, as ndarray asks.
        let nbytes = nbytes_for(shape, A::DTYPE).map_err(|_| Misplaced::Outside)?;
        if nbytes == 0 {
            return Ok(Lowest {
                offset: None,
                strides: positive,
            });
        }
        let (mut low, mut high) = (0_isize, size_of::<A>() as isize);
        let axes = shape.iter().zip(strides);
        for ((length, stride), positive) in axes.zip(positive.slice_mut()) {
            *positive = if *length > 1 {
                let stride = *stride as isize;
                let reach = stride
                    .checked_mul(size_of::<A>() as isize)
                    .and_then(|stride| stride.checked_mul(*length as isize - 1))
                    .ok_or(Misplaced::Outside)?;
                low = low.checked_add(reach.min(0)).ok_or(Misplaced::Outside)?;
                high = high.checked_add(reach.max(0)).ok_or(Misplaced::Outside)?;
                stride.unsigned_abs()
            } else {
                0
            };
        }
        let lowest = address.checked_add_signed(low);
        let end = address.checked_add_signed(high);
        let (Some(lowest), Some(end)) = (lowest, end) else {
            return Err(Misplaced::Outside);
        };
        if lowest < buffer.start || end > buffer.end {
            return Err(Misplaced::Outside);
        }
        if !address.is_multiple_of(align_of::<A>()) {
            return Err(Misplaced::Misaligned);
        }
        Ok(Lowest {
            offset: Some(lowest - buffer.start),
            strides: positive,
        })
    }

    /// The shape with these strides.
    pub(crate) fn strided(self, shape: D) -> StrideShape<D> {
        match self.offset {
            Some(_) => shape.strides(self.strides),
            // ndarray's own strides of empty arrays, which are 0.
            None => shape.into(),
        }
    }
}

/// Whether different indices surely mean different elements: each stride is beyond all that
/// the smaller ones reach together. So it is for whatever was sliced from an array that had
/// one element for each index.
pub(crate) fn is_injective<D: Dimension>(shape: &D, strides: &D) -> bool {
    let moving = || (0..shape.ndim()).filter(|axis| shape[*axis] > 1);
    shape.slice().contains(&0)
        || moving().all(|axis| {
            let smaller = moving().filter(|other| {
                let key = |axis| (strides[axis], axis);
                key(*other) < key(axis)
            });
            let reach: usize = smaller
                .map(|other| (shape[other] - 1) * strides[other])
                .sum();
            strides[axis] > reach
        })
}

/// Turns the axes round whose strides are to be negative.
#[inline(always)]
pub(crate) fn reverse<S, A, D>(mut array: ArrayBase<S, D>, strides: &D) -> ArrayBase<S, D>
where
    S: RawData<Elem = A>,
    D: Dimension,
{
    for (axis, stride) in strides.slice().iter().enumerate() {
        if (*stride as isize) < 0 {
            let layout: &mut LayoutRef<A, D> = array.as_mut();
            // Axes of length 1 have stride 0 here, and stay as they are.
            layout.invert_axis(Axis(axis));
        }
    }
    array
}

/// Strides as ndarray keeps them: signed numbers in a dimension's unsigned ones.
/// They take the place of the lengths of a shape that has as many.
pub(crate) fn signed<D: Dimension>(mut shape: D, strides: &[isize]) -> D {
    for (place, stride) in shape.slice_mut().iter_mut().zip(strides) {
        *place = *stride as usize;
    }
    shape
}

/// Strides of elements without gaps.
pub(crate) fn contiguous<D: Dimension>(shape: &D, is_fortran: bool) -> D {
    let mut strides = shape.clone();
    let mut next = 1;
    for place in 0..shape.ndim() {
        let axis = if is_fortran {
            place
        } else {
            shape.ndim() - 1 - place
        };
        strides[axis] = next;
        next *= shape[axis].max(1);
    }
    strides
}
