//! The workloads under dhat-rs, whose profile goes to the file that `PEERS_OUT` names.

use std::env;
use std::process::ExitCode;

use heapline_peers::program;

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    let file = env::var_os("PEERS_OUT").unwrap_or_else(|| "dhat-heap.json".into());
    let _profiler = dhat::Profiler::builder().file_name(file).build();
    program::main(program::no_counts)
}
