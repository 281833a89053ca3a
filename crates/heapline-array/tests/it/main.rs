//! The crate held to NumPy's answers, to a counting allocator and to slow oracles.

mod conformance;
mod counting;
