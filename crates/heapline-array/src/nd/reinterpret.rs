//! The same bytes as elements of another dtype.

use ndarray::Dimension;

use super::create::allocate;
use super::{NdArray, Order};
use crate::error::{self, ArrayError};
use crate::memory::ArrayMemory;
use crate::placement::signed;
use crate::{Element, Kind};

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The real parts; elements that are not complex are their own. A view.
    #[track_caller]
    #[must_use]
    pub fn real(&self) -> NdArray<A::Real, D> {
        self.component("real", 0)
    }

    /// The imaginary parts. A view where elements are complex; else, as in NumPy, a new
    /// read-only buffer of zeros, in Fortran's order if this one is and not in C's.
    ///
    /// ```
    /// use heapline_array::{ArrayMemory, Complex, NdArray};
    ///
    /// let z = NdArray::from_vec(vec![Complex::new(1.0, 2.0)]);
    /// assert_eq!((z.imag().view()[0], z.imag().is_view()), (2.0, true));
    /// let zeros = z.real().imag();
    /// assert_eq!((zeros.view()[0], zeros.is_view()), (0.0, false));
    /// assert!(!zeros.flags().writeable);
    /// ```
    ///
    /// # Panics
    /// If elements are not complex and there is no memory for the zeros.
    #[track_caller]
    #[must_use]
    pub fn imag(&self) -> NdArray<A::Real, D> {
        if A::DTYPE.kind() == Kind::Complex {
            return self.component("imag", size_of::<A::Real>());
        }
        let is_fortran = Order::A.is_fortran(self.flags());
        match allocate(self.raw_dim(), is_fortran) {
            Ok(zeros) => NdArray::made(zeros, "imag").read_only(),
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    fn component(&self, operation: &'static str, offset: usize) -> NdArray<A::Real, D> {
        let layout = self.memory_layout();
        let mut strides = signed(self.raw_dim(), layout.strides);
        let parts = size_of::<A>() / size_of::<A::Real>();
        for stride in strides.slice_mut() {
            *stride = stride.wrapping_mul(parts);
        }
        let address = layout.address.wrapping_add(offset);
        self.placed(operation, address, self.raw_dim(), strides)
            .unwrap_or_else(|_| unreachable!("a part lies inside its number"))
    }

    /// The bytes as elements of another dtype: NumPy's `a.view(dtype)`. A view.
    ///
    /// Elements of other size make the last axis longer or shorter; its elements must
    /// follow each other then. As `bool` the bytes of the whole buffer are looked at.
    ///
    /// ```
    /// use heapline_array::NdArray;
    ///
    /// let ones = NdArray::<f32, _>::ones((2, 3));
    /// let bits = ones.view_dtype::<u32>()?;
    /// assert_eq!(bits.view()[[0, 0]], 0x3f80_0000);
    /// assert_eq!(ones.view_dtype::<u8>()?.shape(), [2, 12]);
    /// # Ok::<(), heapline_array::ArrayError>(())
    /// ```
    ///
    /// # Errors
    /// If the last axis cannot be divided so, if the bytes are not aligned for the dtype (as
    /// references to elements must be in Rust; NumPy allows it), or if a `bool` would be
    /// neither 0 nor 1.
    #[track_caller]
    pub fn view_dtype<B: Element>(&self) -> Result<NdArray<B, D>, ArrayError> {
        let layout = self.memory_layout();
        let (old, new) = (size_of::<A>(), size_of::<B>());
        let refused = || error::Kind::ItemSize {
            dtype: B::DTYPE,
            itemsize: old,
        };
        let mut shape = self.raw_dim();
        let mut strides = signed(self.raw_dim(), layout.strides);
        if old != new {
            let last = layout.shape.len().checked_sub(1).ok_or_else(refused)?;
            let nbytes = layout.shape[last] * old;
            let is_contiguous = layout.shape[last] == 1 || layout.strides[last] == 1;
            if !nbytes.is_multiple_of(new) || !(is_contiguous || layout.is_empty()) {
                return Err(refused().into());
            }
            for (axis, stride) in strides.slice_mut().iter_mut().enumerate() {
                let in_bytes = *stride as isize * old as isize;
                let moves = layout.shape[axis] > 1 && axis != last && !layout.is_empty();
                if moves && in_bytes % new as isize != 0 {
                    return Err(error::Kind::Misaligned { dtype: B::DTYPE }.into());
                }
                *stride = (in_bytes / new as isize) as usize;
            }
            shape[last] = nbytes / new;
            strides[last] = 1;
        }
        self.placed("view_dtype", layout.address, shape, strides)
            .map_err(|why| ArrayError::misplaced(why, B::DTYPE, old))
    }
}
