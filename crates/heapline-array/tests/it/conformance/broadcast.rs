//! Two operands: the result's shape, dtype and bytes, and that operands need none.

use heapline_array::{
    AnyArray, ArrayMemory, Astype, Casting, DType, NdArray, WrongDType, broadcast_shapes, can_cast,
    promote_types, with_array, with_dtype,
};
use ndarray::{IxDyn, Zip};
use serde::Deserialize;

use super::arrays::{Base, Order, made};
use super::casts::dtype;
use super::dtypes::same_layout;
use super::values::Number;
use super::{Check, same};
use crate::counting::{dims_nbytes, measure};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    a: Operand,
    b: Operand,
    result: Option<Expected>,
    error: Option<String>,
    in_place_into_a: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operand {
    shape: Vec<usize>,
    dtype: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    shape: Vec<usize>,
    dtype: String,
    result_nbytes: usize,
    operand_new_nbytes: [isize; 2],
    a_broadcast_strides: Vec<Option<isize>>,
    b_broadcast_strides: Vec<Option<isize>>,
    a_logical_nbytes: usize,
    b_logical_nbytes: usize,
    a_held_nbytes: usize,
    b_held_nbytes: usize,
}

pub(super) fn check(case: Case) -> Check {
    let (a_dtype, b_dtype) = (dtype(&case.a.dtype)?, dtype(&case.b.dtype)?);
    let common = promote_types(a_dtype, b_dtype);
    let shape = broadcast_shapes(&case.a.shape, &case.b.shape);
    // NumPy looks at dtypes first.
    let in_place = if !can_cast(common, a_dtype, Casting::SameKind) {
        "cast not allowed"
    } else if shape.as_ref() != Ok(&case.a.shape) {
        "shape"
    } else {
        "ok"
    };
    same("in_place_into_a", in_place, &case.in_place_into_a)?;
    match (shape, case.result, case.error.as_deref()) {
        (Err(_), None, Some("shapes do not broadcast")) => Ok(()),
        (Ok(shape), Some(numpy), None) => {
            same("shape", &shape, &numpy.shape)?;
            same("dtype", common.name(), &numpy.dtype)?;
            let [a_new, b_new] = numpy.operand_new_nbytes;
            let a = Wide {
                strides: &numpy.a_broadcast_strides,
                new_nbytes: a_new,
                logical_nbytes: numpy.a_logical_nbytes,
                held_nbytes: numpy.a_held_nbytes,
            };
            let b = Wide {
                strides: &numpy.b_broadcast_strides,
                new_nbytes: b_new,
                logical_nbytes: numpy.b_logical_nbytes,
                held_nbytes: numpy.b_held_nbytes,
            };
            let a = converted(&case.a, common, &shape, a)?;
            let b = converted(&case.b, common, &shape, b)?;
            let sum = with_dtype!(common, T => added::<T>(a.try_into(), b.try_into())?);
            same("result_nbytes", sum, numpy.result_nbytes)
        }
        (shape, _, error) => Err(format!("{shape:?}, but NumPy's error is {error:?}")),
    }
}

/// A broadcast operand.
struct Wide<'a> {
    strides: &'a [Option<isize>],
    new_nbytes: isize,
    logical_nbytes: usize,
    held_nbytes: usize,
}

/// Checks the operand as it is, and gives it in the result's dtype.
fn converted(
    operand: &Operand,
    common: DType,
    shape: &[usize],
    numpy: Wide<'_>,
) -> Result<AnyArray, String> {
    let array = made(&Base {
        dtype: operand.dtype.clone(),
        shape: operand.shape.clone(),
        order: Order::C,
    })?;
    with_array!(&array, array => broadcast(array, shape, &numpy))?;
    let how = Astype {
        casting: Casting::Safe,
        ..Astype::default()
    };
    let converted = array
        .astype(common, how)
        .map_err(|error| error.to_string())?;
    Ok(converted.0)
}

fn broadcast<A: Number>(array: &NdArray<A>, shape: &[usize], numpy: &Wide<'_>) -> Check {
    let (wide, usage) = measure(|| array.broadcast_to(IxDyn(shape)));
    let wide = wide.map_err(|error| error.to_string())?;
    same(
        "operand_new_nbytes",
        usage.kept - dims_nbytes(wide.ndim()),
        numpy.new_nbytes,
    )?;
    same("logical nbytes", wide.nbytes(), numpy.logical_nbytes)?;
    same("held nbytes", wide.base_nbytes(), numpy.held_nbytes)?;
    let flags = wide.flags();
    same_layout(&wide, numpy.strides, flags.c_contiguous, flags.f_contiguous)
}

/// Bytes of the buffer of `a + b`.
fn added<T: Number>(
    a: Result<NdArray<T>, WrongDType>,
    b: Result<NdArray<T>, WrongDType>,
) -> Result<usize, String> {
    let (Ok(a), Ok(b)) = (a, b) else {
        return Err("operands of another dtype".to_owned());
    };
    let shape = broadcast_shapes(a.shape(), b.shape()).map_err(|error| error.to_string())?;
    let wide = |array: NdArray<T>| array.broadcast_to(IxDyn(&shape)).map_err(|e| e.to_string());
    let (a, b) = (wide(a)?, wide(b)?);
    let sum = Zip::from(a.view())
        .and(b.view())
        .map_collect(|a, b| a.plus(*b));
    Ok(NdArray::from_array(sum).base_nbytes())
}
