//! Tests of the whole: programs recorded as a user records them, reports as a user
//! reads them, each number against an oracle.

mod cargo_run;
mod cli;
mod crowd;
mod examples;
mod fuzzed;
mod idle;
mod killed;
mod lines;
mod live;
mod order;
mod packed;
mod processes;
mod profile;
mod replaced;
mod stacks;
mod stamps;
mod support;
mod tidy;
mod totals;
mod totals_oracle;
mod verify;
