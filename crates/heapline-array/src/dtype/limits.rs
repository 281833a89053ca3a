//! `finfo` and `iinfo`: what the numbers of a dtype can be.

use std::fmt;

use half::f16;

use super::value::power_of_two;
use super::{DType, Kind};

/// Limits of a floating point dtype; fields are named as NumPy's. All values are exact.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FInfo {
    /// The floating point dtype; of a complex one, that of its parts.
    pub dtype: DType,
    /// Bits of a number.
    pub bits: u32,
    /// Decimal digits that are certain.
    pub precision: u32,
    /// Bits of the mantissa that are stored.
    pub nmant: u32,
    /// Bits of the exponent.
    pub nexp: u32,
    /// Bits of the exponent, bias included.
    pub iexp: u32,
    /// Power of two of the smallest normal number.
    pub minexp: i32,
    /// Smallest power of two that overflows.
    pub maxexp: i32,
    /// Power of two that is `eps`.
    pub machep: i32,
    /// Power of two that is `epsneg`.
    pub negep: i32,
    /// The next number above 1, less 1.
    pub eps: f64,
    /// 1 less the next number below.
    pub epsneg: f64,
    /// 10 to the power of `-precision`, rounded to the dtype.
    pub resolution: f64,
    /// Largest finite number.
    pub max: f64,
    /// Smallest finite number: `-max`.
    pub min: f64,
    /// The same as `smallest_normal`.
    pub tiny: f64,
    /// Smallest positive number of full precision.
    pub smallest_normal: f64,
    /// Smallest positive number.
    pub smallest_subnormal: f64,
}

/// Limits of an integer dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IInfo {
    /// The dtype itself.
    pub dtype: DType,
    /// Bits of a number.
    pub bits: u32,
    /// Signed or unsigned.
    pub kind: Kind,
    /// Smallest number.
    pub min: i128,
    /// Largest number.
    pub max: i128,
}

/// `finfo` of a dtype that is neither floating nor complex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFloating(pub DType);

impl fmt::Display for NotFloating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data type {} not inexact", self.0)
    }
}

impl std::error::Error for NotFloating {}

/// `iinfo` of a dtype that is no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInteger(pub DType);

impl fmt::Display for NotInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid integer data type {}", self.0)
    }
}

impl std::error::Error for NotInteger {}

/// Limits of a floating or complex dtype.
///
/// ```
/// use heapline_array::{DType, finfo};
///
/// assert_eq!(finfo(DType::Float32)?.eps, f64::from(f32::EPSILON));
/// assert_eq!(finfo(DType::Complex128)?.dtype, DType::Float64);
/// # Ok::<(), heapline_array::NotFloating>(())
/// ```
///
/// # Errors
/// For dtypes of other kinds.
pub fn finfo(dtype: DType) -> Result<FInfo, NotFloating> {
    let component = dtype.component();
    let (nmant, precision, resolution) = match component {
        DType::Float16 => (10, 3, f64::from(f16::from_f32(1e-3))),
        DType::Float32 => (23, 6, f64::from(1e-6_f32)),
        DType::Float64 => (52, 15, 1e-15),
        _ => return Err(NotFloating(dtype)),
    };
    // IEEE 754: sign, exponent, mantissa without its leading one.
    let bits = component.itemsize() as u32 * 8;
    let nexp = bits - 1 - nmant;
    let maxexp = 1 << (nexp - 1);
    let minexp = 2 - maxexp;
    let machep = -(nmant as i32);
    let max = power_of_two(maxexp - 1) * (2.0 - power_of_two(machep));
    Ok(FInfo {
        dtype: component,
        bits,
        precision,
        nmant,
        nexp,
        iexp: nexp,
        minexp,
        maxexp,
        machep,
        negep: machep - 1,
        eps: power_of_two(machep),
        epsneg: power_of_two(machep - 1),
        resolution,
        max,
        min: -max,
        tiny: power_of_two(minexp),
        smallest_normal: power_of_two(minexp),
        smallest_subnormal: power_of_two(minexp) * power_of_two(machep),
    })
}

/// Limits of an integer dtype.
///
/// # Errors
/// For dtypes of other kinds, `bool` among them.
pub fn iinfo(dtype: DType) -> Result<IInfo, NotInteger> {
    let bits = dtype.itemsize() as u32 * 8;
    let (min, max) = match dtype.kind() {
        Kind::Signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        Kind::Unsigned => (0, (1 << bits) - 1),
        _ => return Err(NotInteger(dtype)),
    };
    Ok(IInfo {
        dtype,
        bits,
        kind: dtype.kind(),
        min,
        max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_standard_library() {
        let double = finfo(DType::Float64).expect("floating");
        assert_eq!(double.max, f64::MAX);
        assert_eq!(double.eps, f64::EPSILON);
        assert_eq!(double.smallest_normal, f64::MIN_POSITIVE);
        assert_eq!(double.smallest_subnormal, f64::from_bits(1));
        let single = finfo(DType::Complex64).expect("floating");
        assert_eq!(single.max, f64::from(f32::MAX));
        assert_eq!(single.smallest_subnormal, f64::from(f32::from_bits(1)));
        let half = finfo(DType::Float16).expect("floating");
        assert_eq!(half.max, f64::from(f16::MAX));
        assert_eq!(half.smallest_subnormal, f64::from(f16::from_bits(1)));
        assert_eq!(
            iinfo(DType::Int64).map(|info| info.min),
            Ok(i64::MIN.into())
        );
        assert_eq!(
            iinfo(DType::UInt64).map(|info| info.max),
            Ok(u64::MAX.into())
        );
    }
}
