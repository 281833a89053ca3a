//! Elements converted to another dtype.

use std::fmt;

use ndarray::{Array, Dimension, Zip};

use super::NdArray;
use super::copy::{Order, empty_like, in_memory_order};
use super::create::filled;
use crate::dtype::convert;
use crate::error::CreateError;
use crate::memory::ArrayMemory;
use crate::notes::Values;
use crate::placement::signed;
use crate::{CastReport, Casting, DType, Element, can_cast};

/// How to convert. The default is NumPy's: anything goes, always a copy, in order `K`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Astype {
    /// What may be lost by dtype.
    pub casting: Casting,
    /// Whether every element must stay the same number, too: NumPy's `same_value`.
    pub same_value: bool,
    /// Whether to copy even where dtype and order are right already.
    pub copy: bool,
    /// The order of the result.
    pub order: Order,
}

impl Default for Astype {
    fn default() -> Self {
        Astype {
            casting: Casting::Unsafe,
            same_value: false,
            copy: true,
            order: Order::K,
        }
    }
}

/// Why elements were not converted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CastError {
    /// The casting rule forbids it.
    NotAllowed {
        /// The dtype before.
        from: DType,
        /// The dtype after.
        to: DType,
        /// The rule.
        casting: Casting,
    },
    /// Elements would not be the same numbers.
    ValueChanged(CastReport),
    /// There is no memory for the result.
    Create(CreateError),
}

impl fmt::Display for CastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CastError::NotAllowed { from, to, casting } => write!(
                f,
                "Cannot cast array data from {from} to {to} according to the rule {casting:?}"
            ),
            CastError::ValueChanged(report) => write!(
                f,
                "could not cast 'same_value' {} to {}",
                report.from, report.to
            ),
            CastError::Create(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CastError {}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The elements as another dtype, and what was lost.
    ///
    /// A copy, but for a view if the dtype is the same already, the order too, and
    /// [`copy`](Astype::copy) is not asked for.
    ///
    /// What was lost is counted only where the dtypes do not say that nothing can be. It
    /// takes as long as the conversion or twice as long, of contiguous elements; else a
    /// nanosecond an element. `view().mapv(…)` of ndarray counts nothing.
    ///
    /// Integers wrap; floats round once, to nearest even; what overflows is infinite; floats
    /// to integers are truncated and saturate (C leaves open what happens out of range);
    /// complex to real drops the imaginary part; to `bool`, all but 0 is true.
    ///
    /// ```
    /// use heapline_array::{Astype, NdArray};
    ///
    /// let a = NdArray::from_vec(vec![1.0, 1e300, 0.1]);
    /// let (b, report) = a.astype::<f32>(Astype::default())?;
    /// assert_eq!(b.view().to_vec(), [1.0, f32::INFINITY, 0.1]);
    /// assert_eq!((report.overflowed, report.inexact), (1, 1));
    /// # Ok::<(), heapline_array::CastError>(())
    /// ```
    ///
    /// # Errors
    /// If the rule forbids it, elements change that must not, or there is no memory.
    #[track_caller]
    pub fn astype<B: Element>(
        &self,
        how: Astype,
    ) -> Result<(NdArray<B, D>, CastReport), CastError> {
        let mut report = CastReport::new(A::DTYPE, B::DTYPE);
        if !can_cast(A::DTYPE, B::DTYPE, how.casting) {
            return Err(CastError::NotAllowed {
                from: A::DTYPE,
                to: B::DTYPE,
                casting: how.casting,
            });
        }
        if !how.copy && A::DTYPE == B::DTYPE && self.has_order(how.order) {
            return Ok((self.as_same_dtype(), report));
        }
        let converted = self.converted(how.order, &mut report)?;
        if how.same_value && !report.is_lossless() {
            return Err(CastError::ValueChanged(report));
        }
        let converted = NdArray::made(converted, "astype");
        let (nbytes, values) = (converted.nbytes(), values_of(&report));
        converted.note_copied(self.id(), nbytes, values, "astype");
        Ok((converted, report))
    }

    /// A view whose type says what its dtype is already.
    #[track_caller]
    fn as_same_dtype<B: Element>(&self) -> NdArray<B, D> {
        let layout = self.memory_layout();
        let strides = signed(self.raw_dim(), layout.strides);
        self.placed("astype", layout.address, self.raw_dim(), strides)
            .unwrap_or_else(|_| unreachable!("the elements are the same"))
    }

    /// The elements converted, and what was lost of them counted.
    fn converted<B: Element>(
        &self,
        order: Order,
        report: &mut CastReport,
    ) -> Result<Array<B, D>, CastError> {
        let view = self.view();
        let converted = match in_memory_order(&view, order) {
            Some((from, is_fortran)) => filled(view.raw_dim(), is_fortran, |to| {
                convert_all(from, to, report);
            }),
            None => empty_like(&view, order).map(|mut converted| {
                Zip::from(&mut converted).and(&view).for_each(|to, from| {
                    let (element, lost) = convert::<A, B>(*from);
                    *to = element;
                    report.count(lost);
                });
                converted
            }),
        };
        converted.map_err(CastError::Create)
    }

    fn has_order(&self, order: Order) -> bool {
        let flags = self.flags();
        match order {
            Order::C => flags.c_contiguous,
            Order::F => flags.f_contiguous,
            Order::A => flags.c_contiguous || flags.f_contiguous,
            Order::K => true,
        }
    }
}

/// What a recording is told of the converted values.
fn values_of(report: &CastReport) -> Values {
    let fits_narrower = report.to.itemsize() < report.from.itemsize()
        // Of what became a `bool` no more is known than whether it was 0.
        && report.to != DType::Bool
        && report.is_lossless();
    match fits_narrower {
        true => Values::FitNarrower,
        false => Values::AsTheyWere,
    }
}

/// So many elements are converted before they are looked at again: in the nearest cache.
const CHUNK: usize = 1024;

fn convert_all<A: Element, B: Element>(from: &[A], to: &mut Vec<B>, report: &mut CastReport) {
    for from in from.chunks(CHUNK) {
        let first = to.len();
        to.extend(from.iter().map(|one| B::from_value(one.to_value())));
        report.count_all(from, &to[first..]);
    }
}
