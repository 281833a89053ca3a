//! What is worth a thought, of arrays: a sentence each.

use heapline_trace::Place;

use super::arrays::{and_more, beyond_limit, label, place};
use crate::arrays::{Advice, CopySite, SmallViews};
use crate::source::escape;
use crate::units::{self, exact_bytes};

/// A line each; what would be said several times is said once.
pub(super) fn warnings(advice: &[Advice], limit: usize) -> String {
    let mut sentences: Vec<(String, u64)> = Vec::new();
    for advice in advice {
        let (sentence, times) = (sentence(advice), advice.times());
        match sentences.iter().position(|(said, _)| *said == sentence) {
            Some(index) => sentences[index].1 += times,
            None => sentences.push((sentence, times)),
        }
    }
    let more = sentences.len().saturating_sub(limit);
    let lines = sentences
        .into_iter()
        .take(limit)
        .map(|(sentence, times)| match times {
            1 => format!("warning: {sentence}\n"),
            _ => format!("warning: {sentence} ({} times)\n", units::count(times)),
        });
    let mut text: String = lines.collect();
    if more > 0 {
        text.push_str(&beyond_limit(more as u64, "warning", ""));
        text.push('\n');
    }
    text
}

fn sentence(advice: &Advice) -> String {
    let at = |at: Option<&Place>, what: String| format!("{}: {what}", place(at));
    match advice {
        Advice::SmallViews(views) => at(views.array.place.as_ref(), small_views(views)),
        Advice::CopyOnWrite(site) => at(site.place.as_ref(), copied_on_write(site)),
        Advice::RepeatedCopied(site) => at(site.place.as_ref(), copied_repeated(site)),
        Advice::FitsNarrower(site) => at(site.place.as_ref(), fits_narrower(site)),
        Advice::Slack {
            array,
            nbytes,
            held_bytes,
            may_be_borrowed,
            buffers: _,
        } => format!(
            "{}: {} has {} of elements in a block of {}: {} are spare capacity{}",
            place(array.place.as_ref()),
            label(array),
            exact_bytes(*nbytes),
            exact_bytes(*held_bytes),
            exact_bytes(held_bytes - nbytes),
            if *may_be_borrowed {
                ", if it owns its buffer"
            } else {
                ""
            },
        ),
        Advice::Tiny {
            buffers,
            bytes,
            record_bytes,
            place: at,
        } => format!(
            "{}: {} hold {}, and records and handles take {} beside them ({:.1} times as much); one array would need one of each",
            place(at.as_ref()),
            counted(*buffers, "tiny buffer", "tiny buffers"),
            exact_bytes(*bytes),
            exact_bytes(*record_bytes),
            *record_bytes as f64 / (*bytes).max(1) as f64,
        ),
    }
}

/// What keeps a large buffer and uses little of it.
fn small_views(views: &SmallViews) -> String {
    let who = format!(
        "{}{} ({})",
        label(&views.array),
        and_more(views.holders),
        exact_bytes(views.used_bytes)
    );
    let (verb, them, their) = match views.holders {
        1 => ("keeps", "a copy of it", "it owns its"),
        _ => ("keep", "copies of them", "they own their"),
    };
    let owned = match views.may_be_borrowed {
        true => format!(", if {their} buffer"),
        false => String::new(),
    };
    let keep = match views.is_at_least {
        true => format!("{who}, if no view that was only counted, {verb}"),
        false => format!("only {who} {verb}"),
    };
    let of = views.base.as_ref().map_or(String::new(), |base| {
        format!(" of {} ({})", label(base), place(base.place.as_ref()))
    });
    let share = views.used_bytes as f64 * 100.0 / views.held_bytes as f64;
    format!(
        "{keep} the {}{of} alive ({share:.4} %){owned}; {them} would release them",
        exact_bytes(views.held_bytes),
    )
}

fn copied_on_write(site: &CopySite) -> String {
    format!(
        "{} because the buffer was shared, {}; dropping the other handles first, or view_mut, writes in place",
        counted(site.copies, "write copied", "writes copied"),
        exact_bytes(site.bytes),
    )
}

fn copied_repeated(site: &CopySite) -> String {
    format!(
        "{} of repeated elements by {} took {} more than the elements have; a broadcast view takes none",
        counted(site.of_repeated, "copy", "copies"),
        escape(&site.operation),
        exact_bytes(site.repeated_bytes),
    )
}

fn fits_narrower(site: &CopySite) -> String {
    let (from, to) = site.narrower.clone().unwrap_or_default();
    format!(
        "every value fitted {}: {} is wider than they need",
        escape(&to),
        escape(&from),
    )
}

fn counted(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", units::count(count))
}
