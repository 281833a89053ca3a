//! Conversion of values, and the report of what was lost on the way.

use std::iter;

use super::value::power_of_two;
use super::{DType, Element, Kind, Value};

/// What became of the elements of a cast. Each lossy element is counted once, at the
/// first of these that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CastReport {
    /// The dtype before.
    pub from: DType,
    /// The dtype after.
    pub to: DType,
    /// Elements that were not numbers of the range of an integer dtype: NaN, infinite, too
    /// large. They saturate, NaN becomes 0. (C leaves the result open.)
    pub invalid: usize,
    /// Finite elements that became infinite.
    pub overflowed: usize,
    /// Integers that wrapped around.
    pub wrapped: usize,
    /// Elements whose imaginary part was not zero and was dropped.
    pub imag_discarded: usize,
    /// Elements that were rounded or truncated, and are not the same number any more.
    pub inexact: usize,
}

/// What NumPy would warn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastWarning {
    /// "overflow encountered in cast": a finite number became infinite.
    Overflow,
    /// "invalid value encountered in cast": a number beyond the range of an integer.
    Invalid,
    /// "Casting complex values to real discards the imaginary part", whatever they are.
    ImagDiscarded,
}

impl CastReport {
    pub(crate) fn new(from: DType, to: DType) -> Self {
        CastReport {
            from,
            to,
            overflowed: 0,
            invalid: 0,
            wrapped: 0,
            imag_discarded: 0,
            inexact: 0,
        }
    }

    /// Whether every element is still the same number. To `bool` nothing counts as lost.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        *self == CastReport::new(self.from, self.to)
    }

    /// What NumPy would have warned of, in the order of declaration.
    pub fn warnings(&self) -> impl Iterator<Item = CastWarning> + use<> {
        let discards = discards_imaginary(self.from, self.to);
        [
            (self.overflowed > 0, CastWarning::Overflow),
            (self.invalid > 0, CastWarning::Invalid),
            (discards, CastWarning::ImagDiscarded),
        ]
        .into_iter()
        .filter_map(|(is_due, warning)| is_due.then_some(warning))
    }

    /// Counts what was lost of all these elements, `to` having been made of `from`. Loops of
    /// few operations come first: the compiler makes vectors of them, and mostly they say it.
    #[inline]
    pub(crate) fn count_all<A: Element, B: Element>(&mut self, from: &[A], to: &[B]) {
        let values = || iter::zip(from, to).map(|(from, to)| (from.to_value(), to.to_value()));
        let in_detail = match (A::DTYPE.kind(), B::DTYPE.kind()) {
            _ if const { is_always_lossless(A::DTYPE, B::DTYPE) } => false,
            (Kind::Signed | Kind::Unsigned, _) => {
                let beyond = |one: &A| bits_beyond(one.to_value(), B::DTYPE);
                from.iter().fold(0, |bits, one| bits | beyond(one)) != 0
            }
            (Kind::Float, Kind::Signed | Kind::Unsigned) => {
                let lost = || values().map(|(from, to)| lost_to_integer(from, to, B::DTYPE));
                self.invalid += count(lost().map(|lost| lost.invalid));
                self.inexact += count(lost().map(|lost| lost.inexact));
                false
            }
            (Kind::Complex, Kind::Signed | Kind::Unsigned | Kind::Float) => true,
            _ => {
                // NaN counts as well, but is not finite.
                let differing = count(values().map(|(from, to)| !from.equals(to)));
                let is_finite = || values().fold(true, |all, (_, to)| all & to.is_finite());
                let is_rounding = differing == 0 || is_finite();
                if is_rounding {
                    self.inexact += differing;
                }
                !is_rounding
            }
        };
        if in_detail {
            values().for_each(|(from, to)| self.count(lost::<A, B>(from, to)));
        }
    }

    /// Counts what was lost of one element. Without a branch, so that loops stay fast.
    #[inline]
    pub(crate) fn count(&mut self, lost: Lost) {
        self.invalid += usize::from(lost.invalid);
        self.overflowed += usize::from(lost.overflowed);
        self.wrapped += usize::from(lost.wrapped);
        self.imag_discarded += usize::from(lost.imag_discarded);
        self.inexact += usize::from(lost.inexact);
    }
}

