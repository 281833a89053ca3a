//! Where the elements of an array lie: address, shape, strides, bytes of one.

use std::ops::Range;

use crate::DType;

/// Where the elements of an array lie.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLayout<'a> {
    pub(crate) dtype: DType,
    /// Of the element whose indices are all 0.
    pub(crate) address: usize,
    pub(crate) shape: &'a [usize],
    /// In elements.
    pub(crate) strides: &'a [isize],
    /// Of a handle that may not be written through.
    pub(crate) is_read_only: bool,
}

/// How the elements follow each other in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flags {
    /// The last axis runs fastest, without gaps.
    pub c_contiguous: bool,
    /// The first axis runs fastest, without gaps.
    pub f_contiguous: bool,
    /// No element is repeated by a stride of 0, and the array is not
    /// [read-only](crate::NdArray::is_writeable). Whether Rust lets it be written is another
    /// question, which borrows and [holders](crate::NdArray::holders) decide.
    pub writeable: bool,
}

impl<'a> MemoryLayout<'a> {
    /// Address of the element whose indices are all 0. Allocates nothing.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// The number of elements along each axis. Allocates nothing.
    #[must_use]
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    pub(crate) fn itemsize(&self) -> usize {
        self.dtype.itemsize()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    pub(crate) fn nbytes(&self) -> usize {
        let count: usize = self.shape.iter().product();
        // ndarray allows `isize::MAX` elements, repeated ones, of any type.
        count.saturating_mul(self.itemsize())
    }

    /// Bytes from one element of an axis to its next.
    pub(crate) fn byte_strides(self) -> impl ExactSizeIterator<Item = isize> + 'a {
        let itemsize = self.itemsize() as isize;
        self.strides.iter().map(move |stride| stride * itemsize)
    }

    /// Lengths and byte strides of the axes along which something moves.
    pub(crate) fn moving_axes(self) -> impl Iterator<Item = (usize, isize)> + 'a {
        let axes = self.shape.iter().copied().zip(self.byte_strides());
        axes.filter(|(length, _)| *length > 1)
    }

    /// Addresses from the lowest byte to one past the highest; empty if there is none.
    pub(crate) fn byte_bounds(&self) -> Range<usize> {
        if self.is_empty() {
            return self.address..self.address;
        }
        let (mut low, mut high) = (self.address, self.address + self.itemsize());
        for (length, stride) in self.moving_axes() {
            let reach = (length - 1) * stride.unsigned_abs();
            match stride {
                ..0 => low -= reach,
                _ => high += reach,
            }
        }
        low..high
    }

    /// As NumPy sees them: axes of length 1 have no say, an empty array is contiguous.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            c_contiguous: self.follow_each_other(self.shape.iter().zip(self.strides).rev()),
            f_contiguous: self.follow_each_other(self.shape.iter().zip(self.strides)),
            writeable: !self.is_read_only
                && (self.is_empty() || self.moving_axes().all(|(_, stride)| stride != 0)),
        }
    }

    fn follow_each_other(&self, axes: impl Iterator<Item = (&'a usize, &'a isize)>) -> bool {
        let mut expected = 1;
        let mut moving = axes.filter(|(length, _)| **length > 1);
        self.is_empty()
            || moving.all(|(length, stride)| {
                let follows = *stride == expected;
                expected *= *length as isize;
                follows
            })
    }
}
