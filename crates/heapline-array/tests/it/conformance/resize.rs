//! Arrays resized, in place and by repetition.

use heapline_array::{AnyArray, ArrayMemory, Index, NdArray, ResizeError, with_dtype};
use ndarray::IxDyn;
use serde::Deserialize;
use serde_json::Value;

use super::arrays::{Order, counted};
use super::casts::dtype;
use super::values::{Number, is_same};
use super::{Check, same};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    dtype: String,
    shape: Vec<usize>,
    #[serde(default)]
    order: Order,
    new_shape: Vec<usize>,
    kind: Kind,
    live_views: usize,
    of_view: bool,
    result: Option<Expected>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    InPlace,
    Repeat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    shape: Vec<usize>,
    nbytes: usize,
    values: Vec<Value>,
}

pub(super) fn check(case: Case) -> Check {
    with_dtype!(dtype(&case.dtype)?, T => resized::<T>(&case))
}

fn resized<T: Number>(case: &Case) -> Check
where
    AnyArray: From<NdArray<T>>,
{
    let whole = counted::<T>(&case.shape, matches!(case.order, Order::F));
    let mut array = if case.of_view {
        whole
            .index(&[Index::Ellipsis])
            .map_err(|error| error.to_string())?
    } else {
        whole
    };
    let views: Vec<_> = (0..case.live_views).map(|_| array.t()).collect();
    let shape = IxDyn(&case.new_shape);
    let result = match case.kind {
        Kind::InPlace => match array.resize(shape) {
            Ok(()) => Ok(array),
            Err(ResizeError::Shared) if case.live_views > 0 => Err("shared"),
            Err(ResizeError::View) if case.of_view => Err("view"),
            Err(error) => return Err(error.to_string()),
        },
        Kind::Repeat => Ok(array.resized(shape).map_err(|error| error.to_string())?),
    };
    drop(views);
    match (result, &case.result, &case.error) {
        (Err(_), None, Some(_)) => Ok(()),
        (Ok(array), Some(numpy), None) => {
            same("shape", array.shape(), &numpy.shape)?;
            same("nbytes", array.nbytes(), numpy.nbytes)?;
            same("base_nbytes", array.base_nbytes(), numpy.nbytes)?;
            same("number of values", array.len(), numpy.values.len())?;
            for (ours, numpy) in array.view().iter().zip(&numpy.values) {
                if !is_same(*ours, T::parse(numpy)?) {
                    return Err(format!("{ours:?}, but NumPy {numpy}"));
                }
            }
            Ok(())
        }
        (result, _, error) => Err(format!(
            "{:?}, but NumPy's error is {error:?}",
            result.is_ok()
        )),
    }
}
