//! The commands `heapline` and `cargo heapline`: arguments, progress, exit codes. What a
//! library user would want is in `heapline-report`.

#![forbid(unsafe_code)]

mod args;
mod error;
mod newest;
mod open;
mod progress;

pub mod cargo;
pub mod commands;
pub mod output;

pub use args::command;
pub use error::CliError;
