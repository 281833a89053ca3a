//! The workloads under heapscope, whose profile goes to the file that `PEERS_OUT` names.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use heapline_peers::program;
use heapscope::{Output, Profiler};

#[global_allocator]
static ALLOC: heapscope::Alloc = heapscope::Alloc::system();

fn main() -> ExitCode {
    let file = env::var_os("PEERS_OUT").unwrap_or_else(|| "dhat-heap.json".into());
    let output = Output::dhat_v2(file);
    match Profiler::builder().output(output).build() {
        Ok(_profiler) => program::main(program::no_counts),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
