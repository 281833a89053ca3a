//! What is dropped when: the order must stay, and the marks must match it.

use std::cell::RefCell;

use crate::__private::note;
use crate::{Local, check, profile};

#[test]
fn locals_end_at_the_brace() {
    #[profile]
    fn two() -> u32 {
        let _a = Local("a");
        let _b = Local("b");
        7
    }
    check(two, "( 2 3 4 5 b a )");
}

#[test]
fn locals_of_a_block_end_at_its_brace() {
    #[profile]
    fn inner() {
        let _a = Local("a");
        if true {
            let _b = Local("b");
        }
        for _ in 0..1 {
            let _c = Local("c");
        }
    }
    check(inner, "( 2 3 4 5 b ~3 6 7 8 c ~6 9 a )");
}

#[test]
fn explicit_drops_and_moves() {
    #[profile]
    fn moved() -> Local {
        let a = Local("a");
        let b = Local("b");
        drop(a);
        b
    }
    drop(check(moved, "( 2 3 4 a 5 6 )"));
}

#[test]
fn temporaries_of_the_tail_end_before_the_locals() {
    #[profile]
    fn length() -> usize {
        let _local = Local("local");
        Local("temporary").0.len()
    }
    check(length, "( 2 3 temporary 4 local )");
}

#[test]
fn the_tail_may_borrow_from_a_local() {
    #[profile]
    fn borrowed() -> usize {
        let cell = RefCell::new(String::from("abc"));
        cell.borrow().len()
    }
    assert_eq!(check(borrowed, "( 2 3 4 )"), 3);
}

#[test]
fn temporaries_live_as_long_as_before() {
    #[profile]
    fn extended(choice: bool) -> usize {
        let text = if choice {
            &String::from("yes")
        } else if text_is_long() {
            &String::from("long")
        } else {
            match choice {
                true => &String::from("never"),
                false => &String::from("no"),
            }
        };
        text.len()
    }
    fn text_is_long() -> bool {
        false
    }
    assert_eq!(check(|| extended(true), "( 2 3 4 ~2 12 13 )"), 3);
    let expected = "( 2 4 7 9 ~7 11 ~4 ~2 12 13 )";
    assert_eq!(check(|| extended(false), expected), 2);
}

#[test]
fn parameters_end_at_the_brace() {
    #[profile]
    fn consume(_a: Local, mut _b: Local) {
        let _c = Local("c");
    }
    check(|| consume(Local("a"), Local("b")), "( 2 3 c b a )");
}

#[test]
fn parameters_end_in_the_order_they_had() {
    fn plain(_a: Local, (_b, _c): (Local, Local), _d: Local, _: Local, _e: Local) {}
    #[profile]
    fn profiled(_a: Local, (_b, _c): (Local, Local), _d: Local, _: Local, _e: Local) {}

    let locals = || (Local("b"), Local("c"));
    check(
        || plain(Local("a"), locals(), Local("d"), Local("_"), Local("e")),
        "e _ d c b a",
    );
    check(
        || profiled(Local("a"), locals(), Local("d"), Local("_"), Local("e")),
        "( 1 e ) _ d c b a",
    );
}

#[test]
fn loop_variables_end_with_the_line_of_the_loop() {
    #[profile]
    fn consume(locals: [Local; 2]) {
        for _local in locals {
            note("body");
        }
    }
    check(
        || consume([Local("a"), Local("b")]),
        "( 2 3 body 4 ~2 a 3 body 4 ~2 b 5 )",
    );
}
