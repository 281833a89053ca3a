//! Bytes of handles inside other values, each buffer once.

use get_size2::{GetSize, GetSizeTracker};
use ndarray::Dimension;

use crate::{AnyArray, Element, HEADER_NBYTES, NdArray, with_array};

/// The heap bytes are the buffer's block and its record, for the first handle that a tracker
/// sees of it; mapped files are not on the heap. The question allocates what the tracker does.
///
/// ```
/// use get_size2::{GetSize, StandardTracker};
/// use heapline_array::{HEADER_NBYTES, NdArray};
///
/// let a = NdArray::<f64, _>::zeros(1000);
/// let both = (a.t(), a);
/// let (nbytes, _) = both.get_heap_size_with_tracker(StandardTracker::new());
/// assert_eq!(nbytes, 8000 + HEADER_NBYTES);
/// ```
impl<A: Element, D: Dimension> GetSize for NdArray<A, D> {
    fn get_heap_size_with_tracker<T: GetSizeTracker>(&self, mut tracker: T) -> (usize, T) {
        let base = self.base();
        let handle_nbytes = if D::NDIM.is_none() && self.ndim() > 4 {
            // Shape and strides of many dynamic axes are ndarray's on the heap.
            2 * size_of_val(self.shape())
        } else {
            0
        };
        let is_first = tracker.track(self.buffer_address());
        let buffer_nbytes = match (is_first, base.is_mapped) {
            (false, _) => 0,
            (true, true) => HEADER_NBYTES,
            (true, false) => HEADER_NBYTES + base.capacity_nbytes,
        };
        (handle_nbytes + buffer_nbytes, tracker)
    }
}

impl GetSize for AnyArray {
    fn get_heap_size_with_tracker<T: GetSizeTracker>(&self, tracker: T) -> (usize, T) {
        with_array!(self, array => array.get_heap_size_with_tracker(tracker))
    }
}
