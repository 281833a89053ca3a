//! Axes in another order, reversed, added, taken away. Always views.

use ndarray::{Axis, Dimension, IxDyn};

use super::NdArray;
use crate::Element;
use crate::error::{ArrayError, Kind};
use crate::memory::ArrayMemory;

/// One axis or several; negative ones count from the last.
pub trait AxisList {
    /// The axes, as given.
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
    super::index::position(axis, ndim).ok_or_else(|| Kind::Axis { axis, ndim }.into())
}

/// Marks the axes that are listed, of `ndim`.
pub(super) fn marked(axes: &[isize], ndim: usize) -> Result<IxDyn, ArrayError> {
    let mut marks = IxDyn::zeros(ndim);
    for axis in axes {
        let axis = normal_axis(*axis, ndim)?;
        if std::mem::replace(&mut marks[axis], 1) == 1 {
            return Err(Kind::RepeatedAxis.into());
        }
    }
    Ok(marks)
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The axes in reverse order. A view.
    #[track_caller]
    #[must_use]
    pub fn t(&self) -> Self {
        self.cut("t", |view| view.reversed_axes())
    }

    /// The axes in another order: NumPy's `transpose(axes)`. A view.
    ///
    /// # Errors
    /// If it is not each axis once.
    #[track_caller]
    pub fn permuted_axes(&self, axes: impl AxisList) -> Result<Self, ArrayError> {
        let axes = axes.axes();
        if axes.len() != self.ndim() {
            return Err(Kind::AxisCount.into());
        }
        marked(axes, self.ndim())?;
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
        Ok(self.cut("swapaxes", |mut view| {
            view.swap_axes(first, second);
            view
        }))
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
            return Err(Kind::AxisCount.into());
        }
        let moves = marked(source, ndim)?;
        let is_taken = marked(destination, ndim)?;
        let mut order = self.raw_dim();
        for (from, to) in source.iter().zip(destination) {
            order[normal_axis(*to, ndim)?] = normal_axis(*from, ndim)?;
        }
        let mut staying = (0..ndim).filter(|axis| moves[*axis] == 0);
        for place in (0..ndim).filter(|place| is_taken[*place] == 0) {
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
        let reversed = marked(axes.axes(), self.ndim())?;
        Ok(self.cut("flip", |mut view| {
            let axes = 0..view.ndim();
            for axis in axes.filter(|axis| reversed[*axis] == 1) {
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
        let is_new = marked(axes.axes(), self.ndim() + axes.axes().len())?;
        let layout = self.memory_layout();
        let mut axes = layout.shape.iter().zip(layout.strides);
        let (mut shape, mut strides) = (is_new.clone(), is_new.clone());
        for place in 0..is_new.ndim() {
            let fresh = (&1, &0);
            let (length, stride) = match is_new[place] {
                1 => fresh,
                _ => axes.next().unwrap_or(fresh),
            };
            (shape[place], strides[place]) = (*length, *stride as usize);
        }
        self.placed("expand_dims", layout.address, shape, &strides)
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
        let goes = marked(axes.axes(), self.ndim())?;
        let lengths = self.shape().iter().copied().enumerate();
        for (axis, length) in lengths.filter(|(axis, _)| goes[*axis] == 1) {
            if length != 1 {
                return Err(Kind::Squeeze { axis, length }.into());
            }
        }
        Ok(self.without("squeeze", |axis, _| goes[axis] == 1))
    }

    #[track_caller]
    fn without(
        &self,
        operation: &'static str,
        goes: impl Fn(usize, usize) -> bool,
    ) -> NdArray<A, IxDyn> {
        self.cut(operation, |view| {
            let mut view = view.into_dyn();
            for axis in (0..view.ndim()).rev() {
                if goes(axis, view.shape()[axis]) {
                    view = view.index_axis_move(Axis(axis), 0);
                }
            }
            view
        })
    }
}