const fn discards_imaginary(from: DType, to: DType) -> bool {
    matches!(from.kind(), Kind::Complex) && !matches!(to.kind(), Kind::Complex | Kind::Bool)
}

/// What was lost of one element: one of these at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    invalid: bool,
    overflowed: bool,
    wrapped: bool,
    imag_discarded: bool,
    inexact: bool,
}

/// Converts an element: integers wrap, floats round once to nearest even, floats to
/// integers truncate and saturate, complex numbers lose their imaginary part.
#[inline]
pub(crate) fn convert<A: Element, B: Element>(element: A) -> (B, Lost) {
    let before = element.to_value();
    let element = B::from_value(before);
    // Dtypes are known at compile time: most pairs need no look at the values.
    let lost = if const { is_always_lossless(A::DTYPE, B::DTYPE) } {
        Lost::default()
    } else {
        lost::<A, B>(before, element.to_value())
    };
    (element, lost)
}

const fn is_always_lossless(from: DType, to: DType) -> bool {
    let is_big_integer = matches!(from.kind(), Kind::Signed | Kind::Unsigned)
        && matches!(to.kind(), Kind::Float | Kind::Complex)
        && from.itemsize() == 8;
    matches!(to.kind(), Kind::Bool)
        || super::can_cast(from, to, super::Casting::Safe) && !is_big_integer
}

const fn is_integer(dtype: DType) -> bool {
    matches!(dtype.kind(), Kind::Signed | Kind::Unsigned)
}

#[inline]
fn count(flags: impl Iterator<Item = bool>) -> usize {
    flags.map(usize::from).sum()
}

/// No bit if a number of the dtype is surely the same as this integer; there is one for
/// each that is outside an integer dtype's range, or has more digits than a float's.
#[inline]
fn bits_beyond(integer: Value, to: DType) -> u64 {
    let bits = to.itemsize() as u32 * 8;
    match (to.kind(), integer) {
        (Kind::Signed, Value::Int(value)) if bits < 64 => {
            // What is in range is not negative then, and shorter.
            value.wrapping_add(1 << (bits - 1)) as u64 >> bits
        }
        (Kind::Signed, Value::Int(_)) => 0,
        (Kind::Signed, _) => integer.magnitude() >> (bits - 1),
        (Kind::Unsigned, Value::Int(value)) => value as u64 >> bits.min(63),
        (Kind::Unsigned, _) if bits == 64 => 0,
        (Kind::Unsigned, _) => integer.magnitude() >> bits,
        _ => integer.magnitude() >> mantissa_bits(to),
    }
}

/// Bits of the mantissa, the leading one included.
const fn mantissa_bits(dtype: DType) -> u32 {
    match dtype.component() {
        DType::Float16 => 11,
        DType::Float32 => 24,
        _ => 53,
    }
}

#[inline]
fn lost<A: Element, B: Element>(before: Value, after: Value) -> Lost {
    match (is_integer(A::DTYPE), is_integer(B::DTYPE)) {
        (true, true) => Lost {
            wrapped: !before.is_same(after),
            ..Lost::default()
        },
        (false, true) => lost_to_integer(before, after, B::DTYPE),
        (_, false) => lost_to_float(before, after, discards_imaginary(A::DTYPE, B::DTYPE)),
    }
}

#[inline]
fn lost_to_integer(before: Value, after: Value, to: DType) -> Lost {
    let (number, whole) = (before.complex(), after.complex().re);
    let is_valid = is_in_range(before, to);
    let has_imaginary = number.im != 0.0;
    Lost {
        invalid: !is_valid,
        imag_discarded: is_valid & has_imaginary,
        inexact: is_valid & !has_imaginary & (whole != number.re),
        ..Lost::default()
    }
}

/// Whether truncation makes a number of it that the integer dtype has.
#[inline]
fn is_in_range(before: Value, to: DType) -> bool {
    let number = before.complex().re;
    let bits = to.itemsize() as i32 * 8;
    let (low, beyond) = match to.kind() {
        Kind::Signed => (-(power_of_two(bits - 1)), power_of_two(bits - 1)),
        _ => (0.0, power_of_two(bits)),
    };
    // What is less than 1 below the lowest integer becomes it. The difference is exact where
    // it matters; NaN compares as false.
    (number - low > -1.0) & (number < beyond)
}

