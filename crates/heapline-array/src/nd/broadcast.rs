//! Views in which elements appear more than once, or along two axes at a time. Read-only.

use ndarray::{Dimension, IntoDimension, IxDyn};

use super::NdArray;
use super::axes::{AxisList, normal_axis, unfilled};
use crate::error::{ArrayError, Kind, refuse};
use crate::memory::ArrayMemory;
use crate::{Element, nbytes_for};

/// The shape to which both shapes broadcast. Keeps the list of its lengths, a `usize` each.
///
/// # Errors
/// If there is none: two lengths differ, and neither is 1.
pub fn broadcast_shapes(a: &[usize], b: &[usize]) -> Result<Vec<usize>, ArrayError> {
    let ndim = a.len().max(b.len());
    let length = |shape: &[usize], place: usize| {
        let axis = (place + shape.len()).checked_sub(ndim);
        axis.map_or(1, |axis| shape[axis])
    };
    // Lengths that may be missing would be collected with room to spare.
    let mut shape = Vec::with_capacity(ndim);
    for place in 0..ndim {
        let both = broadcast_length(length(a, place), length(b, place));
        shape.push(both.ok_or_else(|| refused(a, b))?);
    }
    Ok(shape)
}

/// Refuses shapes that do not broadcast to one, as [`broadcast_shapes`], but by a panic, and
/// without a list.
#[track_caller]
pub(super) fn check_shapes(a: &[usize], b: &[usize]) {
    let mut pairs = a.iter().rev().zip(b.iter().rev());
    if !pairs.all(|(one, other)| broadcast_length(*one, *other).is_some()) {
        refuse(refused(a, b));
    }
}

/// The length of an axis that is so long in one array and so long in the other.
fn broadcast_length(one: usize, other: usize) -> Option<usize> {
    match (one, other) {
        (1, length) | (length, 1) => Some(length),
        _ => (one == other).then_some(one),
    }
}

fn refused(a: &[usize], b: &[usize]) -> Kind {
    Kind::Shapes {
        first: a.to_vec(),
        other: b.to_vec(),
    }
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The elements repeated along axes that are new, or of length 1. A read-only view: the
    /// repeated axes have stride 0.
    ///
    /// ```
    /// use heapline_array::{ArrayMemory, NdArray};
    ///
    /// let row = NdArray::<f64, _>::ones(1000);
    /// let wide = row.broadcast_to((1000, 1000))?;
    /// assert_eq!((wide.nbytes(), wide.unique_nbytes()), (8_000_000, 8_000));
    /// # Ok::<(), heapline_array::ArrayError>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not fit, or the result's bytes have no number.
    #[track_caller]
    pub fn broadcast_to<E: IntoDimension>(
        &self,
        shape: E,
    ) -> Result<NdArray<A, E::Dim>, ArrayError> {
        let shape = shape.into_dimension();
        let refused = || Kind::Broadcast {
            from: self.shape().to_vec(),
            to: shape.slice().to_vec(),
        };
        nbytes_for(shape.slice(), A::DTYPE)?;
        let layout = self.memory_layout();
        let new_axes = shape.ndim().checked_sub(self.ndim()).ok_or_else(refused)?;
        let mut strides = E::Dim::zeros(shape.ndim());
        for (axis, length) in layout.shape.iter().enumerate() {
            let place = axis + new_axes;
            if *length == shape[place] {
                strides[place] = layout.strides[axis] as usize;
            } else if *length != 1 {
                return Err(refused().into());
            }
        }
        self.placed_read_only("broadcast_to", layout.address, shape, strides)
            .map_err(|_| unreachable!("the elements are the same"))
    }

    /// All windows of these lengths along these axes: NumPy's `sliding_window_view`. The
    /// axes count window positions, and each window has axes of its own, last in the
    /// result. A read-only view.
    ///
    /// # Errors
    /// If there are not as many lengths as axes, an axis does not exist, or is shorter than
    /// its window, or if the result's bytes have no number.
    #[track_caller]
    pub fn sliding_window(
        &self,
        window: &[usize],
        axes: impl AxisList,
    ) -> Result<NdArray<A, IxDyn>, ArrayError> {
        let (axes, ndim) = (axes.axes(), self.ndim());
        if axes.len() != window.len() {
            return Err(Kind::AxisCount {
                given: axes.len(),
                needed: window.len(),
            }
            .into());
        }
        let layout = self.memory_layout();
        let (mut shape, mut strides) = unfilled(ndim + axes.len());
        let (lengths, own_lengths) = shape.slice_mut().split_at_mut(ndim);
        let (steps, own_steps) = strides.slice_mut().split_at_mut(ndim);
        lengths.copy_from_slice(layout.shape);
        for (step, stride) in steps.iter_mut().zip(layout.strides) {
            *step = *stride as usize;
        }
        own_lengths.copy_from_slice(window);
        for ((axis, window), own_step) in axes.iter().zip(window).zip(own_steps) {
            let axis = normal_axis(*axis, ndim)?;
            let length = lengths[axis];
            let beyond = length.checked_sub(*window).ok_or(Kind::Window {
                window: *window,
                length,
            })?;
            lengths[axis] = beyond + 1;
            *own_step = steps[axis];
        }
        nbytes_for(shape.slice(), A::DTYPE)?;
        let view = self.placed_read_only("sliding_window", layout.address, shape, strides);
        Ok(view.unwrap_or_else(|_| unreachable!("windows lie inside their axes")))
    }

    /// The elements whose index along `axis2` is `offset` more than that along `axis1`. The
    /// diagonal is the result's last axis. A read-only view.
    ///
    /// # Errors
    /// If there are fewer than two axes, one does not exist, or both are one.
    #[track_caller]
    pub fn diagonal(
        &self,
        offset: isize,
        axis1: isize,
        axis2: isize,
    ) -> Result<NdArray<A, IxDyn>, ArrayError> {
        let ndim = self.ndim();
        if ndim < 2 {
            return Err(Kind::TooFewDimensions { ndim, needed: 2 }.into());
        }
        let (axis1, axis2) = (normal_axis(axis1, ndim)?, normal_axis(axis2, ndim)?);
        if axis1 == axis2 {
            return Err(Kind::RepeatedAxis { axis: axis1 }.into());
        }
        let layout = self.memory_layout();
        let skipped = |by: isize| by.max(0).unsigned_abs();
        let (first1, first2) = (skipped(offset.saturating_neg()), skipped(offset));
        let length = (layout.shape[axis1].saturating_sub(first1))
            .min(layout.shape[axis2].saturating_sub(first2));
        let (mut shape, mut strides) = unfilled(ndim - 1);
        let (lengths, steps) = (shape.slice_mut(), strides.slice_mut());
        let others = (0..ndim).filter(|axis| ![axis1, axis2].contains(axis));
        for (place, axis) in others.enumerate() {
            lengths[place] = layout.shape[axis];
            steps[place] = layout.strides[axis] as usize;
        }
        lengths[ndim - 2] = length;
        steps[ndim - 2] = (layout.strides[axis1] + layout.strides[axis2]) as usize;
        let elements = if length == 0 {
            0
        } else {
            first1 as isize * layout.strides[axis1] + first2 as isize * layout.strides[axis2]
        };
        let address = layout.address;
        let address = address.wrapping_add_signed(elements * size_of::<A>() as isize);
        self.placed_read_only("diagonal", address, shape, strides)
            .map_err(|_| unreachable!("the diagonal lies inside its axes"))
    }
}
