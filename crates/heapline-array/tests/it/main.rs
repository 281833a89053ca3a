//! The crate held to NumPy's answers, to a counting allocator and to slow oracles.

mod allocations;
mod conformance;
mod counting;
mod handles;
mod npy;
mod properties;
