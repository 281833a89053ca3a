//! Which instructions are counted: those of the second of two equal rounds.

use std::hint::black_box;

use gungraun::{Callgrind, EntryPoint, LibraryBenchmarkConfig};

/// Calls `run` with 0 and 1, from the same place, and counts the second call.
///
/// The first gets to know code, stacks and buffers.
#[inline(never)]
pub fn counted(run: &mut dyn FnMut(u32)) {
    for round in 0..2 {
        if round == 1 {
            forget_what_was_counted();
        }
        run(round);
    }
    // Keeps the last call from becoming a jump out of what is counted.
    black_box(());
}

/// callgrind does, when this is called.
#[inline(never)]
fn forget_what_was_counted() {
    black_box(());
}

/// How callgrind is run: it counts inside [`counted`].
///
/// gungraun's own choice would be all that is below the function of a benchmark. Its
/// pattern matches the closures in there too, and they would switch counting off.
#[must_use]
pub fn config() -> LibraryBenchmarkConfig {
    let mut callgrind =
        Callgrind::with_args(["--zero-before=*::forget_what_was_counted", "--cache-sim=no"]);
    callgrind.entry_point(EntryPoint::Custom("*::counted::counted".to_owned()));
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}
