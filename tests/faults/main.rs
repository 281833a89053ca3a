//! The fault suite: programs to which something happens, and what is in their traces
//! then, against logs of their own. T-numbers are those of the checklist of faults.

mod check;
mod code;
mod descriptors;
mod disk;
mod endings;
mod forks;
mod host;
mod injected;
mod rules;
mod run;
#[path = "../it/support.rs"]
mod support;
#[path = "../it/totals_oracle.rs"]
mod totals_oracle;

/// Whether the long forms are asked for.
fn is_soak() -> bool {
    std::env::var_os("HEAPLINE_SOAK").is_some()
}
