//! The crate held to NumPy's answers, to a counting allocator and to slow oracles.
//!
//! The unsafe code under AddressSanitizer, which a stable compiler takes as well (tests ask
//! for more memory than there is):
//!
//! ```text
//! ASAN_OPTIONS=allocator_may_return_null=1 RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
//!     cargo test -p heapline-array --lib --test it --target x86_64-unknown-linux-gnu
//! ```
//!
//! The long form of `.ci/run` does that. Miri, which a stable toolchain does not have, has
//! not run.

mod allocations;
mod conformance;
mod counting;
mod documented;
mod handles;
mod layouts;
mod npy;
mod properties;
