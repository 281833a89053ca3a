//! What is run under every profiler. Each workload does the same work in every
//! program and in every run: no clock, no random seed, hash maps with a fixed hasher.

mod arrays;
mod churn;
mod fan_out;
mod json;
mod pairs;
mod patterns;
mod recursion;
mod sources;

/// Something to run.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How it is called.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Does the work; the sum of its results is the same under every allocator.
    pub run: fn() -> u64,
}

/// What a workload is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A real program; its allocations are the same in every run.
    Program,
    /// A real program with several threads, in which who waits for whom changes the
    /// number of allocations a little.
    ThreadedProgram,
    /// Nothing but allocations with their deallocations, at a depth of so many frames.
    Pairs,
}

/// All workloads, in the order in which they are shown.
pub const ALL: [Workload; 10] = [
    program("json", json::run),
    program("syn", sources::run),
    program("regex", patterns::run),
    threaded("channels", churn::run),
    threaded("tokio", fan_out::run),
    program("ndarray", arrays::run),
    program("recursion", recursion::run),
    pairs("depth 5", || pairs::run(5)),
    pairs("depth 20", || pairs::run(20)),
    pairs("depth 60", || pairs::run(60)),
];

const fn program(name: &'static str, run: fn() -> u64) -> Workload {
    Workload {
        name,
        kind: Kind::Program,
        run,
    }
}

const fn threaded(name: &'static str, run: fn() -> u64) -> Workload {
    Workload {
        name,
        kind: Kind::ThreadedProgram,
        run,
    }
}

const fn pairs(name: &'static str, run: fn() -> u64) -> Workload {
    Workload {
        name,
        kind: Kind::Pairs,
        run,
    }
}
