//! Arrays put together. Always copies.

use std::borrow::Borrow;

use ndarray::{Array, ArrayView, ArrayViewMut, Axis, Dimension, IxDyn, Slice};

use super::axes::normal_axis;
use super::copy::{common_order, in_order, permuted};
use super::create::allocate;
use super::{CopyMode, NdArray, Order};
use crate::Element;
use crate::error::{ArrayError, Kind};
use crate::identity::ArrayId;
use crate::memory::ArrayMemory;
use crate::notes::Values;

/// Arrays one after the other along an axis. A copy; its peak is the result and a list of
/// the arrays' views, `size_of::<ArrayView<A, D>>()` and 8 bytes for each.
///
/// # Errors
/// If there is none, the axis does not exist, other lengths differ, or there is no memory.
#[track_caller]
pub fn concatenate<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
    axis: isize,
) -> Result<NdArray<A, D>, ArrayError> {
    let parts = arrays.iter().map(|array| {
        let array: &NdArray<A, D> = array.borrow();
        Part::of(array, array.view())
    });
    joined(parts.collect(), axis, "concatenate")
}

/// Arrays of one shape side by side along a new axis. A copy; its peak is the result and a
/// list of the arrays' views, `size_of::<ArrayViewD<A>>()` and 8 bytes for each.
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
    let place = Axis(normal_axis(axis, first.ndim() + 1)?);
    let layers = arrays.iter().map(|array| {
        let array: &NdArray<A, D> = array.borrow();
        Part::of(array, array.view().into_dyn().insert_axis(place))
    });
    joined(layers.collect(), axis, "stack")
}

/// Arrays one below the other: along the first axis, rows of one dimension as rows. A copy;
/// its peak is that of [`stack`].
///
/// # Errors
/// If there is none, other lengths differ, or there is no memory.
#[track_caller]
pub fn vstack<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
) -> Result<NdArray<A, IxDyn>, ArrayError> {
    let rows = arrays.iter().map(|array| with_axes(array.borrow(), 2));
    joined(rows.collect(), 0, "vstack")
}

/// Arrays side by side: along the second axis, or the only one. A copy; its peak is that of
/// [`stack`].
///
/// # Errors
/// If there is none, other lengths differ, or there is no memory.
#[track_caller]
pub fn hstack<A: Element, D: Dimension>(
    arrays: &[impl Borrow<NdArray<A, D>>],
) -> Result<NdArray<A, IxDyn>, ArrayError> {
    let columns: Vec<_> = arrays
        .iter()
        .map(|array| with_axes(array.borrow(), 1))
        .collect();
    let axis = match columns.first() {
        Some(first) if first.view.ndim() > 1 => 1,
        _ => 0,
    };
    joined(columns, axis, "hstack")
}

/// An array that is to be joined, with the axes that it has for that.
struct Part<'a, A, D: Dimension> {
    view: ArrayView<'a, A, D>,
    id: ArrayId,
}

impl<'a, A: Element, D: Dimension> Part<'a, A, D> {
    fn of<E: Dimension>(array: &NdArray<A, E>, view: ArrayView<'a, A, D>) -> Self {
        Part {
            view,
            id: array.id(),
        }
    }
}

/// The array with so many axes at least, new ones in front.
fn with_axes<A: Element, D: Dimension>(array: &NdArray<A, D>, ndim: usize) -> Part<'_, A, IxDyn> {
    let mut view = array.view().into_dyn();
    while view.ndim() < ndim {
        view = view.insert_axis(Axis(0));
    }
    Part::of(array, view)
}

