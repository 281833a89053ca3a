//! The workloads under `stats_alloc`, which counts calls and bytes and nothing else.

use std::alloc::System;
use std::process::ExitCode;

use heapline_peers::program::{self, Counts};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOC: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    program::main(counts)
}

fn counts() -> Option<Counts> {
    let stats = ALLOC.stats();
    Some(Counts {
        allocations: stats.allocations as u64,
        deallocations: stats.deallocations as u64,
        reallocations: stats.reallocations as u64,
    })
}
