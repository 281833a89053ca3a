//! Another shape of the same elements: a view wherever strides can say it.

use ndarray::{Dimension, IntoDimension, Ix1};

use super::NdArray;
use super::copy::{Order, in_order};
use crate::Element;
use crate::error::{ArrayError, Kind};
use crate::memory::ArrayMemory;
use crate::nbytes_for;

/// Stands for one length that follows from the others: NumPy's -1.
pub const INFER: usize = usize::MAX;

/// Whether elements may be copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// Only if there is no other way.
    #[default]
    IfNeeded,
    /// An error if there is no other way.
    Never,
    /// In any case.
    Always,
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The elements in another shape, read and filled in this order (`K` is none here). One
    /// length may be [`INFER`].
    ///
    /// A view wherever strides can say it, by NumPy's rule; else a copy, unless `copy`
    /// forbids it.
    ///
    /// ```
    /// use heapline_array::{CopyMode, INFER, NdArray, Order};
    ///
    /// let m = NdArray::<f32, _>::zeros((4, 6));
    /// let row = m.reshape(INFER, Order::C, CopyMode::Never)?;
    /// assert!(row.is_view());
    /// let column_by_column = m.t().reshape(INFER, Order::C, CopyMode::IfNeeded)?;
    /// assert!(column_by_column.owns_data());
    /// # Ok::<(), heapline_array::ArrayError>(())
    /// ```
    ///
    /// # Errors
    /// If the shape is of another number of elements, the order is `K`, or a copy is needed
    /// and forbidden, or there is no memory for it.
    #[track_caller]
    pub fn reshape<E: IntoDimension>(
        &self,
        shape: E,
        order: Order,
        copy: CopyMode,
    ) -> Result<NdArray<A, E::Dim>, ArrayError> {
        let shape = self.inferred(shape.into_dimension())?;
        if order == Order::K {
            return Err(Kind::OrderOfElements.into());
        }
        // Flags are looked at only where the order depends on them.
        let is_fortran = order == Order::F || order == Order::A && order.is_fortran(self.flags());
        let layout = self.memory_layout();
        let strides = reshaped(layout.shape, layout.strides, &shape, is_fortran);
        match (strides, copy) {
            (Some(strides), CopyMode::IfNeeded | CopyMode::Never) => self
                .placed("reshape", layout.address, shape, strides)
                .map_err(|_| unreachable!("the elements are the same")),
            (None, CopyMode::Never) => Err(Kind::WouldCopy.into()),
            (_, CopyMode::IfNeeded | CopyMode::Always) => {
                let order = if is_fortran { Order::F } else { Order::C };
                let copy = in_order(self.view(), order)?;
                let order = match order {
                    Order::F => ndarray::Order::F,
                    _ => ndarray::Order::C,
                };
                let copy = copy.into_shape_with_order((shape, order));
                let copy = copy.unwrap_or_else(|_| unreachable!("contiguous, and as many"));
                Ok(self.copied(copy, "reshape"))
            }
        }
    }

    /// The elements as one row, in this order: a view if they are contiguous in it, else a
    /// copy.
    ///
    /// # Panics
    /// If a copy is needed and there is no memory for it.
    #[track_caller]
    #[must_use]
    pub fn ravel(&self, order: Order) -> NdArray<A, Ix1> {
        let flags = self.flags();
        let is_contiguous = match order {
            Order::C => flags.c_contiguous,
            Order::F => flags.f_contiguous,
            Order::A => flags.c_contiguous || flags.f_contiguous,
            Order::K => self.is_dense(),
        };
        if is_contiguous {
            let (row, address) = (Ix1(self.len()), self.memory_layout().address);
            self.placed("ravel", address, row, Ix1(1))
                .unwrap_or_else(|_| unreachable!("the elements are the same"))
        } else {
            self.flat_copy(order, "ravel")
        }
    }

    /// Whether the elements follow each other without gaps in some order of the axes.
    fn is_dense(&self) -> bool {
        let layout = self.memory_layout();
        let moving = || {
            let axes = layout.shape.iter().zip(layout.strides);
            axes.filter(|(length, _)| **length > 1)
        };
        let mut expected = 1;
        let mut axes_left = moving().count();
        // Every axis has the stride that another one ends at: strides differ, so each is
        // found once.
        while let Some((length, _)) = moving().find(|(_, stride)| **stride == expected) {
            expected *= *length as isize;
            axes_left -= 1;
        }
        axes_left == 0 || layout.is_empty()
    }

    /// The shape with its length inferred, if it is of as many elements.
    #[inline]
    fn inferred<E: Dimension>(&self, mut shape: E) -> Result<E, ArrayError> {
        let refused = |to: &[usize]| Kind::Reshape {
            from: self.shape().to_vec(),
            to: to.to_vec(),
        };
        let lengths = shape.slice_mut();
        let mut open = lengths
            .iter()
            .enumerate()
            .filter(|(_, length)| **length == INFER);
        if let Some((axis, _)) = open.next() {
            if open.next().is_some() {
                return Err(refused(lengths).into());
            }
            lengths[axis] = 1;
            nbytes_for(lengths, A::DTYPE)?;
            let known: usize = lengths.iter().product();
            if known == 0 || !self.len().is_multiple_of(known) {
                lengths[axis] = INFER;
                return Err(refused(lengths).into());
            }
            lengths[axis] = self.len() / known;
        }
        let count = lengths
            .iter()
            .try_fold(1, |count: usize, length| count.checked_mul(*length));
        if count == Some(self.len()) && !self.is_empty() {
            return Ok(shape);
        }
        // Lengths beside a zero can be too large as well.
        nbytes_for(lengths, A::DTYPE)?;
        if count == Some(self.len()) {
            Ok(shape)
        } else {
            Err(refused(lengths).into())
        }
    }
}

