//! What `#[profile]` refuses, and how it says so; and what needs a crate of its
//! own because this workspace's lints forbid it.
//!
//! `TRYBUILD=overwrite cargo test -p heapline-macros` writes the messages anew.

#[test]
fn cases() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
    cases.pass("tests/compile_pass/*.rs");
}
