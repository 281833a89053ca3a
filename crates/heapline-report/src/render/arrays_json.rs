//! Arrays for programs.

use heapline_trace::Place;
use serde_json::{Value, json};

use super::json::{SCHEMA, pretty, quality};
use crate::arrays::{
    Advice, ArrayBuffer, ArrayFacts, ArrayLabel, Arrays, CopySite, Holds, LineNote, LineNoteKind,
};
use crate::folded::At;
use crate::report::Report;

/// The arrays.
#[must_use]
pub fn arrays(report: &Report, arrays: &Arrays) -> String {
    let mapped = arrays.mapped();
    pretty(&json!({
        "schema": SCHEMA,
        "quality": quality(&report.quality()),
        "at": match arrays.at {
            At::Peak => json!("peak"),
            At::End => json!("end"),
            At::Nanoseconds(time) => json!({ "ns": time }),
        },
        "buffer_count": arrays.buffer_count(),
        "held_bytes": arrays.held_bytes(),
        "live_bytes": arrays.live_bytes,
        "unknown_buffer_count": arrays.unknown_buffer_count(),
        "mapped_buffer_count": mapped.buffers,
        "mapped_bytes": mapped.bytes,
        "mapped_array_count": mapped.arrays,
        "mapped_nbytes": mapped.nbytes,
        "array_count": arrays.array_count(),
        "nbytes": arrays.nbytes(),
        "unknown_nbytes_count": arrays.unknown_count(),
        "counted_views": arrays.counted_views,
        "is_at_least": arrays.counted_views > 0,
        "bytes_by_dtype": arrays
            .bytes_by_dtype()
            .into_iter()
            .map(|(dtype, bytes)| json!({ "dtype": dtype, "held_bytes": bytes }))
            .collect::<Vec<_>>(),
        "buffers": arrays.buffers.iter().map(buffer).collect::<Vec<_>>(),
        "copies": arrays.copies.iter().map(copies).collect::<Vec<_>>(),
        "lines": arrays.lines.iter().map(line_note).collect::<Vec<_>>(),
        "warnings": arrays.advice.iter().map(advice).collect::<Vec<_>>(),
    }))
}

fn buffer(buffer: &ArrayBuffer) -> Value {
    let (kind, bytes) = match buffer.holds {
        Holds::Block(bytes) => ("block", Some(bytes)),
        Holds::Mapped(bytes) => ("mapped", Some(bytes)),
        Holds::Unknown => ("unknown", None),
    };
    let arrays = buffer.arrays.iter();
    let arrays = arrays.map(|facts| array(facts, buffer.holders()));
    json!({
        "holds": kind,
        "bytes": bytes,
        "count": buffer.count,
        "order": buffer.arrays.first().and_then(ArrayFacts::order),
        "holders": buffer.holders(),
        "used_bytes": buffer.used_bytes,
        "is_held_by_views": buffer.gone().is_some(),
        "arrays": arrays.collect::<Vec<_>>(),
    })
}

/// An array, and how many keep its buffer.
fn array(array: &ArrayFacts, holders: u64) -> Value {
    let layout = array.layout.as_ref();
    json!({
        "id": array.id,
        "name": array.name,
        "made_by": array.operation,
        "dtype": array.dtype,
        "itemsize": layout.map(|layout| layout.itemsize),
        "shape": layout.map(|layout| &layout.shape),
        "byte_strides": layout.map(|layout| &layout.byte_strides),
        "order": array.order(),
        "holders": holders,
        "nbytes": array.known_nbytes(),
        "block_offset": array.block_offset,
        "unique_nbytes": array.unique_bytes,
        "record_nbytes": array.record_bytes,
        "count": array.count,
        "at": place(array.place.as_ref()),
        "is_view": array.is_view,
        "is_dropped": array.is_gone,
        "is_reallocated": array.is_reallocated,
    })
}

fn place(place: Option<&Place>) -> Value {
    place.map_or(
        Value::Null,
        |place| json!({ "file": place.file, "line": place.line }),
    )
}

fn copies(site: &CopySite) -> Value {
    let (from, to) = site.narrower.clone().unzip();
    json!({
        "at": place(site.place.as_ref()),
        "operation": site.operation,
        "copies": site.copies,
        "bytes": site.bytes,
        "is_copy_on_write": site.is_copy_on_write,
        "of_repeated": site.of_repeated,
        "repeated_bytes": site.repeated_bytes,
        "fit_narrower": site.fit_narrower,
        "narrower_from": from,
        "narrower_to": to,
    })
}

pub(super) fn line_note(note: &LineNote) -> Value {
    json!({
        "file": note.place.file,
        "line": note.place.line,
        "kind": match note.kind {
            LineNoteKind::Made => "made",
            LineNoteKind::Tracked => "tracked",
            LineNoteKind::View => "view",
            LineNoteKind::Copy => "copy",
            LineNoteKind::Free => "free",
        },
        "operation": note.operation,
        "count": note.count,
        "is_at_least": note.is_at_least,
        "bytes": note.bytes,
        "mapped_bytes": note.mapped_bytes,
        "held_bytes": note.held_bytes,
        "of": note.of,
    })
}

fn label(label: &ArrayLabel) -> Value {
    json!({ "name": label.name, "at": place(label.place.as_ref()) })
}

fn advice(advice: &Advice) -> Value {
    match advice {
        Advice::SmallViews(views) => json!({
            "kind": "small_views",
            "array": label(&views.array),
            "holders": views.holders,
            "used_bytes": views.used_bytes,
            "held_bytes": views.held_bytes,
            "base": views.base.as_ref().map(label),
            "is_at_least": views.is_at_least,
            "may_be_borrowed": views.may_be_borrowed,
            "buffers": views.buffers,
        }),
        Advice::CopyOnWrite(site) => {
            json!({ "kind": "copy_on_write", "at": place(site.place.as_ref()), "bytes": site.bytes })
        }
        Advice::RepeatedCopied(site) => json!({
            "kind": "repeated_copied",
            "at": place(site.place.as_ref()),
            "bytes": site.repeated_bytes,
        }),
        Advice::FitsNarrower(site) => {
            let (from, to) = site.narrower.clone().unzip();
            json!({
                "kind": "fits_narrower",
                "at": place(site.place.as_ref()),
                "from": from,
                "to": to,
            })
        }
        Advice::Slack {
            array,
            nbytes,
            held_bytes,
            may_be_borrowed,
            buffers,
        } => json!({
            "kind": "slack",
            "array": label(array),
            "nbytes": nbytes,
            "held_bytes": held_bytes,
            "may_be_borrowed": may_be_borrowed,
            "buffers": buffers,
        }),
        Advice::Tiny {
            buffers,
            bytes,
            record_bytes,
            place: at,
        } => json!({
            "kind": "tiny",
            "at": place(at.as_ref()),
            "buffers": buffers,
            "bytes": bytes,
            "record_bytes": record_bytes,
        }),
    }
}
