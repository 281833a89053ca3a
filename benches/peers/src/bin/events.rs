//! Counts the events in a heapline trace, for comparison with the counting allocator.
//!
//! A program of its own, so that the memory it takes is not inherited as a peak by
//! what the harness starts next.

use std::error::Error;
use std::fs;
use std::io::{self, Write};

use heapline_trace::{Record, Trace};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("say which trace")?;
    let trace = Trace::open(fs::read(path)?)?;
    let [mut allocations, mut deallocations, mut reallocations] = [0_u64; 3];
    for stream in trace.streams() {
        for record in trace.records(stream) {
            match record? {
                Record::Alloc { .. } => allocations += 1,
                Record::Dealloc { .. } => deallocations += 1,
                Record::Realloc { .. } => reallocations += 1,
                _ => {}
            }
        }
    }
    writeln!(
        io::stdout(),
        "allocations={allocations} deallocations={deallocations} reallocations={reallocations}"
    )?;
    Ok(())
}
