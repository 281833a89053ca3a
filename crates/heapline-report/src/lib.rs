//! From heapline traces to reports: replay, symbols, line tables, flame graphs.
//!
//! ```text
//! trace ─▶ merge ─▶ replay ─▶ facts ─┬▶ line_table, profile_table ─▶ render::{text, json}
//!                  stacks ─▶ symbols ┴▶ folded ─▶ render::flamegraph
//! ```
//! [`Report::open`] does the left half: one pass over the trace, with memory
//! proportional to live blocks and distinct stacks. Its methods answer the questions,
//! as data; [`render`] turns the answers into text. Nothing is printed here.

#![forbid(unsafe_code)]

mod arrays;
mod error;
mod event;
mod facts;
mod family;
mod folded;
mod lane;
mod line_rows;
mod line_table;
mod merge;
mod names;
mod pack;
mod profile_table;
mod quality;
mod replay;
mod report;
mod source;
mod stacks;
pub mod symbols;
mod texts;
mod trace_file;

pub mod render;
pub mod units;

pub use arrays::{
    Advice, ArrayBuffer, ArrayFacts, ArrayLabel, Arrays, CopySite, Holds, LineNote, LineNoteKind,
    MappedFiles, SmallViews,
};
pub use error::ReportError;
pub use facts::{StackFacts, Totals};
pub use family::{Family, Process};
pub use folded::{At, Folded, FoldedOptions, Metric};
pub use lane::ThreadName;
pub use line_table::{LineOptions, LineTable, Row, Sort};
pub use pack::{Outcome, PackOptions, Packed, pack};
pub use profile_table::{Measured, ProfileRow, ProfileTable};
pub use quality::Quality;
pub use report::{Options, Phase, Progress, Report, StreamInfo};
pub use source::{Sources, escape};
pub use stacks::{StackId, StackTree};
pub use trace_file::End;

#[cfg(test)]
extern crate self as heapline_report;
#[cfg(test)]
mod tests;
