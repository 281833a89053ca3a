//! Chains of operations: what each allocates, and where the result lies.

use heapline_array::{AnyArray, ArrayMemory, HEADER_NBYTES, with_array};
use serde::Deserialize;
use serde_json::Value;

use super::arrays::{Base, Place, made};
use super::dtypes::same_layout;
use super::operations::{Operation, Refused, apply, apply_all};
use super::values::{Number, is_same};
use super::{Check, same};
use crate::counting::{dims_nbytes, measure};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    base: Base,
    ops: Vec<Operation>,
    result: Option<Expected>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    step: usize,
    /// NumPy's words are its own.
    #[serde(rename = "type", alias = "kind", alias = "exception")]
    _type: Option<String>,
    #[serde(rename = "message", alias = "text", alias = "error")]
    _message: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    is_view: bool,
    new_nbytes: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    dtype: String,
    shape: Vec<usize>,
    ndim: usize,
    size: usize,
    itemsize: usize,
    nbytes: usize,
    strides: Vec<Option<isize>>,
    c_contiguous: bool,
    f_contiguous: bool,
    layout_is_contract: bool,
    writeable: bool,
    is_view_of_base: bool,
    shares_memory_with_base: bool,
    may_share_memory_with_base: bool,
    data_offset: Option<usize>,
    extent: Option<[usize; 2]>,
    extent_nbytes: usize,
    unique_nbytes: usize,
    holds_nbytes: usize,
    steps: Vec<Step>,
    values: Option<Vec<Value>>,
}

/// What a step did, by the allocator's count.
struct Observed {
    is_view: bool,
    new_nbytes: isize,
}

pub(super) fn check(case: Case) -> Check {
    let base = made(&case.base)?;
    let place = Place::of(&base);
    let writes = case
        .ops
        .iter()
        .any(|operation| matches!(operation, Operation::IaddSelf));
    // A second handle would forbid to write.
    let kept = (!writes).then(|| base.clone());
    let mut steps = Vec::new();
    let result = apply_all(base, &case.ops, |_, array, operation| {
        let (next, step) = observed(array, operation)?;
        steps.push(step);
        Ok(next)
    });
    match (result, case.result, case.error) {
        (Err((_, Refused::Unknown(text))), ..) => Err(text),
        (Err((step, Refused::Error(_))), None, Some(error)) => same("step", step, error.step),
        (Ok(result), Some(numpy), None) => {
            same("steps", steps.len(), numpy.steps.len())?;
            for (index, (ours, numpy)) in steps.iter().zip(&numpy.steps).enumerate() {
                let name = format!("step {index}");
                same(&name, ours.is_view, numpy.is_view)?;
                same(&name, ours.new_nbytes, numpy.new_nbytes as isize)?;
            }
            with_array!(&result, array => same_values(array, numpy.values.as_deref()))?;
            compare(&result, &place, kept.as_ref(), &numpy)
        }
        (Ok(_), _, error) => Err(format!("no error, but NumPy {:?}", error.map(|e| e.step))),
        (Err((step, Refused::Error(text))), ..) => Err(format!("step {step}: {text}")),
    }
}

/// Applies an operation under the allocator's count.
fn observed(
    array: &mut AnyArray,
    operation: &Operation,
) -> Result<(Option<AnyArray>, Observed), Refused> {
    let before = array.base().id;
    let (next, usage) = measure(|| apply(array, operation));
    let next = next?;
    let current = next.as_ref().unwrap_or(array);
    let is_view = current.base().id == before;
    let dims = next
        .as_ref()
        .map_or(0, |next| dims_nbytes(next.memory_layout().shape().len()));
    let header = if is_view { 0 } else { HEADER_NBYTES as isize };
    let step = Observed {
        is_view,
        new_nbytes: usage.kept - dims - header,
    };
    Ok((next, step))
}

fn same_values<A: Number>(array: &heapline_array::NdArray<A>, numpy: Option<&[Value]>) -> Check {
    let Some(numpy) = numpy else { return Ok(()) };
    same("number of values", array.len(), numpy.len())?;
    for (index, (ours, numpy)) in array.view().iter().zip(numpy).enumerate() {
        if !is_same(*ours, A::parse(numpy)?) {
            return Err(format!("value {index}: {ours:?}, but NumPy {numpy}"));
        }
    }
    Ok(())
}

fn compare(result: &AnyArray, place: &Place, base: Option<&AnyArray>, numpy: &Expected) -> Check {
    let layout = result.memory_layout();
    same("dtype", result.dtype().name(), &numpy.dtype)?;
    same("shape", layout.shape(), &numpy.shape)?;
    same("ndim", layout.shape().len(), numpy.ndim)?;
    same(
        "size",
        with_array!(result, array => array.len()),
        numpy.size,
    )?;
    same("itemsize", result.itemsize(), numpy.itemsize)?;
    same("nbytes", result.nbytes(), numpy.nbytes)?;
    same("unique_nbytes", result.unique_nbytes(), numpy.unique_nbytes)?;
    same("writeable", result.flags().writeable, numpy.writeable)?;
    let is_view_of_base = result.base().id == place.id;
    same("is_view_of_base", is_view_of_base, numpy.is_view_of_base)?;
    same(
        "holds_nbytes",
        result.base().capacity_nbytes,
        numpy.holds_nbytes,
    )?;
    let extent = place
        .extent(result)
        .map(|extent| [extent.start, extent.end]);
    same("extent", extent, numpy.extent)?;
    same("data_offset", place.data_offset(result), numpy.data_offset)?;
    let (shares, may_share) = match base {
        Some(base) => (result.shares_memory(base), result.may_share_memory(base)),
        // The base was all of its buffer.
        None => (extent.is_some(), extent.is_some()),
    };
    same(
        "shares_memory_with_base",
        shares,
        numpy.shares_memory_with_base,
    )?;
    same(
        "may_share_memory_with_base",
        may_share,
        numpy.may_share_memory_with_base,
    )?;
    if numpy.layout_is_contract {
        same(
            "extent_nbytes",
            result.byte_bounds().len(),
            numpy.extent_nbytes,
        )?;
        same_layout(
            result,
            &numpy.strides,
            numpy.c_contiguous,
            numpy.f_contiguous,
        )?;
    }
    Ok(())
}
