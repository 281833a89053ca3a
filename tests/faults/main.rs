//! The fault suite: programs to which something happens, and what is in their traces
//! then, against logs and counters of their own. `HEAPLINE_SOAK=1` runs the long forms.
//! What a machine does not let a test do (mount, make a control group) it says and skips.
//!
//! Each fault of the project's checklist, and where it is held:
//!
//! | | fault | test |
//! |---|---|---|
//! | T01 | SIGKILL, also while several threads reallocate | `endings`, `it/killed.rs` |
//! | T02 | `abort`, panics that abort | `endings` |
//! | T03 | `exit` in a thread | `endings` |
//! | T04 | `_exit`, `exit_group`, `quick_exit` | `endings` |
//! | T05 | return from `main` while threads run | `endings` |
//! | T06 | the program's own crashes | `endings` |
//! | T07 | out of memory in a control group | `host` |
//! | T08 | signals that end the program | `endings` |
//! | T09 | reading while the program runs or is stopped | `it/live.rs` |
//! | T10 | `fork`, also by system calls and before `main` | `forks` |
//! | T11 | children that record by themselves | `forks` |
//! | T12 | `Command`, `pre_exec`, the same variables | `forks` |
//! | T13 | full disks, also under copy-on-write | `disk` |
//! | T14 | slow disks | `disk`, on this disk: a slower one needs a device of its own; writing is synchronous, so that nothing piles up |
//! | T15 | file size limits | `disk` |
//! | T16 | closed descriptors | `descriptors` |
//! | T17 | moved and unlinked traces, lost rights | `descriptors`, `it/idle/places.rs` |
//! | T18 | paths where no trace can be | `it/idle/asked.rs`, `it/idle/places.rs` |
//! | T19 | several recorders in one process | none: each is a copy of all statics, and its trace another's neighbour (`it/idle/places.rs`) |
//! | T20 | the loader's lock | `rules`, `it/verify.rs` (libraries) |
//! | T21 | calls of the hook | `code`, `rules` |
//! | T22 | panics with destructors that allocate | `rules` |
//! | T23 | other inner allocators | `rules` |
//! | T24 | destructors at a thread's end | `rules` |
//! | T25 | thousands of threads, threads of C | `it/crowd.rs`, `rules` |
//! | T26 | signal handlers that allocate | `host` |
//! | T27 | before `main` | `host` |
//! | T28 | behind `main` | `endings` (T05) |
//! | T29 | small stacks | `host` |
//! | T30 | other stacks: coroutines, sigaltstack | `it/verify.rs` |
//! | T31 | cancelled threads | `host`; an asynchronous cancel ends any Rust program |
//! | T32 | errno | `host` |
//! | T33 | `start` and `stop` in a storm, also of forks | `forks` |
//! | T34 | refused system calls | `disk` |
//! | T35 | no /proc | `host` |
//! | T36 | locked memory | `disk` |
//! | T37 | addresses, threads of ours | `host` |
//! | T38 | parking_lot | `rules` |
//! | T39 | backtraces | `rules` |
//! | T40 | every system call fails | `injected` |
//! | T50 | reallocations against a model | `host` |
//! | T51 | reallocations on many threads | `rules`, `endings` (T01), `it/order.rs` |
//! | T52 | no address space | `disk`; refused allocations: `it/totals.rs` |
//! | T53 | zeroed memory stays lazy | `host` |
//! | T54 | refused allocations | `it/totals.rs` |
//! | T55 | alignments | `it/totals.rs` |
//! | T56 | wrong layouts at deallocation | `host`; not reported: the compiler makes such, too |
//! | T57 | blocks from before | `host` |
//! | T60 to T63 | order of threads | `it/order.rs`, `it/stamps.rs` |
//! | T70 | walks over anything | `heapline-unwind` (`hook_conditions`: wild registers) |
//! | T71 to T79 | stacks | `it/stacks.rs`, `it/verify.rs`, `it/replaced.rs`, `heapline-unwind` |
//! | T80 to T85 | symbols | `it/lines.rs`, `it/cli/symbols.rs`, `heapline-report` |
//! | T90, T93 | damaged and hostile traces | `heapline-trace`, `it/cli/damaged.rs` |
//! | T91 | traces larger than memory | `disk`, with a limit of 64 MiB; in the soak 100 MiB for 1.7 GiB |
//! | T92 | fuzzed readers | `tests/fuzz`, its corpora `it/fuzzed.rs` |
//! | T94 | names that do something to a terminal or a page | `heapline-report` (`escape`, `json`, `flamegraphs`) |
//! | T95 | traces of older versions | none is released; `heapline-trace` pins the bytes of packed ones |

mod check;
mod code;
mod descriptors;
mod disk;
mod endings;
mod forks;
mod host;
mod injected;
mod rules;
mod run;
mod starts;
#[path = "../it/support.rs"]
mod support;
#[path = "../it/totals_oracle.rs"]
mod totals_oracle;

/// Whether the long forms are asked for.
fn is_soak() -> bool {
    std::env::var_os("HEAPLINE_SOAK").is_some()
}

/// Says what a test has measured, or why it has done nothing.
#[allow(clippy::print_stdout, reason = "that is what it is for")]
fn say(text: &str) {
    println!("{text}");
}