#[inline]
fn lost_to_float(before: Value, after: Value, discards_imaginary: bool) -> Lost {
    let overflowed = before.overflows_to(after);
    let discarded = discards_imaginary & (before.complex().im != 0.0) & !overflowed;
    Lost {
        overflowed,
        imag_discarded: discarded,
        inexact: !before.is_same(after) & !overflowed & !discarded,
        ..Lost::default()
    }
}

#[cfg(test)]
mod tests {
    use half::f16;
    use num_complex::Complex;

    use super::*;

    fn invalid() -> Lost {
        Lost {
            invalid: true,
            ..Lost::default()
        }
    }

    fn wrapped() -> Lost {
        Lost {
            wrapped: true,
            ..Lost::default()
        }
    }

    fn overflowed() -> Lost {
        Lost {
            overflowed: true,
            ..Lost::default()
        }
    }

    fn inexact() -> Lost {
        Lost {
            inexact: true,
            ..Lost::default()
        }
    }

    #[test]
    fn each_loss_has_its_name() {
        assert_eq!(convert::<_, i8>(300_i32), (44, wrapped()));
        assert_eq!(convert::<_, u64>(-1_i64), (u64::MAX, wrapped()));
        assert_eq!(convert::<_, i8>(300.5_f64), (127, invalid()));
        assert_eq!(convert::<_, u8>(-1.0_f32), (0, invalid()));
        assert_eq!(convert::<_, u8>(-0.5_f32), (0, inexact()));
        assert_eq!(convert::<_, i32>(f64::NAN), (0, invalid()));
        assert_eq!(convert::<_, i64>(1.5_f64), (1, inexact()));
        assert_eq!(convert::<_, f32>(1e300), (f32::INFINITY, overflowed()));
        assert_eq!(convert::<_, f16>(65_520_i32), (f16::INFINITY, overflowed()));
        assert_eq!(convert::<_, f32>(0.1_f64), (0.1, inexact()));
        let imaginary = Complex::new(1.0, 2.0);
        assert_eq!(
            convert::<_, f64>(imaginary),
            (
                1.0,
                Lost {
                    imag_discarded: true,
                    ..Lost::default()
                }
            )
        );
        assert_eq!(convert::<_, bool>(imaginary), (true, Lost::default()));
        assert_eq!(convert::<_, i64>(-0.0_f64), (0, Lost::default()));
    }

    #[test]
    fn integers_beyond_the_mantissa_are_compared_exactly() {
        let beyond = (1_i64 << 53) + 1;
        assert_eq!(convert::<_, f64>(beyond).1, inexact());
        assert_eq!(convert::<_, f64>(beyond - 1).1, Lost::default());
        // Saturation on the way back would hide this one.
        assert_eq!(convert::<_, f64>(i64::MAX).1, inexact());
        assert_eq!(convert::<_, f64>(u64::MAX).1, inexact());
        assert_eq!(convert::<_, f64>(i64::MIN).1, Lost::default());
    }

    fn counts_as_one_by_one<A: Element, B: Element>(element: A) {
        let (converted, lost) = convert::<A, B>(element);
        let mut one_by_one = CastReport::new(A::DTYPE, B::DTYPE);
        let mut together = one_by_one;
        one_by_one.count(lost);
        together.count_all(&[element], &[converted]);
        assert_eq!(together, one_by_one, "{element:?}");
    }

    #[test]
    fn single_numbers_at_every_power_of_two_are_counted_alike() {
        macro_rules! to_each {
            ($element:expr, $($to:ty),*) => {$(counts_as_one_by_one::<_, $to>($element);)*};
        }
        for power in 0..64 {
            for number in [-1, 0, 1].map(|more| (1_i64 << power).wrapping_add(more)) {
                for number in [number, number.wrapping_neg()] {
                    to_each!(number, i8, i16, i32, u8, u16, u32, u64, f16, f32, f64);
                    to_each!(
                        number as u64,
                        i8,
                        i16,
                        i32,
                        i64,
                        u8,
                        u16,
                        u32,
                        f16,
                        f32,
                        f64
                    );
                    to_each!(number as i32, i8, i16, u8, u16, u32, u64, f16, f32);
                    to_each!(
                        number as f64,
                        i8,
                        i32,
                        i64,
                        u8,
                        u32,
                        u64,
                        f16,
                        f32,
                        Complex<f32>
                    );
                }
            }
        }
    }
}
