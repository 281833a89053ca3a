//! Elements picked by lists and masks. Always copies.

use ndarray::{Array, ArrayView, Axis, Dimension, Ix1, Zip};

use super::NdArray;
use super::axes::normal_axis;
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
        let places = indices.iter().map(|index| self.place(*index, axis));
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
        let kept = || {
            (0..)
                .zip(condition)
                .filter_map(|(index, keep)| keep.then_some(index))
        };
        let places = kept().map(|index| self.place(index, axis));
        self.gather(axis, kept().count(), places, "compress")
    }

    /// The elements where the mask says so, in C order: NumPy's `a[mask]`. A copy.
    ///
    /// # Errors
    /// If the mask has another shape, or there is no memory.
    #[track_caller]
    pub fn mask(&self, mask: ArrayView<'_, bool, D>) -> Result<NdArray<A, Ix1>, ArrayError> {
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
        let places = (0..length).flat_map(|place| std::iter::repeat_n(Ok(place), times(place)));
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

    /// A copy of the places of an axis. Its peak is its result.
    #[track_caller]
    fn gather(
        &self,
        axis: usize,
        count: usize,
        places: impl Iterator<Item = Result<usize, ArrayError>>,
        operation: &'static str,
    ) -> Result<Self, ArrayError> {
        let mut shape = self.raw_dim();
        shape[axis] = count;
        let mut gathered: Array<A, D> = allocate(shape, false)?;
        let view = self.view();
        for (to, from) in places.enumerate() {
            let from = from?;
            let range = |place: usize| ndarray::Slice::from(place..=place);
            gathered
                .slice_axis_mut(Axis(axis), range(to))
                .assign(&view.slice_axis(Axis(axis), range(from)));
        }
        Ok(self.copied(gathered, operation))
    }
}
