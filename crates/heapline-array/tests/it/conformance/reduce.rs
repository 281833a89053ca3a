//! Sums, means and products in their accumulators.

use heapline_array::{ArrayMemory, DType, NdArray, with_dtype};
use serde::Deserialize;
use serde_json::Value;

use super::casts::dtype;
use super::values::{Number, parse_bits};
use super::{Check, same};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    input: Input,
    op: String,
    dtype: Option<String>,
    result: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    dtype: String,
    values: Option<Vec<Value>>,
    repeat: Option<Value>,
    /// A number, or a flag beside `n`.
    arange: Option<Value>,
    harmonic: Option<Value>,
    n: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    dtype: String,
    value: Value,
    bits: Value,
    input_nbytes: usize,
    result_nbytes: usize,
    #[serde(default)]
    any_order_exact: bool,
    exact: Option<Value>,
    abs_error_bound: Option<String>,
}

impl Input {
    fn elements<A: Number>(&self) -> Result<Vec<A>, String> {
        let count = |given: &Value| match given.as_u64() {
            Some(count) => Ok(count as usize),
            None => self.n.ok_or("no n"),
        };
        let converted = |numbers: Vec<f64>| {
            let array = NdArray::from_vec(numbers).astype::<A>(Default::default());
            array
                .map(|(array, _)| array.view().to_vec())
                .map_err(|error| error.to_string())
        };
        match (&self.values, &self.repeat, &self.arange, &self.harmonic) {
            (Some(values), None, None, None) => values.iter().map(A::parse).collect(),
            (None, Some(value), None, None) => Ok(vec![A::parse(value)?; self.n.ok_or("no n")?]),
            (None, None, Some(n), None) => {
                converted((0..count(n)?).map(|number| number as f64).collect())
            }
            (None, None, None, Some(n)) => {
                converted((1..=count(n)?).map(|number| 1.0 / number as f64).collect())
            }
            _ => Err("an unknown input".to_owned()),
        }
    }
}

pub(super) fn check(case: Case) -> Check {
    let from = dtype(&case.input.dtype)?;
    with_dtype!(from, A => {
        let input = NdArray::from_vec(case.input.elements::<A>()?);
        same("input_nbytes", input.nbytes(), case.result.input_nbytes)?;
        match case.dtype.as_deref().map(dtype).transpose()? {
            Some(to) => with_dtype!(to, T => compare::<T>(match &*case.op {
                "sum" => input.sum_as(),
                "prod" => input.prod_as(),
                "mean" => input.mean_as(),
                other => return Err(format!("unknown op {other}")),
            }, &case.result)),
            None => match &*case.op {
                "sum" => compare(input.sum(), &case.result),
                "prod" => compare(input.prod(), &case.result),
                "mean" => compare(input.mean(), &case.result),
                other => Err(format!("unknown op {other}")),
            },
        }
    })
}

fn compare<T: Number>(ours: T, numpy: &Expected) -> Check {
    same("dtype", DType::of::<T>().name(), &numpy.dtype)?;
    same("result_nbytes", size_of::<T>(), numpy.result_nbytes)?;
    let bits = parse_bits(&numpy.bits)?;
    same(
        "NumPy's value",
        T::parse(&numpy.value)?.bits(),
        bits.clone(),
    )?;
    let is_finite = parts(ours).iter().all(|part| part.is_finite());
    let (Some(exact), Some(bound)) = (&numpy.exact, &numpy.abs_error_bound) else {
        return same("bits", ours.bits(), bits);
    };
    if numpy.any_order_exact || !is_finite || ours.bits() == bits {
        return same("bits", ours.bits(), bits);
    }
    let bound: f64 = bound.parse().map_err(|_| format!("bound {bound}"))?;
    let exact = match exact {
        Value::Array(parts) => parts
            .iter()
            .map(f64::parse)
            .collect::<Result<Vec<_>, _>>()?,
        real => vec![f64::parse(real)?, 0.0],
    };
    for (ours, exact) in parts(ours).iter().zip(exact) {
        if (ours - exact).abs() > bound {
            return Err(format!("{ours}, but exactly {exact} ± {bound}"));
        }
    }
    Ok(())
}

/// The real and the imaginary part.
fn parts<T: Number>(number: T) -> [f64; 2] {
    let wide =
        NdArray::from_vec(vec![number]).astype::<heapline_array::Complex<f64>>(Default::default());
    let wide = wide.expect("any dtype is complex").0.view()[0];
    [wide.re, wide.im]
}
