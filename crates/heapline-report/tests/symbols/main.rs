//! Symbols of real programs: built here, run here, their stacks known by marks in the source.

// A skipped test says so.
#![allow(clippy::print_stderr)]

mod cargo_paths;
mod fixture;
mod golden;
mod oracle;
mod refusals;
mod separate;
mod sources;
mod store;
