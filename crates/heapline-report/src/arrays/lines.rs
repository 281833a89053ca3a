//! What a line did with arrays, in words that fit behind its source.

use heapline_trace::Place;

use crate::units;

/// What the operations begin with that repeated elements of an operand: `broadcast add`.
const BROADCAST: &str = "broadcast ";

/// What happened to arrays on a line, over the whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineNote {
    /// The line.
    pub place: Place,
    /// What happened.
    pub kind: LineNoteKind,
    /// By which operation; nothing for views.
    pub operation: Option<String>,
    /// How often.
    pub count: u64,
    /// Whether it was perhaps more often: of very many views the last few thousand are not
    /// counted, and names and buffers are those of the first.
    pub is_at_least: bool,
    /// Bytes of elements made, copied, or freed; 0 for views and for mapped files.
    pub bytes: u64,
    /// Bytes of files that were mapped.
    pub mapped_bytes: u64,
    /// Bytes of the largest buffer that a view keeps.
    pub held_bytes: Option<u64>,
    /// The array that was viewed, copied or freed, if it was always of one name.
    pub of: Option<String>,
}

/// What can happen on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineNoteKind {
    /// A buffer was made, other than by a copy.
    Made,
    /// A plain array got a name.
    Tracked,
    /// A handle onto an existing buffer was made.
    View,
    /// Elements were copied.
    Copy,
    /// A buffer was freed.
    Free,
}

impl LineNote {
    /// By file, line and what happened.
    pub(super) fn order(&self) -> impl Ord + '_ {
        (&self.place, self.kind, &self.operation)
    }

    /// `view of a: 0 B, holds 8,000,000 B`
    #[must_use]
    pub fn text(&self) -> String {
        let operation = self.operation.as_deref().unwrap_or_default();
        let of = match &self.of {
            Some(name) => format!(" of {name}"),
            None => String::new(),
        };
        let bytes = units::exact_bytes(self.bytes);
        let at_least = if self.is_at_least { "≥ " } else { "" };
        let many = (self.count > 1).then(|| format!("{at_least}{}", units::count(self.count)));
        match self.kind {
            LineNoteKind::Made => {
                let times = many.map_or(String::new(), |count| format!(", {count} times"));
                let maps = match self.mapped_bytes {
                    0 => String::new(),
                    mapped => format!(", maps {}", units::exact_bytes(mapped)),
                };
                // Which operator it was stands in the source.
                let made = match operation.starts_with(BROADCAST) {
                    true => "broadcast result",
                    false => operation,
                };
                format!("{made}{times}: {bytes}{maps}")
            }
            LineNoteKind::Tracked => match &self.of {
                Some(name) => format!("track {name}: {bytes}"),
                None => format!("track: {bytes}"),
            },
            LineNoteKind::View => {
                let views = many.map_or("view".to_owned(), |count| format!("{count} views"));
                match self.held_bytes {
                    Some(held) => format!("{views}{of}: 0 B, holds {}", units::exact_bytes(held)),
                    None => format!("{views}{of}: 0 B"),
                }
            }
            LineNoteKind::Copy => {
                let copies = many.map_or("copy".to_owned(), |count| format!("{count} copies"));
                match (&self.of, operation) {
                    (Some(_), _) | (None, "copy") => format!("{copies}{of}: {bytes}"),
                    (None, operation) => format!("{copies} by {operation}: {bytes}"),
                }
            }
            LineNoteKind::Free => match many {
                Some(count) => format!("{count} frees{of}: {bytes}"),
                None => format!("free{of}: {bytes}"),
            },
        }
    }
}
