//! Axes in another order, reversed, added, taken away. Always views.

use ndarray::{ArrayView, Axis, AxisDescription, Dimension, IxDyn};

use super::NdArray;
use super::index::position;
use crate::Element;
use crate::error::{ArrayError, Kind};
use crate::memory::ArrayMemory;
use crate::placement::signed;

/// One axis or several; negative ones count from the last.
pub trait AxisList {
    /// The axes, as given. Allocates nothing.
    fn axes(&self) -> &[isize];
}

impl AxisList for isize {
    fn axes(&self) -> &[isize] {
        std::slice::from_ref(self)
    }
}

impl<const N: usize> AxisList for [isize; N] {
    fn axes(&self) -> &[isize] {
        self
    }
}

impl AxisList for &[isize] {
    fn axes(&self) -> &[isize] {
        self
    }
}

/// The axis that a number means.
pub(super) fn normal_axis(axis: isize, ndim: usize) -> Result<usize, ArrayError> {
    position(axis, ndim).ok_or_else(|| Kind::Axis { axis, ndim }.into())
}

/// Checks that each of the axes is there, and listed once.
fn check_axes(axes: &[isize], ndim: usize) -> Result<(), ArrayError> {
    for (place, axis) in axes.iter().enumerate() {
        let axis = normal_axis(*axis, ndim)?;
        if lists(&axes[..place], ndim, axis) {
            return Err(Kind::RepeatedAxis { axis }.into());
        }
    }
    Ok(())
}

/// Whether the axis is listed, of `ndim`. Lists are short: looking through one is less than
/// to mark its axes somewhere.
fn lists(axes: &[isize], ndim: usize, axis: usize) -> bool {
    let mut axes = axes.iter();
    axes.any(|listed| position(*listed, ndim) == Some(axis))
}

/// The axis along which elements lie closest to each other, of those that have several.
pub(super) fn fastest_axis<A, D: Dimension>(view: &ArrayView<'_, A, D>) -> Option<AxisDescription> {
    let moving = view.axes().filter(|axis| axis.len > 1 && axis.stride != 0);
    moving.min_by_key(|axis| axis.stride.unsigned_abs())
}

