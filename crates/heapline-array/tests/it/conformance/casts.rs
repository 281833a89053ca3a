//! Casting rules, promotion, and values converted.

use heapline_array::{
    AnyArray, ArrayMemory, Astype, CastError, CastWarning, Casting, DType, NdArray, Scalar,
    ScalarKind, can_cast as can_cast_to, min_scalar_type as min_scalar_type_of, promote_scalar,
    promote_types, result_type, with_array, with_dtype,
};
use num_complex::Complex;
use serde::Deserialize;
use serde_json::Value;

use super::values::{Number, parse_bits};
use super::{Check, same};

pub(super) fn dtype(text: &str) -> Result<DType, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// A rule, and whether values must stay the same as well.
pub(super) fn rule(text: &str) -> Result<(Casting, bool), String> {
    Ok(match text {
        "no" => (Casting::No, false),
        "equiv" => (Casting::Equiv, false),
        "safe" => (Casting::Safe, false),
        "same_kind" => (Casting::SameKind, false),
        "unsafe" => (Casting::Unsafe, false),
        "same_value" => (Casting::Unsafe, true),
        other => return Err(format!("unknown rule {other}")),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CanCastCase {
    from: String,
    to: String,
    result: CanCast,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CanCast {
    no: bool,
    equiv: bool,
    safe: bool,
    same_kind: bool,
    r#unsafe: bool,
}

pub(super) fn can_cast(case: CanCastCase) -> Check {
    let (from, to, numpy) = (dtype(&case.from)?, dtype(&case.to)?, case.result);
    for (rule, numpy) in [
        (Casting::No, numpy.no),
        (Casting::Equiv, numpy.equiv),
        (Casting::Safe, numpy.safe),
        (Casting::SameKind, numpy.same_kind),
        (Casting::Unsafe, numpy.r#unsafe),
    ] {
        same(&format!("{rule:?}"), can_cast_to(from, to, rule), numpy)?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PromoteCase {
    a: Option<String>,
    b: Option<String>,
    weak: Option<String>,
    many: Option<Vec<String>>,
    result: Promoted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promoted {
    dtype: String,
}

pub(super) fn promote(case: PromoteCase) -> Check {
    let ours = match (&case.a, &case.b, &case.weak, &case.many) {
        (Some(a), Some(b), None, None) => {
            let (a, b) = (dtype(a)?, dtype(b)?);
            same("symmetry", promote_types(a, b), promote_types(b, a))?;
            promote_types(a, b)
        }
        (Some(a), None, Some(weak), None) => promote_scalar(dtype(a)?, scalar_kind(weak)?),
        (None, None, None, Some(many)) => {
            let many: Result<Vec<_>, _> = many.iter().map(|text| dtype(text)).collect();
            let many = many?;
            let backwards = result_type(many.iter().rev().copied());
            same("symmetry", result_type(many.iter().copied()), backwards)?;
            result_type(many).ok_or("no dtypes")?
        }
        _ => return Err("an unknown combination".to_owned()),
    };
    same("dtype", ours.name(), &case.result.dtype)
}

fn scalar_kind(text: &str) -> Result<ScalarKind, String> {
    Ok(match text {
        "bool" => ScalarKind::Bool,
        "int" => ScalarKind::Int,
        "float" => ScalarKind::Float,
        "complex" => ScalarKind::Complex,
        other => return Err(format!("unknown kind {other}")),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MinScalarCase {
    kind: String,
    value: Value,
    result: Promoted,
}

pub(super) fn min_scalar_type(case: MinScalarCase) -> Check {
    let scalar = match scalar_kind(&case.kind)? {
        ScalarKind::Bool => match &case.value {
            Value::Bool(value) => Scalar::Bool(*value),
            other => Scalar::Bool(bool::parse(other)?),
        },
        ScalarKind::Int => match u64::parse(&case.value) {
            Ok(value) => Scalar::UInt(value),
            Err(_) => Scalar::Int(i64::parse(&case.value)?),
        },
        ScalarKind::Float => Scalar::Float(f64::parse(&case.value)?),
        ScalarKind::Complex => Scalar::Complex(Complex::parse(&case.value)?),
    };
    same(
        "dtype",
        min_scalar_type_of(scalar).name(),
        &case.result.dtype,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AstypeCase {
    from: String,
    to: String,
    casting: String,
    input: Vec<Value>,
    input_bits: Vec<Value>,
    result: Option<Converted>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Converted {
    values: Vec<Value>,
    bits: Vec<Value>,
    nbytes: usize,
    warnings: Vec<String>,
}

pub(super) fn astype(case: AstypeCase) -> Check {
    let input = with_dtype!(dtype(&case.from)?, T => input::<T>(&case)?);
    let (casting, same_value) = rule(&case.casting)?;
    let how = Astype {
        casting,
        same_value,
        ..Astype::default()
    };
    match (
        input.astype(dtype(&case.to)?, how),
        &case.result,
        case.error.as_deref(),
    ) {
        (Err(CastError::NotAllowed { .. }), None, Some("cast not allowed"))
        | (Err(CastError::ValueChanged(_)), None, Some("value changed")) => Ok(()),
        (Ok((array, report)), Some(numpy), None) => {
            with_array!(&array, array => same_numbers(array, numpy))?;
            same("nbytes", array.nbytes(), numpy.nbytes)?;
            let mut warnings: Vec<_> = report.warnings().map(warning).collect();
            warnings.sort_unstable();
            let mut expected: Vec<&str> = numpy.warnings.iter().map(String::as_str).collect();
            expected.sort_unstable();
            same("warnings", warnings, expected)
        }
        (ours, _, error) => Err(format!("{ours:?}, but NumPy's error is {error:?}")),
    }
}

fn input<A: Number>(case: &AstypeCase) -> Result<AnyArray, String>
where
    AnyArray: From<NdArray<A>>,
{
    let input: Result<Vec<A>, _> = case.input.iter().map(A::parse).collect();
    let input = input?;
    same_bits("input", &input, &case.input_bits)?;
    Ok(NdArray::from_vec(input).into_dyn().into())
}

fn same_numbers<B: Number>(array: &NdArray<B>, numpy: &Converted) -> Check {
    let ours: Vec<B> = array.view().iter().copied().collect();
    same_bits("result", &ours, &numpy.bits)?;
    same("number of values", ours.len(), numpy.values.len())?;
    for (ours, numpy) in ours.iter().zip(&numpy.values) {
        same("value", ours.bits(), B::parse(numpy)?.bits())?;
    }
    Ok(())
}

fn warning(warning: CastWarning) -> &'static str {
    match warning {
        CastWarning::Overflow => "overflow",
        CastWarning::Invalid => "invalid",
        CastWarning::ImagDiscarded => "imag_discarded",
    }
}

fn same_bits<A: Number>(what: &str, ours: &[A], numpy: &[Value]) -> Check {
    same("number of elements", ours.len(), numpy.len())?;
    for (index, (ours, numpy)) in ours.iter().zip(numpy).enumerate() {
        same(&format!("{what} {index}"), ours.bits(), parse_bits(numpy)?)?;
    }
    Ok(())
}
