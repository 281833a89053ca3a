//! The Rust types that can be elements, and how each is made from a number.

use half::f16;
use num_complex::Complex;

use super::{DType, Value, half_float};

mod private {
    //! Keeps [`Element`](super::Element) to the types below. `storage.rs` relies on it:
    //! but for `bool`, every pattern of bits is a value of each, and zero is of all.

    use super::Value;
    use std::ops::{Add, Mul};

    /// Sums and products of elements, in a type that may be wider than theirs.
    pub trait Sealed: Sized {
        /// Where elements of this type are added up and multiplied.
        type Accumulator: Copy + Add<Output = Self::Accumulator> + Mul<Output = Self::Accumulator>;

        /// The exact number.
        fn to_value(self) -> Value;
        /// The nearest number of this type: integers wrap, floats round once, what is out
        /// of an integer's range saturates.
        fn from_value(value: Value) -> Self;
        fn to_accumulator(self) -> Self::Accumulator;
        fn from_accumulator(accumulator: Self::Accumulator) -> Self;
        /// 0 and 1.
        const NEUTRAL: [Self::Accumulator; 2];
    }
}

pub(crate) use private::Sealed;

/// A Rust type that can be an array's element: `bool`, `i8` to `i64`, `u8` to `u64`,
/// `half::f16`, `f32`, `f64`, `Complex<f32>` and `Complex<f64>`.
pub trait Element:
    Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + Unpin + 'static + Sealed
{
    /// The dtype of this type.
    const DTYPE: DType;
    /// In what sums and products of such elements are unless said otherwise.
    type Sum: Element;
    /// In what means of such elements are.
    type Mean: Element;
    /// The real part of a complex number; any other type is its own.
    type Real: Element<Real = Self::Real>;
}

/// Addition and multiplication that wrap around, as C's and NumPy's do.
macro_rules! integer {
    ($($type:ty, $dtype:ident, $variant:ident, $sum:ty;)*) => {$(
        impl Sealed for $type {
            type Accumulator = std::num::Wrapping<$type>;

            #[inline]
            fn to_value(self) -> Value {
                Value::$variant(self.into())
            }

            #[inline]
            fn from_value(value: Value) -> Self {
                match value {
                    Value::UInt(value) => value as $type,
                    Value::Int(value) => value as $type,
                    Value::Float(value) => value as $type,
                    Value::Complex(value) => value.re as $type,
                }
            }

            #[inline]
            fn to_accumulator(self) -> Self::Accumulator {
                std::num::Wrapping(self)
            }

            #[inline]
            fn from_accumulator(accumulator: Self::Accumulator) -> Self {
                accumulator.0
            }

            const NEUTRAL: [Self::Accumulator; 2] = [std::num::Wrapping(0), std::num::Wrapping(1)];
        }

        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            type Sum = $sum;
            type Mean = f64;
            type Real = Self;
        }
    )*};
}

integer! {
    i8, Int8, Int, i64;
    i16, Int16, Int, i64;
    i32, Int32, Int, i64;
    i64, Int64, Int, i64;
    u8, UInt8, UInt, u64;
    u16, UInt16, UInt, u64;
    u32, UInt32, UInt, u64;
    u64, UInt64, UInt, u64;
}

/// `or` as addition, `and` as multiplication.
#[derive(Clone, Copy)]
pub struct Truth(bool);

impl std::ops::Add for Truth {
    type Output = Self;

    #[expect(clippy::suspicious_arithmetic_impl, reason = "`or` adds truth values")]
    fn add(self, other: Self) -> Self {
        Truth(self.0 | other.0)
    }
}

impl std::ops::Mul for Truth {
    type Output = Self;

    #[expect(clippy::suspicious_arithmetic_impl, reason = "`and` multiplies them")]
    fn mul(self, other: Self) -> Self {
        Truth(self.0 & other.0)
    }
}

impl Sealed for bool {
    type Accumulator = Truth;

    #[inline]
    fn to_value(self) -> Value {
        Value::UInt(self.into())
    }

    #[inline]
    fn from_value(value: Value) -> Self {
        match value {
            Value::UInt(value) => value != 0,
            Value::Int(value) => value != 0,
            Value::Float(value) => value != 0.0,
            Value::Complex(value) => value.re != 0.0 || value.im != 0.0,
        }
    }

    #[inline]
    fn to_accumulator(self) -> Truth {
        Truth(self)
    }

    #[inline]
    fn from_accumulator(accumulator: Truth) -> Self {
        accumulator.0
    }

    const NEUTRAL: [Truth; 2] = [Truth(false), Truth(true)];
}

impl Element for bool {
    const DTYPE: DType = DType::Bool;
    type Sum = i64;
    type Mean = f64;
    type Real = Self;
}

macro_rules! float {
    ($($type:ty, $dtype:ident;)*) => {$(
        impl Sealed for $type {
            type Accumulator = $type;

            #[inline]
            fn to_value(self) -> Value {
                Value::Float(self.into())
            }

            #[inline]
            fn from_value(value: Value) -> Self {
                match value {
                    Value::UInt(value) => value as $type,
                    Value::Int(value) => value as $type,
                    Value::Float(value) => value as $type,
                    Value::Complex(value) => value.re as $type,
                }
            }

            #[inline]
            fn to_accumulator(self) -> $type {
                self
            }

            #[inline]
            fn from_accumulator(accumulator: $type) -> Self {
                accumulator
            }

            const NEUTRAL: [$type; 2] = [0.0, 1.0];
        }

        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            type Sum = $type;
            type Mean = $type;
            type Real = Self;
        }

        impl Sealed for Complex<$type> {
            type Accumulator = Complex<$type>;

            #[inline]
            fn to_value(self) -> Value {
                Value::Complex(Complex::new(self.re.into(), self.im.into()))
            }

            #[inline]
            fn from_value(value: Value) -> Self {
                let imaginary = match value {
                    Value::Complex(value) => value.im as $type,
                    _ => 0.0,
                };
                Complex::new(<$type>::from_value(value), imaginary)
            }

            #[inline]
            fn to_accumulator(self) -> Self {
                self
            }

            #[inline]
            fn from_accumulator(accumulator: Self) -> Self {
                accumulator
            }

            const NEUTRAL: [Self; 2] = [Complex::new(0.0, 0.0), Complex::new(1.0, 0.0)];
        }
    )*};
}

float! {
    f32, Float32;
    f64, Float64;
}

impl Element for Complex<f32> {
    const DTYPE: DType = DType::Complex64;
    type Sum = Self;
    type Mean = Self;
    type Real = f32;
}

impl Element for Complex<f64> {
    const DTYPE: DType = DType::Complex128;
    type Sum = Self;
    type Mean = Self;
    type Real = f64;
}

impl Sealed for f16 {
    /// Rounded once, at the end.
    type Accumulator = f32;

    #[inline]
    fn to_value(self) -> Value {
        Value::Float(self.to_f64())
    }

    #[inline]
    fn from_value(value: Value) -> Self {
        // Integers that `f64` rounds are far beyond the largest `f16`.
        half_float::from_f64(value.complex().re)
    }

    #[inline]
    fn to_accumulator(self) -> f32 {
        self.to_f32()
    }

    #[inline]
    fn from_accumulator(accumulator: f32) -> Self {
        half_float::from_f64(accumulator.into())
    }

    const NEUTRAL: [f32; 2] = [0.0, 1.0];
}

impl Element for f16 {
    const DTYPE: DType = DType::Float16;
    type Sum = Self;
    type Mean = Self;
    type Real = Self;
}
