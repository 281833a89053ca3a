//! The widest number of each sort, through which every dtype becomes every other.
//!
//! Comparisons have no branches, so that the loops around them can be vectorised.

use num_complex::Complex;

/// Any element, exactly.
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
        let (own, others) = (self.complex(), other.complex());
        match (self.integer(), other.integer()) {
            (Some(own), Some(other)) => own == other,
            (Some(integer), None) => others.im == 0.0 && is_integer(others.re, integer),
            (None, Some(integer)) => own.im == 0.0 && is_integer(own.re, integer),
            (None, None) => is_same_float(own.re, others.re) & is_same_float(own.im, others.im),
        }
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

    #[inline]
    fn integer(self) -> Option<i128> {
        match self {
            Value::UInt(value) => Some(value.into()),
            Value::Int(value) => Some(value.into()),
            Value::Float(_) | Value::Complex(_) => None,
        }
    }
}

/// Exactly, where `integer as f64` would round.
fn is_integer(float: f64, integer: i128) -> bool {
    float.trunc() == float && float.abs() < power_of_two(65) && float as i128 == integer
}

/// 2 to a power from -1022 to 1023, exactly: of `powi` nobody promises that.
pub(crate) const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[inline]
fn is_same_float(a: f64, b: f64) -> bool {
    (a == b) | (a.is_nan() & b.is_nan())
}
