//! A tracking global allocator: every allocation with its exact call stack, at a
//! cost close to the allocator's own, into a trace that survives any crash.
//!
//! ```
//! #[global_allocator]
//! static ALLOC: heapline::Heapline = heapline::Heapline::system();
//!
//! fn main() {
//!     let words: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
//!     println!("{}", words.len());
//! }
//! ```
//!
//! Nothing is recorded until someone asks: `cargo heapline run` starts the program
//! and prints its line tables, `HEAPLINE=on ./app` writes a trace, [`start`] does it
//! from code. A trace is read by the `heapline` command, also while the program
//! still runs, and after `kill -9`.
//!
//! # The variable `HEAPLINE`
//! Words and `key=value`, separated by commas; `\,` is a comma inside a value, `\\` a backslash.
//!
//! | word | meaning |
//! |---|---|
//! | `on`, `off` | record this run, or not; any key means on |
//! | `quiet` | no line of ours on stderr |
//! | `out=PATH` | the trace's path; `%p` process id, `%e` program, `%t` seconds since 1970 |
//! | `max_file=BYTES` | recording stops at this size; default 16 GiB |
//! | `frames=N` | most frames stored of a stack, at least 128; default 4,096 |
//!
//! # How it works
//! Each thread has a *stage*, a window of the trace file in shared memory, into which
//! it writes compact records; a full stage is appended to the file by one write. The
//! kernel has every event at once, so there is nothing to flush at exit. Stacks are
//! walked by rules from the program's unwind tables (see `heapline_unwind`) and
//! stored as nodes of a tree. The hook takes no lock and allocates nothing.
//!
//! # Limits
//! Memory from C's `malloc` and from `mmap` does not go through Rust's global
//! allocator and is not seen. Linux on x86_64 is what is tested; on aarch64 stacks
//! come from the `backtrace` crate.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod allocator;
mod config;
mod recording;
mod stats;

mod hook;
mod recorder;
mod state;
mod thread_state;

mod activations;
mod counters;
mod scope;

mod clock;
mod stage;

mod environment;
mod message;
mod root;
mod sink;
mod sys;
#[cfg(feature = "test-switches")]
mod test_switches;
mod text;
mod trace_path;

pub use allocator::Heapline;
pub use config::Config;
pub use heapline_macros::profile;
pub use recording::{Recording, StartError, is_recording, start, stop};
pub use stats::{NotRecording, Stats, stats};

/// What macros expand to; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::scope::{Activation, Closing, Function, Resume};
}
