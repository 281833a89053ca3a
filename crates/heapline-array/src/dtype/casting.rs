//! Which dtype may become which, and which dtype several have in common.

use num_complex::Complex;

use super::{DType, Kind};

/// How much a cast may lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Casting {
    /// The same dtype only.
    No,
    /// The same dtype only; NumPy allows another byte order besides, which we have not.
    Equiv,
    /// Every value survives. As in NumPy, 64-bit integers count as safe in `float64`.
    Safe,
    /// Safe, or within a kind or to a higher one, such as `float64` to `float32`.
    SameKind,
    /// Anything.
    Unsafe,
}

/// An untyped scalar, which takes a side in promotion by its kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScalarKind {
    /// `true`, `false`.
    Bool,
    /// An integer of any value.
    Int,
    /// A floating point number.
    Float,
    /// A complex number.
    Complex,
}

/// A value whose smallest dtype is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// An integer below or at zero.
    Int(i64),
    /// An integer that is not negative.
    UInt(u64),
    /// A floating point number.
    Float(f64),
    /// A complex number.
    Complex(Complex<f64>),
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Scalar::Bool(value)
    }
}

impl From<i32> for Scalar {
    fn from(value: i32) -> Self {
        Scalar::Int(i64::from(value))
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Scalar::Int(value)
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Scalar::UInt(value)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Scalar::Float(value)
    }
}

impl From<Complex<f64>> for Scalar {
    fn from(value: Complex<f64>) -> Self {
        Scalar::Complex(value)
    }
}

const fn is_same(a: DType, b: DType) -> bool {
    a as u8 == b as u8
}

/// Whether a dtype may be cast to another under a rule.
///
/// ```
/// use heapline_array::{Casting, DType, can_cast};
///
/// assert!(can_cast(DType::Int32, DType::Float64, Casting::Safe));
/// assert!(!can_cast(DType::Int32, DType::Float32, Casting::Safe));
/// assert!(can_cast(DType::Int32, DType::Float32, Casting::SameKind));
/// ```
#[must_use]
pub const fn can_cast(from: DType, to: DType, casting: Casting) -> bool {
    match casting {
        Casting::No | Casting::Equiv => is_same(from, to),
        Casting::Safe => is_safe(from, to),
        Casting::SameKind => is_safe(from, to) || from.kind() as u8 <= to.kind() as u8,
        Casting::Unsafe => true,
    }
}

const fn is_safe(from: DType, to: DType) -> bool {
    let (own, target) = (from.itemsize(), to.itemsize());
    let component = to.component().itemsize();
    match (from.kind(), to.kind()) {
        (Kind::Bool, _) => true,
        (Kind::Unsigned, Kind::Unsigned)
        | (Kind::Signed, Kind::Signed)
        | (Kind::Float, Kind::Float)
        | (Kind::Complex, Kind::Complex) => own <= target,
        (Kind::Unsigned, Kind::Signed) => own < target,
        // One byte fits 11 bits of mantissa, two fit 24, and 8 pass as fitting 53.
        (Kind::Unsigned | Kind::Signed, Kind::Float | Kind::Complex) => match own {
            1 => component >= 2,
            2 => component >= 4,
            _ => component >= 8,
        },
        (Kind::Float, Kind::Complex) => own <= component,
        _ => false,
    }
}

/// The lowest kind, and then the fewest bytes, that all of `dtypes` cast to safely.
const fn common(dtypes: &[DType]) -> DType {
    let mut best = DType::Complex128;
    let mut candidate = 0;
    while candidate < DType::ALL.len() {
        let dtype = DType::ALL[candidate];
        let is_lower = (dtype.kind() as u8) < best.kind() as u8;
        let is_smaller =
            dtype.kind() as u8 == best.kind() as u8 && dtype.itemsize() < best.itemsize();
        if (is_lower || is_smaller) && takes_all(dtype, dtypes) {
            best = dtype;
        }
        candidate += 1;
    }
    best
}

