//! Element types: names, bytes, limits, casting rules, promotion, conversion of values.
//!
//! Nothing here needs an array, or knows one. The rules are NumPy 2.4's.

mod cast;
mod casting;
mod element;
mod half_float;
mod limits;
mod names;
mod nbytes;
mod value;

pub(crate) use cast::convert;
pub use cast::{CastReport, CastWarning};
pub use casting::{
    Casting, Scalar, ScalarKind, can_cast, min_scalar_type, promote_scalar, promote_types,
    result_type,
};
pub use element::Element;
pub use limits::{FInfo, IInfo, NotFloating, NotInteger, finfo, iinfo};
pub use names::UnknownDType;
pub use nbytes::{Overflow, fits, nbytes_for};
pub(crate) use value::Value;

use std::fmt;

/// The type of an array's elements, as NumPy names it.
///
/// ```
/// use heapline_array::DType;
///
/// let dtype: DType = "<f4".parse()?;
/// assert_eq!(dtype, DType::Float32);
/// assert_eq!((dtype.name(), dtype.itemsize()), ("float32", 4));
/// # Ok::<(), heapline_array::UnknownDType>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// One byte, 0 or 1: `bool`.
    Bool,
    /// `i8`.
    Int8,
    /// `i16`.
    Int16,
    /// `i32`.
    Int32,
    /// `i64`.
    Int64,
    /// `u8`.
    UInt8,
    /// `u16`.
    UInt16,
    /// `u32`.
    UInt32,
    /// `u64`.
    UInt64,
    /// IEEE 754 binary16: `half::f16`.
    Float16,
    /// `f32`.
    Float32,
    /// `f64`.
    Float64,
    /// Two `f32`: `num_complex::Complex<f32>`.
    Complex64,
    /// Two `f64`: `num_complex::Complex<f64>`.
    Complex128,
}

/// What sort of number a [`DType`] holds, lowest rank first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Truth values.
    Bool,
    /// Integers without sign.
    Unsigned,
    /// Integers with sign, in two's complement.
    Signed,
    /// Binary floating point.
    Float,
    /// Pairs of floating point numbers.
    Complex,
}

impl Kind {
    /// NumPy's letter: `b`, `u`, `i`, `f` or `c`.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Kind::Bool => 'b',
            Kind::Unsigned => 'u',
            Kind::Signed => 'i',
            Kind::Float => 'f',
            Kind::Complex => 'c',
        }
    }
}

impl DType {
    /// Every dtype, in the order of declaration.
    pub const ALL: &'static [DType] = &[
        DType::Bool,
        DType::Int8,
        DType::Int16,
        DType::Int32,
        DType::Int64,
        DType::UInt8,
        DType::UInt16,
        DType::UInt32,
        DType::UInt64,
        DType::Float16,
        DType::Float32,
        DType::Float64,
        DType::Complex64,
        DType::Complex128,
    ];

    /// The dtype of a Rust type.
    #[must_use]
    pub const fn of<T: Element>() -> DType {
        T::DTYPE
    }

    /// Bytes of one element.
    #[must_use]
    pub const fn itemsize(self) -> usize {
        match self {
            DType::Bool | DType::Int8 | DType::UInt8 => 1,
            DType::Int16 | DType::UInt16 | DType::Float16 => 2,
            DType::Int32 | DType::UInt32 | DType::Float32 => 4,
            DType::Int64 | DType::UInt64 | DType::Float64 | DType::Complex64 => 8,
            DType::Complex128 => 16,
        }
    }

    /// Alignment in bytes; a complex number has that of its parts.
    #[must_use]
    pub const fn alignment(self) -> usize {
        match self.kind() {
            Kind::Complex => self.itemsize() / 2,
            _ => self.itemsize(),
        }
    }

    /// What sort of number it is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            DType::Bool => Kind::Bool,
            DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => Kind::Signed,
            DType::UInt8 | DType::UInt16 | DType::UInt32 | DType::UInt64 => Kind::Unsigned,
            DType::Float16 | DType::Float32 | DType::Float64 => Kind::Float,
            DType::Complex64 | DType::Complex128 => Kind::Complex,
        }
    }

    /// NumPy's canonical name, such as `float64`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::Int8 => "int8",
            DType::Int16 => "int16",
            DType::Int32 => "int32",
            DType::Int64 => "int64",
            DType::UInt8 => "uint8",
            DType::UInt16 => "uint16",
            DType::UInt32 => "uint32",
            DType::UInt64 => "uint64",
            DType::Float16 => "float16",
            DType::Float32 => "float32",
            DType::Float64 => "float64",
            DType::Complex64 => "complex64",
            DType::Complex128 => "complex128",
        }
    }

    /// The dtype of one part of a complex dtype; the dtype itself otherwise.
    #[must_use]
    pub const fn component(self) -> DType {
        match self {
            DType::Complex64 => DType::Float32,
            DType::Complex128 => DType::Float64,
            other => other,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
