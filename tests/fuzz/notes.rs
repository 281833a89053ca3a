//! Fuzzes the reading of headers and notes of a module.

#![no_main]

mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::notes(bytes));