const fn takes_all(to: DType, dtypes: &[DType]) -> bool {
    let mut index = 0;
    while index < dtypes.len() {
        if !is_safe(dtypes[index], to) {
            return false;
        }
        index += 1;
    }
    true
}

/// The smallest dtype to which both cast safely.
#[must_use]
pub const fn promote_types(a: DType, b: DType) -> DType {
    common(&[a, b])
}

/// The smallest dtype to which all cast safely; `None` for an empty list.
///
/// This is not [`promote_types`] from pair to pair:
///
/// ```
/// use heapline_array::{DType, promote_types, result_type};
///
/// let dtypes = [DType::UInt16, DType::Int16, DType::Complex64];
/// assert_eq!(result_type(dtypes), Some(DType::Complex64));
/// let pair = promote_types(dtypes[0], dtypes[1]);
/// assert_eq!(promote_types(pair, dtypes[2]), DType::Complex128);
/// ```
#[must_use]
pub fn result_type(dtypes: impl IntoIterator<Item = DType>) -> Option<DType> {
    // A set, so that no list needs memory.
    let mut found = [None; DType::ALL.len()];
    for dtype in dtypes {
        found[dtype as usize] = Some(dtype);
    }
    let mut dtypes = [*found.iter().flatten().next()?; DType::ALL.len()];
    for (place, dtype) in dtypes.iter_mut().zip(found.into_iter().flatten()) {
        *place = dtype;
    }
    Some(common(&dtypes))
}

/// The dtype of an array of `dtype` combined with an untyped scalar: the array's, unless
/// the scalar is of a higher kind.
#[must_use]
pub const fn promote_scalar(dtype: DType, scalar: ScalarKind) -> DType {
    let is_narrow = matches!(dtype, DType::Float16 | DType::Float32);
    match (scalar, dtype.kind()) {
        (ScalarKind::Int, Kind::Bool) => DType::Int64,
        (ScalarKind::Float, Kind::Bool | Kind::Unsigned | Kind::Signed) => DType::Float64,
        (ScalarKind::Complex, Kind::Complex) => dtype,
        (ScalarKind::Complex, _) if is_narrow => DType::Complex64,
        (ScalarKind::Complex, _) => DType::Complex128,
        _ => dtype,
    }
}

/// The smallest dtype that holds a value: integers without sign if not negative; for
/// floating point the range decides, not the precision.
#[must_use]
pub fn min_scalar_type(value: impl Into<Scalar>) -> DType {
    match value.into() {
        Scalar::Bool(_) => DType::Bool,
        Scalar::Int(value) => match u64::try_from(value) {
            Ok(value) => min_unsigned(value),
            Err(_) => min_signed(value),
        },
        Scalar::UInt(value) => min_unsigned(value),
        Scalar::Float(value) if value.abs() < 65_000.0 || !value.is_finite() => DType::Float16,
        Scalar::Float(value) if value.abs() < 3.4e38 => DType::Float32,
        Scalar::Float(_) => DType::Float64,
        // Other than above, infinity is not below any bound.
        Scalar::Complex(value) if value.re.abs() < 3.4e38 && value.im.abs() < 3.4e38 => {
            DType::Complex64
        }
        Scalar::Complex(_) => DType::Complex128,
    }
}

fn min_unsigned(value: u64) -> DType {
    match value {
        0..=0xff => DType::UInt8,
        0x100..=0xffff => DType::UInt16,
        0x1_0000..=0xffff_ffff => DType::UInt32,
        _ => DType::UInt64,
    }
}

fn min_signed(value: i64) -> DType {
    if i8::try_from(value).is_ok() {
        DType::Int8
    } else if i16::try_from(value).is_ok() {
        DType::Int16
    } else if i32::try_from(value).is_ok() {
        DType::Int32
    } else {
        DType::Int64
    }
}
