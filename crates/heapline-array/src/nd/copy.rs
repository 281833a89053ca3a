//! Copies in a given order of elements.

use std::cmp::Reverse;

use ndarray::{Array, ArrayView, Dimension, Ix1};

use super::NdArray;
use super::create::{allocate, filled};
use crate::Element;
use crate::error::CreateError;
use crate::memory::{ArrayMemory, Flags};

/// In which order elements follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last axis fastest.
    #[default]
    C,
    /// The first axis fastest.
    F,
    /// `F` if the array is in that order and not in C's, else `C`.
    A,
    /// As the array's own elements lie, as far as possible.
    K,
}

impl Order {
    /// Whether the elements of an array with these flags go in Fortran's order. In order `K`
    /// they do if that is how they lie, and only then is it of two.
    pub(super) fn is_fortran(self, flags: Flags) -> bool {
        match self {
            Order::C => false,
            Order::F => true,
            Order::A | Order::K => flags.f_contiguous && !flags.c_contiguous,
        }
    }
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The elements in a buffer of their own. A copy: of a view its elements alone, of
    /// repeated elements each as often.
    ///
    /// # Panics
    /// If there is no memory for them: see [`try_copy`](Self::try_copy).
    #[track_caller]
    #[must_use]
    pub fn copy(&self, order: Order) -> Self {
        self.copy_as(order, "copy")
    }

    /// The elements in a buffer of their own. A copy, see [`copy`](Self::copy).
    ///
    /// # Errors
    /// If their bytes have no number, or there is no memory for them.
    #[track_caller]
    pub fn try_copy(&self, order: Order) -> Result<Self, CreateError> {
        Ok(self.copied(in_order(self.view(), order)?, "copy"))
    }

    #[track_caller]
    pub(super) fn copy_as(&self, order: Order, operation: &'static str) -> Self {
        match in_order(self.view(), order) {
            Ok(array) => self.copied(array, operation),
            Err(error) => panic!("{error}"),
        }
    }

    /// The elements in C order: a view if they are, else a copy. It has at least one
    /// dimension, where the number of dimensions is not fixed at compile time.
    ///
    /// # Panics
    /// If a copy is needed and there is no memory for it.
    #[track_caller]
    #[must_use]
    pub fn ascontiguousarray(&self) -> Self {
        self.contiguous(Order::C, "ascontiguousarray")
    }

    /// The elements in Fortran order: a view if they are, else a copy. It has at least one
    /// dimension, where the number of dimensions is not fixed at compile time.
    ///
    /// # Panics
    /// If a copy is needed and there is no memory for it.
    #[track_caller]
    #[must_use]
    pub fn asfortranarray(&self) -> Self {
        self.contiguous(Order::F, "asfortranarray")
    }

    #[track_caller]
    fn contiguous(&self, order: Order, operation: &'static str) -> Self {
        if let Some(row) = self.as_row(operation) {
            return row;
        }
        let flags = self.flags();
        let is_so = match order {
            Order::F => flags.f_contiguous,
            _ => flags.c_contiguous,
        };
        if is_so {
            self.cut(operation, |view| view)
        } else {
            self.copy_as(order, operation)
        }
    }

    /// A copy as one row of elements.
    ///
    /// # Panics
    /// If there is no memory for it.
    #[track_caller]
    #[must_use]
    pub fn flatten(&self, order: Order) -> NdArray<A, Ix1> {
        self.flat_copy(order, "flatten")
    }

