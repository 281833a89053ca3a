//! Basic indexing: integers, slices, new axes. Always views.

use ndarray::{Axis, Dimension, IxDyn, RemoveAxis, SliceArg, SliceInfoElem};

use super::NdArray;
use crate::Element;
use crate::error::{ArrayError, Kind, refuse};
use crate::memory::{ArrayMemory, MemoryLayout};

/// One part of an index, as between Python's brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// One place of an axis; a negative one counts from the end. The axis goes.
    At(isize),
    /// Every `step`-th place from `start` up to `stop`, which is not among them: see
    /// [`slice()`].
    Slice {
        /// Where it starts; a negative number counts from the end.
        start: Option<isize>,
        /// Where it stops; a negative number counts from the end.
        stop: Option<isize>,
        /// From place to place; negative from the end on.
        step: isize,
    },
    /// An axis of length 1 that was not there.
    NewAxis,
    /// All axes that no other part is for. At the end of an index it can be left out.
    Ellipsis,
}

/// Python's `start:stop:step`, where `None` is what is left out there. Allocates nothing.
///
/// ```
/// use heapline_array::{Index, NdArray, slice};
/// use ndarray::array;
///
/// let a = NdArray::<i32, _>::arange(0, 6, 1);
/// let backwards = a.index(&[slice(4, 1, -1)])?;
/// assert_eq!(backwards.view(), array![4, 3, 2].into_dyn());
/// # Ok::<(), heapline_array::ArrayError>(())
/// ```
pub fn slice(
    start: impl Into<Option<isize>>,
    stop: impl Into<Option<isize>>,
    step: impl Into<Option<isize>>,
) -> Index {
    Index::Slice {
        start: start.into(),
        stop: stop.into(),
        step: step.into().unwrap_or(1),
    }
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// What Python's `a[…]` gives for integers, slices, `None` and `...`. A view.
    ///
    /// # Errors
    /// If an integer is out of bounds, a step is 0, or there are too many parts. Slices out
    /// of bounds are cut off.
    #[track_caller]
    pub fn index(&self, index: &[Index]) -> Result<NdArray<A, IxDyn>, ArrayError> {
        let layout = self.memory_layout();
        let counts = Counts::of(index, layout.shape.len())?;
        let mut walk = Walk::new(&layout, counts.result_ndim);
        for part in index {
            walk.take(part, &layout, counts.hidden)?;
        }
        walk.keep(layout.shape.len() - walk.axis, &layout);
        self.placed("index", walk.address, walk.shape, walk.strides)
            .map_err(|_| unreachable!("what is cut from an array lies inside it"))
    }

    /// What ndarray's macro `s!` says. A view. A negative step there first cuts and then
    /// reverses, other than in Python: see [`index`](Self::index).
    ///
    /// # Panics
    /// If a part of the slice is out of bounds, or not for one axis each, as ndarray's.
    #[track_caller]
    #[must_use]
    pub fn slice<I: SliceArg<D>>(&self, slice: I) -> NdArray<A, I::OutDim> {
        check_slice(slice.as_ref(), self.shape());
        self.cut("slice", |view| view.slice_move(slice))
    }

    /// The elements at one place of an axis. A view.
    ///
    /// # Panics
    /// If the axis or the index is out of bounds.
    #[track_caller]
    #[must_use]
    pub fn index_axis(&self, axis: Axis, index: usize) -> NdArray<A, D::Smaller>
    where
        D: RemoveAxis,
    {
        let (shape, ndim) = (self.shape(), self.ndim());
        match shape.get(axis.index()) {
            Some(length) if index < *length => {}
            Some(length) => refuse(Kind::Index {
                index: index as isize,
                axis: axis.index(),
                length: *length,
            }),
            None => refuse(Kind::Axis {
                axis: axis.index() as isize,
                ndim,
            }),
        }
        self.cut("index_axis", |view| view.index_axis_move(axis, index))
    }
}

/// Refuses what ndarray would: it would say neither which axis it was, nor on which line of
/// the program.
#[track_caller]
#[inline(always)]
fn check_slice(slice: &[SliceInfoElem], shape: &[usize]) {
    let mut lengths = shape.iter();
    for part in slice {
        let fits = match (part, lengths.as_slice()) {
            (SliceInfoElem::NewAxis, _) => continue,
            (SliceInfoElem::Index(index), [length, ..]) => position(*index, *length).is_some(),
            (SliceInfoElem::Slice { start, end, step }, [length, ..]) => {
                let is_bound = |place| is_bound(place, *length);
                is_bound(*start) && end.is_none_or(is_bound) && *step != 0
            }
            (_, []) => false,
        };
        // No closure: it would be the place that the panic names.
        if !fits {
            refuse_slice(slice, shape);
        }
        lengths.next();
    }
    if !lengths.as_slice().is_empty() {
        refuse_slice(slice, shape);
    }
}

/// Whether a slice of an axis may start or stop there.
#[inline(always)]
fn is_bound(place: isize, length: usize) -> bool {
    let from_start = match place < 0 {
        true => place.saturating_add_unsigned(length),
        false => place,
    };
    (0..=length as isize).contains(&from_start)
}

