//! Parts of an axis, in order. Always views.

use ndarray::{Axis, Dimension, Slice};

use super::NdArray;
use super::axes::normal_axis;
use crate::Element;
use crate::error::{ArrayError, Kind};
use crate::memory::ArrayMemory;

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// So many parts of an axis, equally long. Views; the list itself is allocated.
    ///
    /// # Errors
    /// If the axis does not exist, or cannot be divided so.
    #[track_caller]
    pub fn split(&self, sections: usize, axis: isize) -> Result<Vec<Self>, ArrayError> {
        let axis = normal_axis(axis, self.ndim())?;
        let length = self.shape()[axis];
        if sections == 0 || !length.is_multiple_of(sections) {
            return Err(Kind::Split { length, sections }.into());
        }
        let part = length / sections;
        let mut parts = Vec::with_capacity(sections);
        for index in 0..sections {
            parts.push(self.part(axis, index * part, (index + 1) * part));
        }
        Ok(parts)
    }

    #[track_caller]
    fn part(&self, axis: usize, start: usize, stop: usize) -> Self {
        self.cut("split", |view| {
            view.slice_axis_move(Axis(axis), Slice::from(start..stop))
        })
    }

    /// Parts along the first axis of at most so many bytes each, but at least of length 1:
    /// to work through an array, such as a mapped file, in bounded memory. Views.
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
        let length = self.shape().first().copied().unwrap_or(0);
        let row_nbytes = self.nbytes().checked_div(length).unwrap_or(0).max(1);
        let rows = (nbytes / row_nbytes).max(1);
        (0..length.div_ceil(rows))
            .map(move |chunk| self.part(0, chunk * rows, length.min((chunk + 1) * rows)))
    }
}
