//! Parts of an axis, in order. Always views.

use std::ops::Range;
use std::panic::Location;

use ndarray::{Axis, Dimension, Slice};

use super::NdArray;
use super::axes::normal_axis;
use crate::Element;
use crate::error::{ArrayError, Kind};
use crate::memory::ArrayMemory;

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// So many parts of an axis, equally long. Views, in a list that keeps
    /// `size_of::<NdArray<A, D>>()` bytes for each.
    ///
    /// # Errors
    /// If the axis does not exist or cannot be divided so, or there is no memory for the list.
    #[track_caller]
    pub fn split(&self, sections: usize, axis: isize) -> Result<Vec<Self>, ArrayError> {
        let axis = normal_axis(axis, self.ndim())?;
        let length = self.shape()[axis];
        if sections == 0 || !length.is_multiple_of(sections) {
            return Err(Kind::Split { length, sections }.into());
        }
        let part = length / sections;
        let mut parts = Vec::new();
        parts
            .try_reserve_exact(sections)
            .map_err(|_| Kind::Parts { sections })?;
        let caller = Location::caller();
        let cut = |index| self.part("split", axis, index * part..(index + 1) * part, caller);
        parts.extend((0..sections).map(cut));
        Ok(parts)
    }

    fn part(
        &self,
        operation: &'static str,
        axis: usize,
        places: Range<usize>,
        caller: &'static Location<'static>,
    ) -> Self {
        self.cut_by(operation, caller, |view| {
            view.slice_axis_move(Axis(axis), Slice::from(places))
        })
    }

    /// Parts along the first axis of at most so many bytes each, but at least of length 1:
    /// to work through an array, such as a mapped file, in bounded memory. Views, each made
    /// when its turn comes; the iterator allocates nothing. An array without axes is its own
    /// only part.
    ///
    /// ```
    /// use heapline_array::{ArrayMemory, NdArray};
    ///
    /// let big = NdArray::<f64, _>::ones((1000, 100));
    /// let mut sum = 0.0;
    /// for chunk in big.chunks(64 << 10) {
    ///     assert!(chunk.nbytes() <= 64 << 10);
    ///     sum += chunk.sum();
    /// }
    /// assert_eq!(sum, 100_000.0);
    /// ```
    #[track_caller]
    pub fn chunks(&self, nbytes: usize) -> impl ExactSizeIterator<Item = Self> + '_ {
        let length = self.shape().first().copied().unwrap_or(1);
        let row_nbytes = self.nbytes().checked_div(length).unwrap_or(0).max(1);
        let rows = (nbytes / row_nbytes).max(1);
        let caller = Location::caller();
        (0..length.div_ceil(rows)).map(move |chunk| {
            if self.ndim() == 0 {
                return self.cut_by("chunks", caller, |view| view);
            }
            let places = chunk * rows..length.min((chunk + 1) * rows);
            self.part("chunks", 0, places, caller)
        })
    }
}
