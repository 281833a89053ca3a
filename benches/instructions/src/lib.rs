//! What the instruction counts are taken of: stacks of several shapes, and how often
//! something happens in them.
//!
//! Every benchmark is run twice in one process: once to get to know its code and its
//! stacks, and once to be counted.

mod counted;
mod depth;
mod paths;
mod random;
mod recursion;
mod shape;

pub use counted::{config, counted};
pub use random::Random;
pub use shape::{Shape, counted_in};

/// Events of each shape of stack, and of the encoder.
pub const EVENTS: u32 = 16_384;

/// Events of the trace that is replayed.
pub const REPLAYED_EVENTS: u32 = 131_072;

/// Bytes of the blocks that are allocated.
pub const BLOCK_BYTES: usize = 64;
