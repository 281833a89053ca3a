//! The workloads on the system's allocator, with nothing in between.

use std::process::ExitCode;

use heapline_peers::program;

fn main() -> ExitCode {
    program::main(program::no_counts)
}
