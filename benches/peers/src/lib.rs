//! What the programs of this comparison share: the workloads, and the main function.
//!
//! Every program in `bin/` is the same but for its global allocator: it runs one
//! workload, named by its argument, and says in one line what it did.

pub mod program;
mod random;
pub mod workloads;
