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
//! from code. [`measure`] says at run time what an expression keeps and needs, whether
//! something records or not. A trace is read by the `heapline` command, also while the program
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
//! | `follow_forks` | forked children record, too, each to a trace of its own |
//!
//! A forked child's trace begins with its first allocation; its path is what its parent's
//! would be with the child's process id, which stands behind a path without `%p`
//! (`PATH-PID`). It replaces nothing. Blocks that it has from its parent and frees are
//! counted as unknown deallocations. A program that is started finds the same variable and
//! records by itself, with `follow_forks` or without; put `%p` into `out=` where one
//! outlives the program that started it, or it replaces that one's trace as any later run
//! does. `heapline summary A B …` shows all processes together.
//!
//! # How it works
//! Each thread has a *stage*, a window of the trace file in shared memory, into which
//! it writes compact records; a full stage is appended to the file by one write. The
//! kernel has every event at once, so there is nothing to flush at exit. Stacks are
//! walked by rules from the program's unwind tables (see `heapline_unwind`) and
//! stored as nodes of a tree. The hook takes no lock and allocates nothing.
//!
//! # What heapline promises
//! | promise | held by |
//! |---|---|
//! | Every event whose call returned is in the file, whatever kills the process | `faults::t01` to `t08`, `it::killed` |
//! | A reader beside the running program sees a consistent state | `it::live`, `heapline-trace`'s `live_cut` |
//! | Same exit code, signal, errno, stdout and stderr; besides its own lines, and with `quiet` without them but for mistakes in `HEAPLINE` | `faults::t02` to `t08`, `t32`, `it::cargo_run` |
//! | The inner allocator sees the same calls in the same order, blocks of its heap have the same addresses, no thread is added | `faults::t37` |
//! | Zeroed memory stays lazy | `faults::t53` |
//! | In the allocator's methods no lock is waited for, nothing is allocated through ourselves, nothing panics | `faults::t20` to `t24`, `t38`, `t39`, `heapline-unwind`'s `hook_conditions`, `interleavings` (a model of the lock-free files) |
//! | A full disk, a limit, a closed descriptor or a refused system call stops the recording at most; the program goes on and is told once | `faults::t13` to `t17`, `t34`, `t36`, `t40` |
//! | A file that is not ours is never written into or replaced; traces are readable by their owner alone | `faults::t16`, `t17`, `it::idle` |
//! | A forked child never touches its parent's trace, and can record its own, whatever its parent's other threads were at | `faults::t10` to `t12`, `t33` |
//! | Signals, small stacks, cancelled threads, code before and behind `main`: recorded, or counted as skipped | `faults::t24` to `t31` |
//! | A signal handler may stop the recording, whatever it interrupted | `faults::t33` |
//! | 1 GiB of the disk stays free, or a tenth of it if that is less | `faults::t13` |
//! | Events keep their order between threads | `it::order`, `it::stamps`, `faults::t51` |
//! | A stack is right, or cut and counted as cut | `it::stacks`, `it::verify`, `it::replaced`, `heapline-unwind`'s tests |
//! | Totals are those of an allocator that counts | `it::totals`, `it::crowd`, `faults::t50`, `t56` |
//! | What was lost is counted, and every report begins with it | `it::cli`, `heapline-report`'s `hostile` |
//! | Any bytes are read without panic, in memory bounded by the file's | `it::fuzzed`, `heapline-trace`'s `damage` and `packed` |
//!
//! Not promised: a trace survives the process, not a loss of power, and whoever cuts the file
//! short while it is recorded ends the program by SIGBUS. One that forbids itself the
//! processor's time stamp counter while it is recorded ends by SIGSEGV. [`start`] is not
//! for signal handlers, and neither is a fork whose child returns from the handler: it may
//! have interrupted the recorder. Where blocks are mapped one by one the kernel places them
//! beside the recorder's own mappings. Memory from C's `malloc` is not seen. The stack of asynchronous code is that of its executor. Between
//! the unloading of a library and the next look at the maps, code loaded in its place may
//! bear its name; reports count such stacks as ambiguous. A library with an allocator of its
//! own that records must not be unloaded. Without /proc the variable is not seen.
//!
//! # Limits
//! Memory from C's `malloc` and from `mmap` does not go through Rust's global
//! allocator and is not seen. Linux on x86_64 is what is tested; on aarch64 stacks
//! come from the `backtrace` crate.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod allocator;
mod config;
mod measure;
mod recording;
mod start_error;
mod stats;

mod deciding;
mod hook;
mod opening;
mod phase;
mod recorder;
mod state;
mod thread_state;

mod activations;
pub mod arrays;
mod counters;
mod scope;
mod texts;
mod view_budget;

mod clock;
mod stage;

mod environment;
#[cfg(feature = "test-switches")]
mod failing_calls;
mod follow;
mod free_list;
mod message;
mod root;
mod sink;
mod sys;
#[cfg(feature = "test-switches")]
mod test_switches;
mod text;
mod trace_path;
mod users;

/// What the model of the lock-free files puts its own in place of.
mod atomic {
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

pub use allocator::Heapline;
pub use config::Config;
pub use heapline_macros::profile;
pub use measure::{Usage, measure};
pub use recording::{Recording, is_recording, start, stop};
pub use start_error::StartError;
pub use stats::{NotRecording, Stats, stats};

/// What macros expand to; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::scope::{Activation, Closing, Function, Resume};
}
