//! Fuzzes the reading of the file of a recorded program.

#![no_main]

mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::object(bytes));
