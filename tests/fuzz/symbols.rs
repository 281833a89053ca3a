//! Fuzzes the reading of symbols stored beside a trace.

#![no_main]

mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::symbols(bytes));
