//! Where elements may be in a buffer: the checks that the unsafe code in `storage.rs` rests
//! on.

use std::ops::Range;

use ndarray::{ArrayBase, Axis, Dimension, LayoutRef, RawData};

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

/// Checks that all elements lie inside the buffer, whose addresses are given, aligned.
/// Returns the bytes from the buffer's start to the lowest of them; `None` without elements.
#[inline(always)]
pub(crate) fn lowest<A: Element>(
    buffer: Range<usize>,
    address: usize,
    shape: &[usize],
    strides: &[usize],
) -> Result<Option<usize>, Misplaced> {
    // All lengths but zeros together are below `isize::MAX`, as ndarray asks.
    let nbytes = nbytes_for(shape, A::DTYPE).map_err(|_| Misplaced::Outside)?;
    if nbytes == 0 {
        return Ok(None);
    }
    let (low, high) = reach::<A>(shape, strides).ok_or(Misplaced::Outside)?;
    let lowest = address.checked_add_signed(low);
    let end = address.checked_add_signed(high);
    match (lowest, end) {
        (Some(lowest), Some(end)) if lowest >= buffer.start && end <= buffer.end => {
            match address.is_multiple_of(align_of::<A>()) {
                true => Ok(Some(lowest - buffer.start)),
                false => Err(Misplaced::Misaligned),
            }
        }
        _ => Err(Misplaced::Outside),
    }
}

/// From the first element's address to the lowest byte, and to behind the highest; `None` if
/// these have no number. There are elements.
#[inline(always)]
fn reach<A: Element>(shape: &[usize], strides: &[usize]) -> Option<(isize, isize)> {
    let (mut low, mut high) = (0_isize, size_of::<A>() as isize);
    for (length, stride) in shape.iter().zip(strides) {
        if *length > 1 {
            let stride = (*stride as isize).checked_mul(size_of::<A>() as isize)?;
            let reach = stride.checked_mul(*length as isize - 1)?;
            low = low.checked_add(reach.min(0))?;
            high = high.checked_add(reach.max(0))?;
        }
    }
    Some((low, high))
}

/// Makes the strides those seen from the lowest element: none is negative, and those that
/// move nothing are 0. Without elements all are.
#[inline(always)]
pub(crate) fn make_positive(shape: &[usize], strides: &mut [usize]) {
    let is_empty = shape.contains(&0);
    for (length, stride) in shape.iter().zip(strides) {
        *stride = match *length > 1 && !is_empty {
            true => (*stride as isize).unsigned_abs(),
            false => 0,
        };
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
pub(crate) fn reverse<S, A, D>(array: &mut ArrayBase<S, D>, strides: &D)
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
