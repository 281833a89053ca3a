//! Sorted copies.

use std::cmp::Ordering;

use ndarray::{Array, Axis, Dimension};

use super::NdArray;
use super::axes::normal_axis;
use super::copy::{Order, in_order};
use crate::Element;
use crate::dtype::Value;
use crate::error::ArrayError;

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// A copy whose elements ascend along an axis; NaN comes last, complex numbers ascend by
    /// real part, then by imaginary part.
    ///
    /// Its peak are the result's elements and, where the axis is not contiguous in it, one
    /// row of elements along it, which is gone before the buffer's record comes.
    ///
    /// # Errors
    /// If the axis does not exist, or there is no memory.
    #[track_caller]
    pub fn sort(&self, axis: isize) -> Result<Self, ArrayError> {
        let axis = normal_axis(axis, self.ndim())?;
        let mut sorted = in_order(self.view(), Order::K)?;
        sort_lanes(&mut sorted, Axis(axis));
        Ok(self.copied(sorted, "sort"))
    }
}

fn sort_lanes<A: Element, D: Dimension>(array: &mut Array<A, D>, axis: Axis) {
    let mut row = Vec::new();
    for mut lane in array.lanes_mut(axis) {
        if let Some(lane) = lane.as_slice_mut() {
            lane.sort_unstable_by(ascending);
            continue;
        }
        row.clear();
        row.reserve_exact(lane.len());
        row.extend(lane.iter().copied());
        row.sort_unstable_by(ascending);
        for (place, element) in lane.iter_mut().zip(&row) {
            *place = *element;
        }
    }
}

fn ascending<A: Element>(a: &A, b: &A) -> Ordering {
    match (a.to_value(), b.to_value()) {
        (Value::UInt(a), Value::UInt(b)) => a.cmp(&b),
        (Value::Int(a), Value::Int(b)) => a.cmp(&b),
        (Value::Float(a), Value::Float(b)) => nan_last(a, b),
        (a, b) => {
            let (a, b) = (a.complex(), b.complex());
            // A number with a NaN in it is behind those without, whatever the other part.
            let has_nan = a.is_nan().cmp(&b.is_nan());
            has_nan
                .then(nan_last(a.re, b.re))
                .then(nan_last(a.im, b.im))
        }
    }
}

fn nan_last(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
