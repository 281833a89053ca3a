//! Elements picked by lists and masks. Always copies.

use ndarray::{Array, ArrayView, ArrayViewMut, Axis, Dimension, Ix1, Zip};

use super::NdArray;
use super::axes::{fastest_axis, normal_axis};
use super::create::allocate;
use super::index::position;
use crate::Element;
use crate::error::{ArrayError, Kind};

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The elements at these places of an axis, in the order of the list. A copy.
    ///
    /// # Errors
    /// If the axis does not exist, a place is out of bounds, or there is no memory.
    #[track_caller]
    pub fn take(&self, indices: &[isize], axis: isize) -> Result<Self, ArrayError> {
        if let Some(row) = self.as_row("take") {
            return row.take(indices, axis);
        }
        let axis = normal_axis(axis, self.ndim())?;
        for index in indices {
            self.place(*index, axis)?;
        }
        let length = self.shape()[axis] as isize;
        // All of them are there.
        let from_start = |index: isize| if index < 0 { index + length } else { index };
        let places = indices.iter().map(|index| from_start(*index) as usize);
        self.gather(axis, indices.len(), places, "take")
    }

    /// The places of an axis where the list says so. A list that is shorter than the axis
    /// goes on with `false`. A copy.
    ///
    /// # Errors
    /// If the axis does not exist, the list says so beyond its end, or there is no memory.
    #[track_caller]
    pub fn compress(&self, condition: &[bool], axis: isize) -> Result<Self, ArrayError> {
        if let Some(row) = self.as_row("compress") {
            return row.compress(condition, axis);
        }
        let axis = normal_axis(axis, self.ndim())?;
        if let Some(last) = condition.iter().rposition(|keep| *keep) {
            self.place(last as isize, axis)?;
        }
        let marked = condition.iter().enumerate();
        let places = marked.filter_map(|(place, keep)| keep.then_some(place));
        self.gather(axis, places.clone().count(), places, "compress")
    }

    /// The elements where the mask says so, in C order: NumPy's `a[mask]`. A copy. The mask
    /// may be an ndarray view or a reference to an array or handle.
    ///
    /// ```
    /// use heapline_array::NdArray;
    /// use ndarray::array;
    ///
    /// let a = NdArray::from_array(array![3.0, -1.0, 2.0]);
    /// let positive = a.view().mapv(|number| number > 0.0);
    /// assert_eq!(a.mask(&positive)?.view(), array![3.0, 2.0]);
    /// assert_eq!(a.mask(&NdArray::from(positive))?.sum(), 5.0);
    /// # Ok::<(), heapline_array::ArrayError>(())
    /// ```
    ///
    /// # Errors
    /// If the mask has another shape, or there is no memory.
    #[track_caller]
    pub fn mask<'a>(
        &self,
        mask: impl Into<ArrayView<'a, bool, D>>,
    ) -> Result<NdArray<A, Ix1>, ArrayError> {
        let mask = mask.into();
        if mask.shape() != self.shape() {
            return Err(Kind::Mask {
                shape: self.shape().to_vec(),
                mask: mask.shape().to_vec(),
            }
            .into());
        }
        let count = Zip::from(&mask).fold(0, |count, keep| count + usize::from(*keep));
        let mut kept = allocate(Ix1(count), false)?;
        let view = self.view();
        let pairs = mask.iter().zip(&view);
        let elements = pairs.filter_map(|(keep, element)| keep.then_some(*element));
        for (place, element) in kept.iter_mut().zip(elements) {
            *place = element;
        }
        Ok(self.copied(kept, "mask"))
    }

    /// Each place of an axis so many times in a row. A copy.
    ///
    /// One number of repeats is for all places.
    ///
    /// # Errors
    /// If the axis does not exist, the numbers are neither one nor as many as places, or
    /// there is no memory.
    #[track_caller]
    pub fn repeat(&self, repeats: &[usize], axis: isize) -> Result<Self, ArrayError> {
        if let Some(row) = self.as_row("repeat") {
            return row.repeat(repeats, axis);
        }
        let axis = normal_axis(axis, self.ndim())?;
        let length = self.shape()[axis];
        if repeats.len() != 1 && repeats.len() != length {
            return Err(Kind::Repeats {
                given: repeats.len(),
                length,
            }
            .into());
        }
        let times = |place: usize| repeats[place % repeats.len()];
        let total = (0..length).map(times).fold(0, usize::saturating_add);
        let places = (0..length).flat_map(|place| std::iter::repeat_n(place, times(place)));
        self.gather(axis, total, places, "repeat")
    }

    fn place(&self, index: isize, axis: usize) -> Result<usize, ArrayError> {
        let length = self.shape()[axis];
        position(index, length).ok_or_else(|| {
            Kind::Index {
                index,
                axis,
                length,
            }
            .into()
        })
    }

    /// A copy of the places of an axis, all of which are there. Its peak is its result.
    #[track_caller]
    fn gather(
        &self,
        axis: usize,
        count: usize,
        places: impl Iterator<Item = usize> + Clone,
        operation: &'static str,
    ) -> Result<Self, ArrayError> {
        let mut shape = self.raw_dim();
        shape[axis] = count;
        let mut gathered: Array<A, D> = allocate(shape, false)?;
        let (from, to) = (self.view(), gathered.view_mut());
        let is_fastest = fastest_axis(&from).is_some_and(|fastest| fastest.axis == Axis(axis));
        if is_fastest || from.len() / from.len_of(Axis(axis)).max(1) <= FEW {
            by_lanes(from, to, Axis(axis), places);
        } else {
            by_places(from, to, Axis(axis), places);
        }
        Ok(self.copied(gathered, operation))
    }
}

/// Places of so many elements at most are copied one element at a time.
const FEW: usize = 16;

/// Along each row of the axis.
fn by_lanes<A: Element, D: Dimension>(
    from: ArrayView<'_, A, D>,
    mut to: ArrayViewMut<'_, A, D>,
    axis: Axis,
    places: impl Iterator<Item = usize> + Clone,
) {
    for (from, mut to) in from.lanes(axis).into_iter().zip(to.lanes_mut(axis)) {
        for (to, place) in to.iter_mut().zip(places.clone()) {
            *to = from[place];
        }
    }
}

/// Each place of the axis with all that is there.
fn by_places<A: Element, D: Dimension>(
    from: ArrayView<'_, A, D>,
    mut to: ArrayViewMut<'_, A, D>,
    axis: Axis,
    places: impl Iterator<Item = usize>,
) {
    let at = |place: usize| ndarray::Slice::from(place..=place);
    for (target, place) in places.enumerate() {
        to.slice_axis_mut(axis, at(target))
            .assign(&from.slice_axis(axis, at(place)));
    }
}