/// A shape and strides of so many axes, to be filled in as slices: asking such a dimension
/// for one place after the other asks each time where it keeps them.
#[inline(always)]
pub(super) fn unfilled(ndim: usize) -> (IxDyn, IxDyn) {
    (IxDyn::zeros(ndim), IxDyn::zeros(ndim))
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The axes in reverse order. A view.
    #[track_caller]
    #[must_use]
    pub fn t(&self) -> Self {
        self.rearranged("t", |axes| axes.reverse())
    }

    /// The axes in another order: NumPy's `transpose(axes)`. A view.
    ///
    /// # Errors
    /// If it is not each axis once.
    #[track_caller]
    pub fn permuted_axes(&self, axes: impl AxisList) -> Result<Self, ArrayError> {
        let axes = axes.axes();
        if axes.len() != self.ndim() {
            return Err(Kind::AxisCount {
                given: axes.len(),
                needed: self.ndim(),
            }
            .into());
        }
        check_axes(axes, self.ndim())?;
        let mut order = self.raw_dim();
        for (place, axis) in order.slice_mut().iter_mut().zip(axes) {
            *place = normal_axis(*axis, axes.len())?;
        }
        Ok(self.cut("permuted_axes", |view| view.permuted_axes(order)))
    }

    /// Two axes in each other's place. A view.
    ///
    /// # Errors
    /// If one does not exist.
    #[track_caller]
    pub fn swapaxes(&self, axis1: isize, axis2: isize) -> Result<Self, ArrayError> {
        let first = normal_axis(axis1, self.ndim())?;
        let second = normal_axis(axis2, self.ndim())?;
        Ok(self.rearranged("swapaxes", |axes| axes.swap(first, second)))
    }

    /// Some axes in other places, the others in their order. A view.
    ///
    /// # Errors
    /// If one does not exist or is given twice, or if there are not as many of both.
    #[track_caller]
    pub fn moveaxis(
        &self,
        source: impl AxisList,
        destination: impl AxisList,
    ) -> Result<Self, ArrayError> {
        let (source, destination, ndim) = (source.axes(), destination.axes(), self.ndim());
        if source.len() != destination.len() {
            return Err(Kind::AxisCount {
                given: destination.len(),
                needed: source.len(),
            }
            .into());
        }
        check_axes(source, ndim)?;
        check_axes(destination, ndim)?;
        let mut order = self.raw_dim();
        for (from, to) in source.iter().zip(destination) {
            order[normal_axis(*to, ndim)?] = normal_axis(*from, ndim)?;
        }
        let mut staying = (0..ndim).filter(|axis| !lists(source, ndim, *axis));
        for place in (0..ndim).filter(|place| !lists(destination, ndim, *place)) {
            // There are as many places left as axes.
            order[place] = staying.next().unwrap_or(0);
        }
        Ok(self.cut("moveaxis", |view| view.permuted_axes(order)))
    }

    /// Some axes reversed; with an empty list, none. A view.
    ///
    /// # Errors
    /// If one does not exist or is given twice.
    #[track_caller]
    pub fn flip(&self, axes: impl AxisList) -> Result<Self, ArrayError> {
        let (listed, ndim) = (axes.axes(), self.ndim());
        check_axes(listed, ndim)?;
        Ok(self.cut("flip", |mut view| {
            for axis in (0..ndim).filter(|axis| lists(listed, ndim, *axis)) {
                view.invert_axis(Axis(axis));
            }
            view
        }))
    }

    /// New axes of length 1, at these places of the result. A view.
    ///
    /// # Errors
    /// If there is no such place, or one is given twice.
    #[track_caller]
    pub fn expand_dims(&self, axes: impl AxisList) -> Result<NdArray<A, IxDyn>, ArrayError> {
        let new = axes.axes();
        let ndim = self.ndim() + new.len();
        check_axes(new, ndim)?;
        let layout = self.memory_layout();
        let mut axes = layout.shape.iter().zip(layout.strides);
        let (mut shape, mut strides) = unfilled(ndim);
        let places = shape.slice_mut().iter_mut().zip(strides.slice_mut());
        for (place, (length, stride)) in places.enumerate() {
            let fresh = (&1, &0);
            let own = match lists(new, ndim, place) {
                true => fresh,
                false => axes.next().unwrap_or(fresh),
            };
            (*length, *stride) = (*own.0, *own.1 as usize);
        }
        self.placed("expand_dims", layout.address, shape, strides)
            .map_err(|_| unreachable!("the elements are the same"))
    }

    /// An element as a row of one, where the number of dimensions can grow; what NumPy takes
    /// it for wherever there must be an axis. A view.
    #[track_caller]
    pub(super) fn as_row(&self, operation: &'static str) -> Option<Self> {
        if D::NDIM.is_some() || self.ndim() > 0 {
            return None;
        }
        Some(self.cut(operation, |view| {
            let row = view.insert_axis(Axis(0)).into_dimensionality();
            row.unwrap_or_else(|_| unreachable!("any number of axes will do"))
        }))
    }

    /// Without the axes of length 1. A view.
    #[track_caller]
    #[must_use]
    pub fn squeeze(&self) -> NdArray<A, IxDyn> {
        self.without("squeeze", |_, length| length == 1)
    }

    /// Without these axes, all of length 1. A view.
    ///
    /// # Errors
    /// If one does not exist, is given twice or has another length.
    #[track_caller]
    pub fn squeeze_axes(&self, axes: impl AxisList) -> Result<NdArray<A, IxDyn>, ArrayError> {
        if self.ndim() == 0 && axes.axes().iter().all(|axis| [0, -1].contains(axis)) {
            // NumPy lets an element pass for a row of one.
            return Ok(self.to_dyn());
        }
        let (listed, ndim) = (axes.axes(), self.ndim());
        check_axes(listed, ndim)?;
        let lengths = self.shape().iter().copied().enumerate();
        for (axis, length) in lengths.filter(|(axis, _)| lists(listed, ndim, *axis)) {
            if length != 1 {
                return Err(Kind::Squeeze { axis, length }.into());
            }
        }
        Ok(self.without("squeeze", |axis, _| lists(listed, ndim, axis)))
    }

    /// The same elements, with lengths and strides both in another order.
    #[track_caller]
    fn rearranged(&self, operation: &'static str, order: impl Fn(&mut [usize])) -> Self {
        let layout = self.memory_layout();
        let mut shape = self.raw_dim();
        let mut strides = signed(self.raw_dim(), layout.strides);
        order(shape.slice_mut());
        order(strides.slice_mut());
        self.placed(operation, layout.address, shape, strides)
            .unwrap_or_else(|_| unreachable!("the elements are the same"))
    }

    #[track_caller]
    fn without(
        &self,
        operation: &'static str,
        goes: impl Fn(usize, usize) -> bool,
    ) -> NdArray<A, IxDyn> {
        let layout = self.memory_layout();
        let stays = || {
            let axes = layout.shape.iter().zip(layout.strides).enumerate();
            axes.filter(|(axis, (length, _))| !goes(*axis, **length))
        };
        let (mut shape, mut strides) = unfilled(stays().count());
        let places = shape.slice_mut().iter_mut().zip(strides.slice_mut());
        for ((length, stride), (_, (own_length, own_stride))) in places.zip(stays()) {
            (*length, *stride) = (*own_length, *own_stride as usize);
        }
        self.placed(operation, layout.address, shape, strides)
            .unwrap_or_else(|_| unreachable!("the elements are the same"))
    }
}
