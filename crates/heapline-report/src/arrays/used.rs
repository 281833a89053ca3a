//! How many bytes of a buffer arrays use together.

use std::collections::BTreeMap;

use heapline_trace::{ArrayLayout, TextId};

use super::facts::Array;
use super::sum;
use crate::texts::Texts;

/// Bytes that follow each other, of elements that overlap or may do so.
struct Span {
    start: u64,
    end: u64,
    /// Distinct bytes of each array, added up.
    unique_bytes: u64,
}

/// Distinct bytes that arrays of one buffer use together, at most; `None` if of one of them
/// it is not known where its elements lie.
///
/// Arrays onto the same elements count once. What others have in common is not known, only
/// that it is not more than from their lowest byte to their highest.
pub(super) fn used_bytes(arrays: &[&Array], texts: &Texts) -> Option<u64> {
    let mut distinct: BTreeMap<(u64, TextId), Span> = BTreeMap::new();
    for array in arrays {
        if array.is_moved {
            return None;
        }
        let layout = texts.layout(array.layout)?;
        let span = Span {
            start: array.address,
            end: array.address.saturating_add(extent(&layout)),
            // What cannot be told is at most all elements, repeated ones too.
            unique_bytes: array.unique_bytes.unwrap_or(layout.nbytes()),
        };
        distinct.insert((array.address, array.layout), span);
    }
    let mut together: Vec<Span> = Vec::new();
    for span in distinct.into_values() {
        match together.last_mut().filter(|last| span.start < last.end) {
            Some(last) => {
                last.end = last.end.max(span.end);
                last.unique_bytes = last.unique_bytes.saturating_add(span.unique_bytes);
            }
            None => together.push(span),
        }
    }
    let used = together.iter();
    Some(sum(
        used.map(|span| span.unique_bytes.min(span.end - span.start))
    ))
}

/// Bytes from the lowest of the elements to the highest.
fn extent(layout: &ArrayLayout) -> u64 {
    if layout.shape.contains(&0) {
        return 0;
    }
    let axes = layout.shape.iter().zip(&layout.byte_strides);
    let steps = axes.map(|(length, stride)| (length - 1).saturating_mul(stride.unsigned_abs()));
    layout.itemsize.saturating_add(sum(steps))
}
