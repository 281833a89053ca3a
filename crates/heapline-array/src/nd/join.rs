//! Arrays put together. Always copies.

use std::borrow::Borrow;

use ndarray::{Array, Axis, Dimension, IxDyn, Slice};

use super::axes::normal_axis;
use super::copy::{common_order, in_order, permuted};
use super::create::allocate;
use super::{CopyMode, NdArray, Order};
use crate::Element;
use crate::error::{ArrayError, Kind};
use crate::memory::ArrayMemory;
use crate::notes::Values;

/// Arrays one after the other along an axis. A copy; the peak is the result and the list of
/// their views.
///
/// # Errors
/// If there is none, the axis does not exist, other lengths differ, or there is no memory.
#[track_caller]
pub fn concatenate<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
    axis: isize,
) -> Result<NdArray<A, D>, ArrayError> {
    joined(arrays, axis, "concatenate")
}

/// Arrays of one shape side by side along a new axis. A copy; the peak is the result and
/// lists of handles and views.
///
/// # Errors
/// If there is none, there is no such place for an axis, shapes differ, or there is no
/// memory.
#[track_caller]
pub fn stack<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
    axis: isize,
) -> Result<NdArray<A, IxDyn>, ArrayError> {
    let first = arrays.first().ok_or(Kind::NoArrays)?.borrow();
    if let Some(other) = arrays.iter().find(|other| {
        let other: &NdArray<A, D> = (*other).borrow();
        other.shape() != first.shape()
    }) {
        return Err(shapes(first.shape(), other.borrow().shape()));
    }
    let mut layers = Vec::with_capacity(arrays.len());
    for array in arrays {
        layers.push(array.borrow().expand_dims(axis)?);
    }
    joined(&layers, axis, "stack")
}

/// Arrays one below the other: along the first axis, rows of one dimension as rows. A copy;
/// the peak is the result and lists of handles and views.
///
/// # Errors
/// If there is none, other lengths differ, or there is no memory.
#[track_caller]
pub fn vstack<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
) -> Result<NdArray<A, IxDyn>, ArrayError> {
    let mut rows = Vec::with_capacity(arrays.len());
    for array in arrays {
        let array: &NdArray<A, D> = array.borrow();
        rows.push(match array.ndim() {
            0 => array.expand_dims([0, 1])?,
            1 => array.expand_dims(0)?,
            _ => array.to_dyn(),
        });
    }
    joined(&rows, 0, "vstack")
}

/// Arrays side by side: along the second axis, or the only one. A copy; the peak is the
/// result and lists of handles and views.
///
/// # Errors
/// If there is none, other lengths differ, or there is no memory.
#[track_caller]
pub fn hstack<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
) -> Result<NdArray<A, IxDyn>, ArrayError> {
    let mut columns = Vec::with_capacity(arrays.len());
    for array in arrays {
        let array: &NdArray<A, D> = array.borrow();
        columns.push(match array.ndim() {
            0 => array.expand_dims(0)?,
            _ => array.to_dyn(),
        });
    }
    let axis = match columns.first() {
        Some(first) if first.ndim() > 1 => 1,
        _ => 0,
    };
    joined(&columns, axis, "hstack")
}

#[track_caller]
fn joined<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
    axis: isize,
    operation: &'static str,
) -> Result<NdArray<A, D>, ArrayError> {
    let first: &NdArray<A, D> = arrays.first().ok_or(Kind::NoArrays)?.borrow();
    let axis = normal_axis(axis, first.ndim())?;
    let mut shape = first.raw_dim();
    shape[axis] = 0;
    for array in arrays {
        let array: &NdArray<A, D> = array.borrow();
        let others = array.shape();
        let fits = |place: usize| place == axis || others[place] == shape[place];
        if others.len() != shape.ndim() || !(0..shape.ndim()).all(fits) {
            return Err(shapes(first.shape(), others));
        }
        shape[axis] = shape[axis].saturating_add(others[axis]);
    }
    let views: Vec<_> = arrays.iter().map(|array| array.borrow().view()).collect();
    let order = common_order(&views, shape.ndim());
    let mut whole: Array<A, D> = permuted(&shape, &order)?;
    let mut start = 0;
    for view in views {
        let stop = start + view.shape()[axis];
        whole
            .slice_axis_mut(Axis(axis), Slice::from(start..stop))
            .assign(&view);
        start = stop;
    }
    let whole = NdArray::made(whole, operation);
    for array in arrays {
        let array: &NdArray<A, D> = array.borrow();
        whole.note_copied(array.id(), array.nbytes(), Values::AsTheyWere, operation);
    }
    Ok(whole)
}

fn shapes(first: &[usize], other: &[usize]) -> ArrayError {
    Kind::Shapes {
        first: first.to_vec(),
        other: other.to_vec(),
    }
    .into()
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The array beside itself, so many times along each axis. Fewer numbers than axes are
    /// for the last ones; more give new axes in front. A copy, and the peak is the result; but
    /// for an array without elements, which has nothing to copy, a view.
    ///
    /// # Errors
    /// If there is no memory.
    #[track_caller]
    pub fn tile(&self, reps: &[usize]) -> Result<NdArray<A, IxDyn>, ArrayError> {
        let ndim = reps.len().max(self.ndim());
        if reps.iter().all(|rep| *rep == 1) {
            // Nothing is repeated, so that the order of elements can stay.
            let new_axes: Vec<isize> = (0..(ndim - self.ndim()) as isize).collect();
            let spread = self.expand_dims(&*new_axes)?;
            return Ok(self.copied(in_order(spread.view(), Order::K)?, "tile"));
        }
        let (new_axes, first_rep) = (ndim - self.ndim(), ndim - reps.len());
        let mut shape = IxDyn::zeros(ndim);
        // Each axis as two: which tile, and where in it.
        let mut tiled = IxDyn::zeros(2 * ndim);
        let mut spread = self.to_dyn();
        for axis in 0..ndim {
            let own = axis
                .checked_sub(new_axes)
                .map_or(1, |axis| self.shape()[axis]);
            let rep = axis.checked_sub(first_rep).map_or(1, |rep| reps[rep]);
            shape[axis] = own.saturating_mul(rep);
            (tiled[2 * axis], tiled[2 * axis + 1]) = (rep, own);
            if axis < new_axes {
                spread = spread.expand_dims(0)?;
            }
        }
        if self.is_empty() {
            return self.reshape(shape, Order::C, CopyMode::Never);
        }
        let mut whole: Array<A, IxDyn> = allocate(shape, false)?;
        let mut source = spread.view();
        for axis in (0..ndim).rev() {
            source = source.insert_axis(Axis(axis));
        }
        let tiles = whole.view_mut().into_shape_with_order(tiled);
        tiles
            .unwrap_or_else(|_| unreachable!("contiguous, and as many"))
            .assign(&source);
        Ok(self.copied(whole, "tile"))
    }

    /// The elements in another shape and number, repeated from the first on as often as it
    /// takes: NumPy's function `resize`. A copy.
    ///
    /// # Errors
    /// If there is no memory.
    #[track_caller]
    pub fn resized<E: ndarray::IntoDimension>(
        &self,
        shape: E,
    ) -> Result<NdArray<A, E::Dim>, ArrayError> {
        let mut whole: Array<A, E::Dim> = allocate(shape.into_dimension(), false)?;
        let view = self.view();
        for (place, element) in whole.iter_mut().zip(view.iter().cycle()) {
            *place = *element;
        }
        Ok(self.copied(whole, "resized"))
    }
}
