//! Fuzzes the reading of whole traces, raw and packed.

#![no_main]

mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::trace(bytes));
