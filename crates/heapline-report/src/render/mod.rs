//! Data into text: one file per format.

mod array_warnings;
mod arrays;
mod arrays_json;
mod family;
pub mod flamegraph;
mod info;
pub mod json;
mod lines;
mod profile;
mod summary;

/// Reports for people: plain text without colours, every report begins with its quality.
pub mod text {
    pub use super::arrays::{arrays, line_notes};
    pub use super::family::family;
    pub use super::info::info;
    pub use super::lines::{line_rows, lines};
    pub use super::profile::profile;
    pub use super::summary::{problems, summary};
}
