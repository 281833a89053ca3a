//! The lock-free parts in every order that their threads can take, with every value that
//! the memory model lets a load see. The files are the product's, on loom's atomics. Each
//! model runs on weakened atomics as well, and must notice.
#![allow(clippy::duplicate_mod, reason = "each time on other atomics")]

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The product's files on these atomics, and the models of what they promise.
macro_rules! on_atomics {
    ($name:ident, $($atomics:tt)*) => {
        #[allow(dead_code, reason = "each test uses a part")]
        #[path = "."]
        mod $name {
            mod atomic {
                $($atomics)*
            }
            #[path = "../../src/free_list.rs"]
            mod free_list;
            #[path = "../../src/phase.rs"]
            mod phase;
            #[path = "../../src/users.rs"]
            mod users;
            #[path = "models.rs"]
            pub(super) mod models;
        }
    };
}

on_atomics! { product,
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

on_atomics! { without_fences,
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
    pub(crate) fn fence(_: Ordering) {}
}

on_atomics! { relaxed,
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};
    #[allow(non_snake_case, non_upper_case_globals)]
    pub(crate) mod Ordering {
        pub(crate) use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
        use loom::sync::atomic::Ordering;
        pub(crate) const Acquire: Ordering = Relaxed;
        pub(crate) const Release: Ordering = Relaxed;
        pub(crate) const AcqRel: Ordering = Relaxed;
    }
}

on_atomics! { without_count,
    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering, fence};
    /// Numbers whose upper half, where the list counts, stays zero.
    #[derive(Debug, Default)]
    pub(crate) struct AtomicU64(loom::sync::atomic::AtomicU64);

    impl std::ops::Deref for AtomicU64 {
        type Target = loom::sync::atomic::AtomicU64;

        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    impl AtomicU64 {
        pub(crate) fn compare_exchange_weak(
            &self,
            old: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            let new = new & u64::from(u32::MAX);
            self.0.compare_exchange_weak(old, new, success, failure)
        }
    }
}

#[test]
fn a_free_slot_goes_to_one_thread() {
    product::models::free_slots();
}

#[test]
fn a_file_is_free_when_nobody_uses_it() {
    product::models::users();
}

#[test]
fn one_thread_opens_a_trace() {
    product::models::phases();
}

/// The model fails.
fn is_noticed(model: fn()) -> bool {
    catch_unwind(AssertUnwindSafe(model)).is_err()
}

#[test]
fn weaker_lists_are_noticed() {
    assert!(is_noticed(without_count::models::free_slots));
    assert!(is_noticed(relaxed::models::free_slots));
}

#[test]
fn weaker_uses_are_noticed() {
    assert!(is_noticed(without_fences::models::users));
    assert!(is_noticed(relaxed::models::users));
}

#[test]
fn weaker_decisions_are_noticed() {
    assert!(is_noticed(without_fences::models::phases));
    assert!(is_noticed(relaxed::models::phases));
}
