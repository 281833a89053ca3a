//! What is counted while a trace is replayed. The first pass finds everything that
//! needs no symbols; a second pass answers what was asked later.

mod first_pass;
mod instant;
mod row_maxima;
mod scopes;
mod stack_facts;
mod totals;

pub(crate) use first_pass::FirstPass;
pub(crate) use instant::{live_at, stamp_at};
pub(crate) use row_maxima::row_maxima;
pub(crate) use scopes::{ScopeLine, Scopes};
pub use stack_facts::StackFacts;
pub(crate) use stack_facts::StackTable;
pub use totals::Totals;
