//! dtypes, their limits, and bytes of arrays that may not exist.

use heapline_array::{
    ArrayMemory, DType, FInfo, Kind, NdArray, finfo as finfo_of, iinfo as iinfo_of, nbytes_for,
    with_dtype,
};
use ndarray::{IxDyn, ShapeBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::values::{Number, parse_bits, parse_hex_float};
use super::{Check, parse, same};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DTypeCase {
    dtype: Option<String>,
    alias: Option<String>,
    result: Option<Value>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    kind: char,
    char: char,
    num_bits: usize,
    itemsize: usize,
    alignment: usize,
    str: String,
    is_signed: bool,
    is_integer: bool,
    is_floating: bool,
    is_complex: bool,
    isbuiltin: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    dtype: String,
}

pub(super) fn dtype(case: DTypeCase) -> Check {
    let text = case
        .dtype
        .as_ref()
        .or(case.alias.as_ref())
        .ok_or("no dtype")?;
    let dtype = text.parse::<DType>();
    match (dtype, case.result, case.error.as_deref()) {
        (Err(_), None, Some("unknown dtype")) => Ok(()),
        (Ok(dtype), Some(result), None) if case.alias.is_some() => {
            let alias: Alias = parse(result)?;
            same("dtype", dtype.name(), &alias.dtype)
        }
        (Ok(dtype), Some(result), None) => described(dtype, parse(result)?),
        (dtype, result, error) => Err(format!("{dtype:?}, but NumPy {result:?} {error:?}")),
    }
}

fn described(dtype: DType, numpy: Description) -> Check {
    let kind = dtype.kind();
    same("kind", kind.letter(), numpy.kind)?;
    same("char", dtype.char(), numpy.char)?;
    same("num_bits", dtype.itemsize() * 8, numpy.num_bits)?;
    same("itemsize", dtype.itemsize(), numpy.itemsize)?;
    same("alignment", dtype.alignment(), numpy.alignment)?;
    let of_type = with_dtype!(dtype, T => (size_of::<T>(), align_of::<T>(), DType::of::<T>()));
    same("type", of_type, (numpy.itemsize, numpy.alignment, dtype))?;
    same("str", dtype.protocol_str(), numpy.str)?;
    let is_integer = [Kind::Signed, Kind::Unsigned].contains(&kind);
    let is_signed = ![Kind::Bool, Kind::Unsigned].contains(&kind);
    same("is_signed", is_signed, numpy.is_signed)?;
    same("is_integer", is_integer, numpy.is_integer)?;
    same("is_floating", kind == Kind::Float, numpy.is_floating)?;
    same("is_complex", kind == Kind::Complex, numpy.is_complex)?;
    same("isbuiltin", true, numpy.isbuiltin)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsCase {
    query: String,
    result: Option<Value>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    text: Value,
    bits: Value,
    hex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FloatLimits {
    dtype: String,
    bits: u32,
    precision: u32,
    nmant: u32,
    nexp: u32,
    minexp: i32,
    maxexp: i32,
    machep: i32,
    negep: i32,
    iexp: u32,
    eps: Limit,
    epsneg: Limit,
    resolution: Limit,
    max: Limit,
    min: Limit,
    tiny: Limit,
    smallest_normal: Limit,
    smallest_subnormal: Limit,
}

pub(super) fn finfo(case: LimitsCase) -> Check {
    let dtype: DType = case.query.parse().map_err(|error| format!("{error}"))?;
    match (finfo_of(dtype), case.result, case.error.as_deref()) {
        (Err(_), None, Some("not a floating dtype")) => Ok(()),
        (Ok(ours), Some(result), None) => {
            with_dtype!(ours.dtype, T => float_limits::<T>(ours, parse(result)?))
        }
        (ours, result, error) => Err(format!("{ours:?}, but NumPy {result:?} {error:?}")),
    }
}

fn float_limits<T: Number>(ours: FInfo, numpy: FloatLimits) -> Check {
    same("dtype", ours.dtype.name(), &numpy.dtype)?;
    same("bits", ours.bits, numpy.bits)?;
    same("precision", ours.precision, numpy.precision)?;
    same("nmant", ours.nmant, numpy.nmant)?;
    same("nexp", ours.nexp, numpy.nexp)?;
    same("iexp", ours.iexp, numpy.iexp)?;
    same("minexp", ours.minexp, numpy.minexp)?;
    same("maxexp", ours.maxexp, numpy.maxexp)?;
    same("machep", ours.machep, numpy.machep)?;
    same("negep", ours.negep, numpy.negep)?;
    for (name, value, limit) in [
        ("eps", ours.eps, numpy.eps),
        ("epsneg", ours.epsneg, numpy.epsneg),
        ("resolution", ours.resolution, numpy.resolution),
        ("max", ours.max, numpy.max),
        ("min", ours.min, numpy.min),
        ("tiny", ours.tiny, numpy.tiny),
        (
            "smallest_normal",
            ours.smallest_normal,
            numpy.smallest_normal,
        ),
        (
            "smallest_subnormal",
            ours.smallest_subnormal,
            numpy.smallest_subnormal,
        ),
    ] {
        same(name, value, parse_hex_float(&limit.hex)?)?;
        let bits = parse_bits(&limit.bits)?;
        same(name, T::parse(&limit.text)?.bits(), bits.clone())?;
        let in_dtype = NdArray::from_vec(vec![value]).astype::<T>(Default::default());
        let (in_dtype, report) = in_dtype.map_err(|error| error.to_string())?;
        same(name, in_dtype.view()[0].bits(), bits)?;
        same(name, report.is_lossless(), true)?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntegerLimits {
    dtype: String,
    bits: u32,
    min: String,
    max: String,
    kind: char,
}

pub(super) fn iinfo(case: LimitsCase) -> Check {
    let dtype: DType = case.query.parse().map_err(|error| format!("{error}"))?;
    match (iinfo_of(dtype), case.result, case.error.as_deref()) {
        (Err(_), None, Some("not an integer dtype")) => Ok(()),
        (Ok(ours), Some(result), None) => {
            let numpy: IntegerLimits = parse(result)?;
            same("dtype", ours.dtype.name(), &numpy.dtype)?;
            same("bits", ours.bits, numpy.bits)?;
            same("kind", ours.kind.letter(), numpy.kind)?;
            same("min", ours.min.to_string(), numpy.min)?;
            same("max", ours.max.to_string(), numpy.max)
        }
        (ours, result, error) => Err(format!("{ours:?}, but NumPy {result:?} {error:?}")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BytesCase {
    dtype: String,
    shape: Vec<usize>,
    result: Option<Bytes>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    ndim: usize,
    size: usize,
    itemsize: usize,
    nbytes: usize,
    c_order: Option<Layout>,
    f_order: Option<Layout>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    strides: Vec<Option<isize>>,
    c_contiguous: bool,
    f_contiguous: bool,
}

pub(super) fn nbytes(case: BytesCase) -> Check {
    let dtype: DType = case.dtype.parse().map_err(|error| format!("{error}"))?;
    match (
        nbytes_for(&case.shape, dtype),
        case.result,
        case.error.as_deref(),
    ) {
        (Err(_), None, Some("overflow")) => Ok(()),
        (Ok(ours), Some(numpy), None) => {
            same("nbytes", ours, numpy.nbytes)?;
            same("ndim", case.shape.len(), numpy.ndim)?;
            same("size", ours / dtype.itemsize(), numpy.size)?;
            same("itemsize", dtype.itemsize(), numpy.itemsize)?;
            for (is_fortran, layout) in [(false, numpy.c_order), (true, numpy.f_order)] {
                // The largest have none: only the arithmetic counts.
                if let Some(layout) = layout {
                    with_dtype!(dtype, T => made::<T>(&case.shape, is_fortran, ours, &layout))?;
                }
            }
            Ok(())
        }
        (ours, result, error) => Err(format!(
            "{ours:?}, but NumPy {:?} {error:?}",
            result.map(|result| result.nbytes)
        )),
    }
}

fn made<T: Number>(shape: &[usize], is_fortran: bool, nbytes: usize, numpy: &Layout) -> Check {
    let array = NdArray::<T, _>::try_zeros(IxDyn(shape).set_f(is_fortran));
    let array = array.map_err(|error| error.to_string())?;
    same("nbytes of an array", array.nbytes(), nbytes)?;
    same("bytes of its buffer", array.base_nbytes(), nbytes)?;
    same_layout(
        &array,
        &numpy.strides,
        numpy.c_contiguous,
        numpy.f_contiguous,
    )
}

/// Strides, where they mean something, and contiguity.
pub(super) fn same_layout(
    array: &impl ArrayMemory,
    strides: &[Option<isize>],
    c_contiguous: bool,
    f_contiguous: bool,
) -> Check {
    let ours: Vec<_> = array.byte_strides().collect();
    let is_same = ours.len() == strides.len()
        && ours
            .iter()
            .zip(strides)
            .all(|(ours, numpy)| numpy.is_none_or(|numpy| numpy == *ours));
    if !is_same {
        return Err(format!("strides: {ours:?}, but NumPy {strides:?}"));
    }
    same("c_contiguous", array.flags().c_contiguous, c_contiguous)?;
    same("f_contiguous", array.flags().f_contiguous, f_contiguous)
}
