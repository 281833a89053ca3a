//! Conversion of values, and the report of what was lost on the way.

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

    pub(crate) fn count(&mut self, loss: Loss) {
        match loss {
            Loss::Invalid => self.invalid += 1,
            Loss::Overflow => self.overflowed += 1,
            Loss::Wrapped => self.wrapped += 1,
            Loss::ImagDiscarded => self.imag_discarded += 1,
            Loss::Inexact => self.inexact += 1,
        }
    }
}

const fn discards_imaginary(from: DType, to: DType) -> bool {
    matches!(from.kind(), Kind::Complex) && !matches!(to.kind(), Kind::Complex | Kind::Bool)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Invalid,
    Overflow,
    Wrapped,
    ImagDiscarded,
    Inexact,
}

/// A converted element.
pub(crate) struct Converted<B> {
    pub(crate) element: B,
    pub(crate) loss: Option<Loss>,
}

/// Converts an element: integers wrap, floats round once to nearest even, floats to
/// integers truncate and saturate, complex numbers lose their imaginary part.
#[inline]
pub(crate) fn convert<A: Element, B: Element>(element: A) -> Converted<B> {
    let before = element.to_value();
    let element = B::from_value(before);
    // Known at compile time: most pairs need no look at the values.
    if const { is_always_lossless(A::DTYPE, B::DTYPE) } {
        return Converted {
            element,
            loss: None,
        };
    }
    let after = element.to_value();
    let loss = (!before.is_same(after)).then(|| loss(before, after, A::DTYPE, B::DTYPE));
    Converted { element, loss }
}

const fn is_always_lossless(from: DType, to: DType) -> bool {
    let is_big_integer = matches!(from.kind(), Kind::Signed | Kind::Unsigned)
        && matches!(to.kind(), Kind::Float | Kind::Complex)
        && from.itemsize() == 8;
    matches!(to.kind(), Kind::Bool)
        || super::can_cast(from, to, super::Casting::Safe) && !is_big_integer
}

/// Why the number is another.
fn loss(before: Value, after: Value, from: DType, to: DType) -> Loss {
    let to_integer = matches!(to.kind(), Kind::Signed | Kind::Unsigned);
    let from_integer = matches!(from.kind(), Kind::Signed | Kind::Unsigned);
    let real = Value::Float(before.complex().re.trunc());
    if to_integer && !from_integer && !real.is_same(after) {
        return Loss::Invalid;
    }
    if before.overflows_to(after) {
        Loss::Overflow
    } else if to_integer && from_integer {
        Loss::Wrapped
    } else if discards_imaginary(from, to) && before.complex().im != 0.0 {
        Loss::ImagDiscarded
    } else {
        Loss::Inexact
    }
}

#[cfg(test)]
mod tests {
    use half::f16;
    use num_complex::Complex;

    use super::*;

    fn lost<A: Element, B: Element>(element: A) -> (B, Option<Loss>) {
        let converted = convert::<A, B>(element);
        (converted.element, converted.loss)
    }

    #[test]
    fn each_loss_has_its_name() {
        assert_eq!(lost::<_, i8>(300_i32), (44, Some(Loss::Wrapped)));
        assert_eq!(lost::<_, u64>(-1_i64), (u64::MAX, Some(Loss::Wrapped)));
        assert_eq!(lost::<_, i8>(300.5_f64), (127, Some(Loss::Invalid)));
        assert_eq!(lost::<_, u8>(-1.0_f32), (0, Some(Loss::Invalid)));
        assert_eq!(lost::<_, u8>(-0.5_f32), (0, Some(Loss::Inexact)));
        assert_eq!(lost::<_, i32>(f64::NAN), (0, Some(Loss::Invalid)));
        assert_eq!(lost::<_, i64>(1.5_f64), (1, Some(Loss::Inexact)));
        assert_eq!(lost::<_, f32>(1e300), (f32::INFINITY, Some(Loss::Overflow)));
        assert_eq!(
            lost::<_, f16>(65_520_i32),
            (f16::INFINITY, Some(Loss::Overflow))
        );
        assert_eq!(lost::<_, f32>(0.1_f64), (0.1, Some(Loss::Inexact)));
        let imaginary = Complex::new(1.0, 2.0);
        assert_eq!(lost::<_, f64>(imaginary), (1.0, Some(Loss::ImagDiscarded)));
        assert_eq!(lost::<_, bool>(imaginary), (true, None));
        assert_eq!(lost::<_, i64>(-0.0_f64), (0, None));
    }

    #[test]
    fn integers_beyond_the_mantissa_are_compared_exactly() {
        let beyond = (1_i64 << 53) + 1;
        assert_eq!(lost::<_, f64>(beyond).1, Some(Loss::Inexact));
        assert_eq!(lost::<_, f64>(beyond - 1).1, None);
        // Saturation on the way back would hide this one.
        assert_eq!(lost::<_, f64>(i64::MAX).1, Some(Loss::Inexact));
        assert_eq!(lost::<_, f64>(u64::MAX).1, Some(Loss::Inexact));
        assert_eq!(lost::<_, f64>(i64::MIN).1, None);
    }
}
