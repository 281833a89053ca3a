//! The workloads under heapline; whether it records is said by `HEAPLINE`.

use std::process::ExitCode;

use heapline_peers::program;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

fn main() -> ExitCode {
    program::main(program::no_counts)
}