/// The strides of the new shape over the same elements, if there are any.
#[inline]
fn reshaped<E: Dimension>(
    shape: &[usize],
    strides: &[isize],
    new_shape: &E,
    is_fortran: bool,
) -> Option<E> {
    let axes = || shape.iter().copied().zip(strides.iter().copied());
    let mut strides = E::zeros(new_shape.ndim());
    if shape.contains(&0) {
        return Some(strides);
    }
    let (new_shape, new_strides) = (new_shape.slice(), strides.slice_mut());
    let step = if is_fortran {
        step(axes())
    } else {
        step(axes().rev())
    };
    let places = 0..new_shape.len();
    match (step, is_fortran) {
        (Some(step), false) => spread(step, new_shape.iter().zip(new_strides).rev()),
        (Some(step), true) => spread(step, new_shape.iter().zip(new_strides)),
        (None, false) => regroup(axes(), places, new_shape, new_strides)?,
        (None, true) => regroup(axes().rev(), places.rev(), new_shape, new_strides)?,
    }
    Some(strides)
}

/// The stride from each element to the next in order of the axes, fastest first, if that is
/// the same everywhere.
#[inline]
fn step(axes: impl Iterator<Item = (usize, isize)>) -> Option<isize> {
    let mut axes = axes.filter(|(length, _)| *length > 1);
    let (length, step) = axes.next().unwrap_or((1, 1));
    let end = axes.try_fold(length as isize * step, |end, (length, stride)| {
        (stride == end).then(|| length as isize * stride)
    });
    end.map(|_| step)
}

/// Strides of axes, fastest first, whose elements are all so far from the next.
#[inline]
fn spread<'a>(step: isize, axes: impl Iterator<Item = (&'a usize, &'a mut usize)>) {
    let mut next = step;
    for (length, stride) in axes {
        *stride = next as usize;
        next *= *length as isize;
    }
}

/// Takes old and new axes, slowest first, in groups of as many elements. The old ones of a
/// group must follow each other; then the new ones take their place.
#[inline]
fn regroup(
    old: impl Iterator<Item = (usize, isize)> + Clone,
    mut places: impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + Clone,
    new_shape: &[usize],
    new_strides: &mut [usize],
) -> Option<()> {
    let mut old = old.filter(|(length, _)| *length > 1);
    while let Some((mut old_count, mut old_stride)) = old.next() {
        let group = places.clone();
        let mut new_count = 1;
        let mut group_places = 0;
        loop {
            if new_count < old_count || group_places == 0 {
                // There are as many new elements as old ones, so there is a place left.
                new_count *= new_shape[places.next()?];
                group_places += 1;
            } else if old_count < new_count {
                let (length, stride) = old.next()?;
                if old_stride != length as isize * stride {
                    return None;
                }
                old_count *= length;
                old_stride = stride;
            } else {
                break;
            }
        }
        // Within the group the fastest place has the fastest stride, and so on.
        let mut stride = old_stride;
        for place in group.take(group_places).rev() {
            new_strides[place] = stride as usize;
            stride *= new_shape[place] as isize;
        }
    }
    // What is left are axes of length 1.
    Some(())
}