#[track_caller]
fn joined<A: Element, D: Dimension>(
    parts: Vec<Part<'_, A, D>>,
    axis: isize,
    operation: &'static str,
) -> Result<NdArray<A, D>, ArrayError> {
    let first = &parts.first().ok_or(Kind::NoArrays)?.view;
    let axis = normal_axis(axis, first.ndim())?;
    let mut shape = first.raw_dim();
    shape[axis] = 0;
    for part in &parts {
        let others = part.view.shape();
        let fits = |place: usize| place == axis || others[place] == shape[place];
        if others.len() != shape.ndim() || !(0..shape.ndim()).all(fits) {
            return Err(shapes(first.shape(), others));
        }
        shape[axis] = shape[axis].saturating_add(others[axis]);
    }
    let order = common_order(parts.iter().map(|part| &part.view), shape.ndim());
    let mut whole: Array<A, D> = permuted(&shape, &order)?;
    let mut start = 0;
    for part in &parts {
        let stop = start + part.view.shape()[axis];
        whole
            .slice_axis_mut(Axis(axis), Slice::from(start..stop))
            .assign(&part.view);
        start = stop;
    }
    let whole = NdArray::made(whole, operation);
    for Part { view, id } in &parts {
        whole.note_copied(*id, view.nbytes(), Values::AsTheyWere, operation);
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
    /// for the last ones; more give new axes in front. A copy; but of an array without
    /// elements, which has nothing to copy, a view.
    ///
    /// # Errors
    /// If the result's bytes have no number, or there is no memory for them.
    #[track_caller]
    pub fn tile(&self, reps: &[usize]) -> Result<NdArray<A, IxDyn>, ArrayError> {
        let ndim = reps.len().max(self.ndim());
        if reps.iter().all(|rep| *rep == 1) {
            // Nothing is repeated, so that the order of elements can stay.
            let spread = with_axes(self, ndim).view;
            return Ok(self.copied(in_order(spread, Order::K)?, "tile"));
        }
        let tile = with_axes(self, ndim).view;
        let mut shape = tile.raw_dim();
        for (length, rep) in shape.slice_mut()[ndim - reps.len()..].iter_mut().zip(reps) {
            *length = length.saturating_mul(*rep);
        }
        if self.is_empty() {
            return self.reshape(shape, Order::C, CopyMode::Never);
        }
        let mut whole: Array<A, IxDyn> = allocate(shape, false)?;
        if !whole.is_empty() {
            fill_with(&mut whole, &tile);
        }
        Ok(self.copied(whole, "tile"))
    }

    /// The elements in another shape and number, repeated from the first on as often as it
    /// takes: NumPy's function `resize`. Without elements it is filled with zeros. A copy.
    ///
    /// # Errors
    /// If the result's bytes have no number, or there is no memory for them.
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

/// Fills an array with tiles of as many axes, side by side.
fn fill_with<A: Element>(whole: &mut Array<A, IxDyn>, tile: &ArrayView<'_, A, IxDyn>) {
    cut_off(whole.view_mut(), tile.shape()).assign(tile);
    for axis in (0..tile.ndim()).rev() {
        // One tile long along the axes before, and filled along those behind.
        let (before, behind) = tile.shape().split_at(axis);
        repeat_along(Axis(axis), behind[0], cut_off(whole.view_mut(), before));
    }
}

/// The first axes only so long.
fn cut_off<'a, A>(
    mut part: ArrayViewMut<'a, A, IxDyn>,
    lengths: &[usize],
) -> ArrayViewMut<'a, A, IxDyn> {
    for (axis, length) in lengths.iter().enumerate() {
        part.slice_axis_inplace(Axis(axis), Slice::from(..*length));
    }
    part
}

/// Doubles what is filled of an axis until all of it is.
fn repeat_along<A: Element>(axis: Axis, mut filled: usize, mut part: ArrayViewMut<'_, A, IxDyn>) {
    let length = part.len_of(axis);
    while filled < length {
        let more = filled.min(length - filled);
        let (done, mut rest) = part.view_mut().split_at(axis, filled);
        rest.slice_axis_inplace(axis, Slice::from(..more));
        rest.assign(&done.slice_axis(axis, Slice::from(..more)));
        filled += more;
    }
}
