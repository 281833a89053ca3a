//! Another number of elements in the same buffer.

use std::fmt;
use std::panic::Location;

use ndarray::{Dimension, IntoDimension};

use super::NdArray;
use crate::error::{CreateError, MemoryError};
use crate::memory::ArrayMemory;
use crate::placement::contiguous;
use crate::{Element, nbytes_for};

/// Why an array was not resized in place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeError {
    /// Other handles use the buffer.
    Shared,
    /// The array is a view of a buffer that others use, read-only, of another dtype than the
    /// buffer, or not all of its elements in order.
    View,
    /// There is no memory for it.
    Create(CreateError),
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResizeError::Shared => {
                f.write_str("cannot resize an array that other handles share a buffer with")
            }
            ResizeError::View => f.write_str("cannot resize this array: it does not own its data"),
            ResizeError::Create(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ResizeError {}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// Changes shape and number of elements in place: NumPy's method `resize`. Elements keep
    /// their order in memory, new ones are zero. The block grows or shrinks by
    /// reallocation, and has no spare capacity then: keeps the difference of the two, and its
    /// peak is the new block, or both if the allocator has to move it.
    ///
    /// A clone or view that became the only handle of a whole buffer is resized, too, and
    /// counts as its first handle from then on. NumPy refuses all views.
    ///
    /// # Errors
    /// If the buffer has other handles, if the array is not all of it, contiguous, and
    /// writeable, or if there is no memory. The array is unchanged then.
    #[track_caller]
    pub fn resize(&mut self, shape: impl IntoDimension<Dim = D>) -> Result<(), ResizeError> {
        let shape = shape.into_dimension();
        let too_big = |error| ResizeError::Create(CreateError::TooBig(error));
        let nbytes = nbytes_for(shape.slice(), A::DTYPE).map_err(too_big)?;
        let flags = self.flags();
        let is_contiguous = flags.c_contiguous || flags.f_contiguous;
        let is_whole = self.nbytes() == self.storage.buffer().nbytes() && self.storage.is_of_vec();
        let is_shared = self.holders() > 1;
        if is_shared && self.is_view() || !self.is_writeable() || !is_contiguous || !is_whole {
            return Err(ResizeError::View);
        }
        if is_shared {
            return Err(ResizeError::Shared);
        }
        let is_fortran = flags.f_contiguous && !flags.c_contiguous;
        let strides = contiguous(&shape, is_fortran);
        let refused = shape.clone();
        if self.storage.resize(nbytes / size_of::<A>(), shape, strides) {
            self.become_first();
            self.note_made("resize", Location::caller());
            Ok(())
        } else {
            let error = MemoryError::new(refused.slice(), A::DTYPE, nbytes);
            Err(ResizeError::Create(CreateError::Memory(error)))
        }
    }
}