/// Says which part of the slice does not fit.
#[cold]
#[track_caller]
fn refuse_slice(slice: &[SliceInfoElem], shape: &[usize]) -> ! {
    let parts = slice.iter().filter(|part| !part.is_new_axis());
    let given = parts.clone().count();
    if given != shape.len() {
        refuse(Kind::SliceAxes {
            given,
            ndim: shape.len(),
        });
    }
    for (axis, (part, &length)) in parts.zip(shape).enumerate() {
        match *part {
            SliceInfoElem::Index(index) if position(index, length).is_none() => {
                refuse(Kind::Index {
                    index,
                    axis,
                    length,
                });
            }
            SliceInfoElem::Slice { step: 0, .. } => refuse(Kind::StepOfZero),
            SliceInfoElem::Slice { start, end, .. } => {
                let mut bounds = [Some(start), end].into_iter().flatten();
                if let Some(bound) = bounds.find(|bound| !is_bound(*bound, length)) {
                    refuse(Kind::SliceBound {
                        bound,
                        axis,
                        length,
                    });
                }
            }
            _ => {}
        }
    }
    unreachable!("a part of the slice did not fit")
}

/// The place that an integer means, counted from the start.
pub(super) fn position(index: isize, length: usize) -> Option<usize> {
    let from_start = if index < 0 {
        index.checked_add_unsigned(length)?
    } else {
        index
    };
    usize::try_from(from_start)
        .ok()
        .filter(|place| *place < length)
}

/// What a slice takes of an axis.
struct Cut {
    /// The first place, or 0 if there is none.
    first: isize,
    length: usize,
}

impl Cut {
    fn new(
        start: Option<isize>,
        stop: Option<isize>,
        step: isize,
        length: usize,
    ) -> Result<Self, ArrayError> {
        let length = length as isize;
        // The places that a bound may mean; `low` and `high` are where nothing is left out.
        let (low, high) = match step {
            0 => return Err(Kind::StepOfZero.into()),
            1.. => (0, length),
            _ => (-1, length - 1),
        };
        let bound = |given: Option<isize>, otherwise: isize| match given {
            Some(place) if place < 0 => place.saturating_add(length).clamp(low, high),
            Some(place) => place.clamp(low, high),
            None => otherwise,
        };
        let (first, distance) = if step > 0 {
            let first = bound(start, low);
            (first, bound(stop, high) - first)
        } else {
            let first = bound(start, high);
            (first, first - bound(stop, low))
        };
        let distance = distance.max(0) as usize;
        // A division takes as long as the rest.
        let length = match step.unsigned_abs() {
            1 => distance,
            step => distance.div_ceil(step),
        };
        Ok(Cut {
            first: if length == 0 { 0 } else { first },
            length,
        })
    }
}

/// What the parts of an index add up to.
struct Counts {
    /// Axes that no part but an ellipsis is for.
    hidden: usize,
    result_ndim: usize,
}

impl Counts {
    #[inline]
    fn of(index: &[Index], ndim: usize) -> Result<Self, ArrayError> {
        let (mut axes, mut result_ndim, mut ellipses) = (0, ndim, 0);
        for part in index {
            match part {
                Index::At(_) => {
                    axes += 1;
                    result_ndim = result_ndim.saturating_sub(1);
                }
                Index::Slice { .. } => axes += 1,
                Index::NewAxis => result_ndim += 1,
                Index::Ellipsis => ellipses += 1,
            }
        }
        let hidden = ndim
            .checked_sub(axes)
            .ok_or(Kind::TooManyIndices { ndim })?;
        if ellipses > 1 {
            return Err(Kind::TwoEllipses.into());
        }
        Ok(Counts {
            hidden,
            result_ndim,
        })
    }
}

/// From axis to axis of the array, and from place to place of the result's shape.
struct Walk {
    address: usize,
    axis: usize,
    place: usize,
    shape: IxDyn,
    strides: IxDyn,
}

impl Walk {
    #[inline]
    fn new(layout: &MemoryLayout<'_>, result_ndim: usize) -> Self {
        let shape = IxDyn::zeros(result_ndim);
        Walk {
            address: layout.address,
            axis: 0,
            place: 0,
            strides: shape.clone(),
            shape,
        }
    }

    #[inline]
    fn take(
        &mut self,
        part: &Index,
        layout: &MemoryLayout<'_>,
        hidden: usize,
    ) -> Result<(), ArrayError> {
        match *part {
            Index::Ellipsis => self.keep(hidden, layout),
            Index::NewAxis => self.push(1, 0),
            Index::At(at) => self.stop_at(at, layout)?,
            Index::Slice { start, stop, step } => {
                let cut = Cut::new(start, stop, step, layout.shape[self.axis])?;
                let stride = layout.strides[self.axis];
                self.advance(cut.first * stride, layout);
                self.push(cut.length, stride.wrapping_mul(step));
                self.axis += 1;
            }
        }
        Ok(())
    }

    /// One place of the next axis, which goes.
    #[inline]
    fn stop_at(&mut self, index: isize, layout: &MemoryLayout<'_>) -> Result<(), ArrayError> {
        let (axis, length) = (self.axis, layout.shape[self.axis]);
        let place = position(index, length).ok_or(Kind::Index {
            index,
            axis,
            length,
        })?;
        self.advance(place as isize * layout.strides[axis], layout);
        self.axis += 1;
        Ok(())
    }

    /// So many axes as they are.
    #[inline]
    fn keep(&mut self, axes: usize, layout: &MemoryLayout<'_>) {
        for _ in 0..axes {
            self.push(layout.shape[self.axis], layout.strides[self.axis]);
            self.axis += 1;
        }
    }

    fn advance(&mut self, elements: isize, layout: &MemoryLayout<'_>) {
        let nbytes = elements * layout.itemsize() as isize;
        self.address = self.address.wrapping_add_signed(nbytes);
    }

    fn push(&mut self, length: usize, stride: isize) {
        self.shape[self.place] = length;
        self.strides[self.place] = stride as usize;
        self.place += 1;
    }
}
