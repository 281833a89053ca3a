//! What NumPy says of an array's memory, for every array and view of ndarray.

mod layout;
mod overlap;
mod ownership;
mod progression;
mod unique;

pub(crate) use unique::unique_nbytes_from_strides;

pub use layout::{Flags, MemoryLayout};
pub use overlap::TooHard;
pub use ownership::{Ownership, Owns};

use std::ops::Range;

use ndarray::{ArrayBase, ArrayRef, Data, Dimension};

use crate::notes;
use crate::{DType, Element};

/// The memory of an array: how many bytes, which, and whether another's are among them.
///
/// Brought into scope, it is there for every array and view of ndarray.
///
/// ```
/// use heapline_array::ArrayMemory;
/// use ndarray::{Array1, s};
///
/// let row = Array1::<f64>::zeros(1000);
/// let wide = row.broadcast((1000, 1000)).expect("a row fits");
/// assert_eq!(wide.nbytes(), 8_000_000);
/// assert_eq!(wide.unique_nbytes(), 8_000);
/// assert_eq!(wide.byte_strides().collect::<Vec<_>>(), [0, 8]);
///
/// let (even, odd) = (row.slice(s![..;2]), row.slice(s![1..;2]));
/// assert!(even.may_share_memory(&odd));
/// assert!(!even.shares_memory(&odd));
/// ```
///
/// How many bytes the buffer behind a borrowed view has, nobody in the process knows:
/// see [`NdArray`](crate::NdArray) for handles that do.
pub trait ArrayMemory {
    /// Where the elements lie. Allocates nothing.
    fn memory_layout(&self) -> MemoryLayout<'_>;

    /// The dtype of the elements. Allocates nothing.
    fn dtype(&self) -> DType {
        self.memory_layout().dtype
    }

    /// Bytes of one element. Allocates nothing.
    fn itemsize(&self) -> usize {
        self.dtype().itemsize()
    }

    /// Elements times bytes of one: NumPy's, where repeated elements count as often as
    /// they are repeated. Allocates nothing.
    fn nbytes(&self) -> usize {
        self.memory_layout().nbytes()
    }

    /// Distinct bytes of the elements.
    ///
    /// Keeps nothing. Where strides make elements overlap irregularly its peak is a bitmap of
    /// the extent: one bit for each of [`byte_bounds`](Self::byte_bounds), in words of 8
    /// bytes. Else it allocates nothing, up to seven axes along which something moves.
    fn unique_nbytes(&self) -> usize {
        unique::unique_nbytes(self.memory_layout())
    }

    /// Bytes from an element to the next, for each axis. Those of axes of length 1 and of
    /// empty arrays mean nothing. Allocates nothing.
    fn byte_strides(&self) -> impl Iterator<Item = isize> {
        self.memory_layout().byte_strides()
    }

    /// Whether elements follow each other without gaps, in which order, and whether they may
    /// be written. Allocates nothing.
    fn flags(&self) -> Flags {
        self.memory_layout().flags()
    }

    /// Addresses from the lowest byte to one past the highest; empty for an empty array.
    /// Allocates nothing.
    fn byte_bounds(&self) -> Range<usize> {
        self.memory_layout().byte_bounds()
    }

    /// Whether the extents overlap: quick, and true for some arrays without common bytes.
    /// Allocates nothing.
    fn may_share_memory(&self, other: &(impl ArrayMemory + ?Sized)) -> bool {
        overlap::extents_overlap(self.memory_layout(), other.memory_layout())
    }

    /// Whether there is a byte in both. Exact; for arrays of many odd strides it can take
    /// exponential time: see [`try_shares_memory`](Self::try_shares_memory).
    ///
    /// Keeps nothing. Its peak, where extents overlap, is a list of 64 bytes for each term of
    /// the search: one for each axis of both along which something moves, and one for the bytes
    /// of an element, less those whose steps go on where another's end. From nine on it is up
    /// to three times as much.
    fn shares_memory(&self, other: &(impl ArrayMemory + ?Sized)) -> bool {
        // Nobody counts to u64::MAX.
        self.try_shares_memory(other, u64::MAX).unwrap_or(true)
    }

    /// Whether there is a byte in both. Keeps nothing; its peak is that of
    /// [`shares_memory`](Self::shares_memory).
    ///
    /// # Errors
    /// [`TooHard`] if that was not found in `max_work` steps of the search.
    fn try_shares_memory(
        &self,
        other: &(impl ArrayMemory + ?Sized),
        max_work: u64,
    ) -> Result<bool, TooHard> {
        overlap::share_bytes(self.memory_layout(), other.memory_layout(), max_work)
    }

    /// Gives the array a name and this line in a recording, if one runs; see
    /// [`heapline::arrays`]. In reports it is there as long as its block is, also where that
    /// is reallocated. A borrowed view has no end of its own, so it is shown as the array.
    /// Allocates nothing.
    #[track_caller]
    fn track(&self, name: &str) -> &Self {
        notes::tracked(&self.memory_layout(), name, std::panic::Location::caller());
        self
    }
}

impl<A: Element, D: Dimension> ArrayMemory for ArrayRef<A, D> {
    fn memory_layout(&self) -> MemoryLayout<'_> {
        MemoryLayout {
            dtype: A::DTYPE,
            address: self.as_ptr().addr(),
            shape: self.shape(),
            strides: self.strides(),
            is_read_only: false,
        }
    }
}

impl<S, D> ArrayMemory for ArrayBase<S, D>
where
    S: Data,
    S::Elem: Element,
    D: Dimension,
{
    fn memory_layout(&self) -> MemoryLayout<'_> {
        ArrayRef::memory_layout(self)
    }
}