    #[track_caller]
    pub(super) fn flat_copy(&self, order: Order, operation: &'static str) -> NdArray<A, Ix1> {
        match flat(self.view(), order) {
            Ok(array) => self.copied(array, operation),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A copy of the elements, laid out in this order. Its peak is its result.
pub(super) fn in_order<A: Element, D: Dimension>(
    view: ArrayView<'_, A, D>,
    order: Order,
) -> Result<Array<A, D>, CreateError> {
    if let Some((elements, is_fortran)) = in_memory_order(&view, order) {
        return filled(view.raw_dim(), is_fortran, |copy| {
            copy.extend_from_slice(elements);
        });
    }
    let axes = slowest_first(&view, order);
    let shape = view.raw_dim();
    let (in_memory, back) = lie_as(&shape, &axes);
    let copy = filled(in_memory, false, |copy| {
        push_all(copy, &view.permuted_axes(axes));
    });
    let copy = copy.map_err(|error| error.of_shape(shape.slice()))?;
    Ok(copy.permuted_axes(back))
}

/// Adds the elements in C's order.
fn push_all<A: Element, D: Dimension>(to: &mut Vec<A>, view: &ArrayView<'_, A, D>) {
    if let Some(elements) = view.as_slice() {
        to.extend_from_slice(elements);
        return;
    }
    for row in view.rows() {
        // A range's length is trusted: no element is looked at for room.
        to.extend((0..row.len()).map(|place| row[place]));
    }
}

/// The elements one after the other, and whether in Fortran's order, if they lie as those of
/// a result in this order would.
pub(super) fn in_memory_order<'a, A: Element, D: Dimension>(
    view: &'a ArrayView<'_, A, D>,
    order: Order,
) -> Option<(&'a [A], bool)> {
    let flags = view.flags();
    let is_fortran = order.is_fortran(flags);
    let is_so = match is_fortran {
        true => flags.f_contiguous,
        false => flags.c_contiguous,
    };
    is_so
        .then(|| Some((view.as_slice_memory_order()?, is_fortran)))
        .flatten()
}

/// Zeros of this shape in this order, of elements of any type.
pub(super) fn empty_like<A: Element, B: Element, D: Dimension>(
    view: &ArrayView<'_, A, D>,
    order: Order,
) -> Result<Array<B, D>, CreateError> {
    permuted(&view.raw_dim(), &slowest_first(view, order))
}

/// The axes of a copy in this order, the slowest one first.
fn slowest_first<A: Element, D: Dimension>(view: &ArrayView<'_, A, D>, order: Order) -> D {
    let flags = view.flags();
    let mut axes: D = identity(view.ndim());
    if order == Order::K && !flags.c_contiguous && !flags.f_contiguous {
        let reach = |axis: &usize| Reverse(view.strides()[*axis].unsigned_abs());
        axes.slice_mut().sort_by_key(reach);
    } else if order.is_fortran(flags) {
        axes.slice_mut().reverse();
    }
    axes
}

fn identity<D: Dimension>(ndim: usize) -> D {
    let mut axes = D::zeros(ndim);
    for (axis, place) in axes.slice_mut().iter_mut().enumerate() {
        *place = axis;
    }
    axes
}

/// Zeros of this shape, the axes in memory as listed, slowest first.
pub(super) fn permuted<B: Element, D: Dimension>(
    shape: &D,
    axes: &D,
) -> Result<Array<B, D>, CreateError> {
    let (in_memory, back) = lie_as(shape, axes);
    let zeros = allocate(in_memory, false);
    let zeros = zeros.map_err(|error| error.of_shape(shape.slice()))?;
    Ok(zeros.permuted_axes(back))
}

/// The shape with its axes as listed, and the list that puts them back.
fn lie_as<D: Dimension>(shape: &D, axes: &D) -> (D, D) {
    let (mut in_memory, mut back) = (shape.clone(), shape.clone());
    for (place, axis) in axes.slice().iter().copied().enumerate() {
        in_memory[place] = shape[axis];
        back[axis] = place;
    }
    (in_memory, back)
}

/// The elements in one row. Its peak is its result.
pub(super) fn flat<A: Element, D: Dimension>(
    view: ArrayView<'_, A, D>,
    order: Order,
) -> Result<Array<A, Ix1>, CreateError> {
    let view = if order == Order::K {
        let axes = by_iteration(&view);
        view.permuted_axes(axes)
    } else if order.is_fortran(view.flags()) {
        view.reversed_axes()
    } else {
        view
    };
    filled(Ix1(view.len()), false, |row| push_all(row, &view))
}

/// Axes from the slowest to the fastest in which NumPy's iterator walks elements in order K.
/// Where an axis does not move, C's order stays.
fn by_iteration<A, D: Dimension>(view: &ArrayView<'_, A, D>) -> D {
    let strides = |axis: usize| match view.shape()[axis] {
        1 => 0,
        _ => view.strides()[axis].unsigned_abs(),
    };
    let mut axes: D = identity(view.ndim());
    axes.slice_mut().reverse();
    insert_sorted(axes.slice_mut(), |own, other| {
        let (own, other) = (strides(own), strides(other));
        (own != 0 && other != 0).then_some(own < other)
    });
    axes.slice_mut().reverse();
    axes
}

/// Axes from the slowest to the fastest in which NumPy lays out what it concatenates from
/// these arrays: by their strides, and C's order where they disagree.
pub(super) fn common_order<'a, A: 'a, D: Dimension + 'a>(
    views: impl Iterator<Item = &'a ArrayView<'a, A, D>> + Clone,
    ndim: usize,
) -> D {
    let mut axes: D = identity(ndim);
    insert_sorted(axes.slice_mut(), |own, other| {
        let moving = views
            .clone()
            .filter(|view| view.shape()[own] != 1 && view.shape()[other] != 1);
        let stride = |view: &ArrayView<'_, A, D>, axis: usize| view.strides()[axis].unsigned_abs();
        let mut slower = moving.map(|view| stride(view, own) > stride(view, other));
        let first = slower.next()?;
        Some(first && slower.all(|is_slower| is_slower))
    });
    axes
}

/// NumPy's stable insertion sort of axes: each moves before those that it precedes, up to one
/// that it does not. Those that do not compare are passed over.
fn insert_sorted(axes: &mut [usize], precedes: impl Fn(usize, usize) -> Option<bool>) {
    for next in 1..axes.len() {
        let mut place = next;
        for other in (0..next).rev() {
            match precedes(axes[next], axes[other]) {
                Some(true) => place = other,
                Some(false) => break,
                None => {}
            }
        }
        axes[place..=next].rotate_right(1);
    }
}
