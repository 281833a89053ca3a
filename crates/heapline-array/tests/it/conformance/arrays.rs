//! Base arrays as the cases describe them, and where results lie in them.

use std::ops::Range;

use heapline_array::{AnyArray, ArrayMemory, NdArray, with_dtype};
use ndarray::{Array, IxDyn, ShapeBuilder};
use serde::Deserialize;

use super::casts::dtype;
use super::values::Number;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    #[serde(default)]
    pub(super) order: Order,
}

#[derive(Clone, Copy, Default, Deserialize)]
pub(super) enum Order {
    #[default]
    C,
    F,
    A,
    K,
}

impl From<Order> for heapline_array::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::C => heapline_array::Order::C,
            Order::F => heapline_array::Order::F,
            Order::A => heapline_array::Order::A,
            Order::K => heapline_array::Order::K,
        }
    }
}

/// Element k in row-major order has the value k, as far as its dtype has one.
pub(super) fn made(base: &Base) -> Result<AnyArray, String> {
    let is_fortran = match base.order {
        Order::C => false,
        Order::F => true,
        Order::A | Order::K => return Err("a base in order A or K".to_owned()),
    };
    let dtype = dtype(&base.dtype)?;
    Ok(with_dtype!(dtype, T => counted::<T>(&base.shape, is_fortran).into()))
}

pub(super) fn counted<T: Number>(shape: &[usize], is_fortran: bool) -> NdArray<T> {
    let mut array = Array::from_elem(IxDyn(shape).set_f(is_fortran), T::default());
    for (k, element) in array.iter_mut().enumerate() {
        *element = T::counted(k);
    }
    NdArray::from_array(array)
}

/// Where a buffer was: its number and its bytes, without a hold on it.
pub(super) struct Place {
    pub(super) id: heapline_array::ArrayId,
    start: usize,
}

impl Place {
    /// Of an array that begins where its buffer does.
    pub(super) fn of(array: &AnyArray) -> Self {
        Place {
            id: array.base().id,
            start: array.byte_bounds().start,
        }
    }

    /// Bytes of an array in this buffer, from its start on; `None` if it has none there.
    pub(super) fn extent(&self, array: &AnyArray) -> Option<Range<usize>> {
        let bounds = array.byte_bounds();
        let is_here = array.base().id == self.id && !bounds.is_empty();
        is_here.then(|| bounds.start - self.start..bounds.end - self.start)
    }

    /// The first element's, which is not the lowest where an axis runs backwards.
    pub(super) fn data_offset(&self, array: &AnyArray) -> Option<usize> {
        let backwards: usize = (array.memory_layout().shape().iter())
            .zip(array.byte_strides())
            .map(|(length, stride)| (length.max(&1) - 1) * stride.min(0).unsigned_abs())
            .sum();
        self.extent(array).map(|extent| extent.start + backwards)
    }
}
