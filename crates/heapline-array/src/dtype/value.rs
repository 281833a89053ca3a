//! The widest number of each sort, through which every dtype becomes every other.
//!
//! Comparisons have no branches, so that the loops around them can be vectorised.

use num_complex::Complex;

/// Any element, exactly. `pub` only because the sealed trait speaks of it, as `Truth`:
/// outside the crate neither has a name.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// `false` is 0.
    UInt(u64),
    Int(i64),
    Float(f64),
    Complex(Complex<f64>),
}

impl Value {
    /// Whether both are the same number; NaN is the same as NaN, and -0.0 as 0.
    #[inline]
    pub(crate) fn is_same(self, other: Value) -> bool {
        match (self, other) {
            (Value::Float(_) | Value::Complex(_), Value::Float(_) | Value::Complex(_)) => {
                let (own, other) = (self.complex(), other.complex());
                is_same_float(own.re, other.re) & is_same_float(own.im, other.im)
            }
            _ => self.equals(other),
        }
    }

    /// Whether both are the same number; NaN is none, and -0.0 the same as 0.
    #[inline]
    pub(crate) fn equals(self, other: Value) -> bool {
        use Value::{Int, UInt};
        match (self, other) {
            (UInt(own), UInt(other)) => own == other,
            (Int(own), Int(other)) => own == other,
            (UInt(unsigned), Int(signed)) | (Int(signed), UInt(unsigned)) => {
                (signed >= 0) & (signed as u64 == unsigned)
            }
            (UInt(integer), float) | (float, UInt(integer)) => {
                let Complex { re, im } = float.complex();
                // The way back saturates: it would hide that the largest was rounded up.
                let comes_back = (re < power_of_two(64)) & (re as u64 == integer);
                (im == 0.0) & (integer as f64 == re) & comes_back
            }
            (Int(integer), float) | (float, Int(integer)) => {
                let Complex { re, im } = float.complex();
                let comes_back = (re < power_of_two(63)) & (re as i64 == integer);
                (im == 0.0) & (integer as f64 == re) & comes_back
            }
            (own, other) => {
                let (own, other) = (own.complex(), other.complex());
                (own.re == other.re) & (own.im == other.im)
            }
        }
    }

    /// The bits of an integer without its sign; those of floats are all set.
    #[inline]
    pub(crate) fn magnitude(self) -> u64 {
        match self {
            Value::UInt(value) => value,
            Value::Int(value) => value.unsigned_abs(),
            Value::Float(_) | Value::Complex(_) => u64::MAX,
        }
    }

    /// Whether it is neither infinite nor NaN.
    #[inline]
    pub(crate) fn is_finite(self) -> bool {
        let Complex { re, im } = self.complex();
        re.is_finite() & im.is_finite()
    }

    /// Whether a finite part of it is infinite in `other`.
    #[inline]
    pub(crate) fn overflows_to(self, other: Value) -> bool {
        let (own, other) = (self.complex(), other.complex());
        (own.re.is_finite() & other.re.is_infinite())
            | (own.im.is_finite() & other.im.is_infinite())
    }

    /// As a complex number; integers beyond 2^53 are rounded.
    #[inline]
    pub(crate) fn complex(self) -> Complex<f64> {
        match self {
            Value::UInt(value) => Complex::new(value as f64, 0.0),
            Value::Int(value) => Complex::new(value as f64, 0.0),
            Value::Float(value) => Complex::new(value, 0.0),
            Value::Complex(value) => value,
        }
    }
}

/// 2 to a power from -1022 to 1023, exactly: of `powi` nobody promises that.
pub(crate) const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[inline]
fn is_same_float(a: f64, b: f64) -> bool {
    (a == b) | (a.is_nan() & b.is_nan())
}
