//! Common bytes of two results: exact, by extents, and counted one by one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use heapline_array::{AnyArray, ArrayMemory};
use serde::Deserialize;

use super::arrays::{Base, Place, made};
use super::operations::{Operation, Refused, apply, apply_all};
use super::{Check, same};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    base: Base,
    b_base: Option<Base>,
    a: Vec<Operation>,
    b: Vec<Operation>,
    result: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    shares_memory: bool,
    may_share_memory: bool,
    common_nbytes: usize,
    a_extent: Option<[usize; 2]>,
    b_extent: Option<[usize; 2]>,
}

/// What the slowest answer took, which is said, not judged: the clock is no test.
pub(super) static SLOWEST_NANOS: AtomicU64 = AtomicU64::new(0);

pub(super) fn check(case: Case) -> Check {
    let base = made(&case.base)?;
    let place = Place::of(&base);
    let other = match &case.b_base {
        Some(other) => made(other)?,
        None => base.clone(),
    };
    let run = |array: AnyArray, operations| {
        let result = apply_all(array, operations, |_, array, operation| {
            apply(array, operation)
        });
        result.map_err(|(step, why)| match why {
            Refused::Error(text) | Refused::Unknown(text) => format!("step {step}: {text}"),
        })
    };
    // The base stays, so that no copy can lie where it was.
    let (a, b) = (run(base.clone(), &case.a)?, run(other, &case.b)?);
    let numpy = case.result;
    let begun = Instant::now();
    let is_shared = a.shares_memory(&b);
    let nanos = begun.elapsed().as_nanos();
    SLOWEST_NANOS.fetch_max(nanos as u64, Ordering::Relaxed);
    same("shares_memory", is_shared, numpy.shares_memory)?;
    same(
        "shares_memory, turned round",
        b.shares_memory(&a),
        numpy.shares_memory,
    )?;
    same(
        "may_share_memory",
        a.may_share_memory(&b),
        numpy.may_share_memory,
    )?;
    let common = bytes(&a).intersection(&bytes(&b)).count();
    same("common_nbytes", common, numpy.common_nbytes)?;
    let extent = |array| place.extent(array).map(|extent| [extent.start, extent.end]);
    same("a_extent", extent(&a), numpy.a_extent)?;
    same("b_extent", extent(&b), numpy.b_extent)
}

/// Every address, one by one.
pub(crate) fn bytes(array: &impl ArrayMemory) -> BTreeSet<usize> {
    let layout = array.memory_layout();
    let mut first_bytes = vec![layout.address()];
    for (length, stride) in layout.shape().iter().zip(array.byte_strides()) {
        first_bytes = (0..*length as isize)
            .flat_map(|index| {
                let moved = first_bytes.iter();
                moved.map(move |address| address.wrapping_add_signed(index * stride))
            })
            .collect();
    }
    let itemsize = array.itemsize();
    first_bytes
        .into_iter()
        .flat_map(|first| first..first + itemsize)
        .collect()
}
