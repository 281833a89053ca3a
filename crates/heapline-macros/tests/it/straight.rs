//! Statements one after the other.

use crate::{__private::note, check, profile};

#[test]
fn every_statement_is_marked() {
    #[profile]
    fn sum() -> u32 {
        let a = 1;
        let b: u32;

        // A comment has no mark.
        b = 2;
        note("here");
        a + b
    }
    assert_eq!(check(sum, "( 2 3 6 7 here 8 9 )"), 3);
}

#[test]
#[rustfmt::skip]
fn a_statement_over_several_lines_is_its_first() {
    #[profile]
    fn chain() -> usize {
        let words = "a b"
            .split(' ')
            .filter(|word| {
                *word != "b"
            })
            .count();
        words
            .saturating_add(
                1,
            )
    }
    let filter = "[4 5 6 )";
    let expected = format!("( 2 {filter} {filter} 8 12 )");
    assert_eq!(check(chain, &expected), 2);
}

#[test]
#[rustfmt::skip]
fn a_line_is_marked_once() {
    #[profile]
    fn twice() {
        note("a"); note("b"); if true { note("c"); } note("d");
        note("e"); }
    check(twice, "( 2 a b c d 3 e )");
}

#[test]
#[rustfmt::skip]
fn the_line_of_the_attribute_counts_calls_only() {
    #[profile] fn at_once() { note("a"); if true { note("b") } }
    check(at_once, "( a b )");
}

#[test]
#[rustfmt::skip]
fn attributes_of_a_statement_are_not_its_beginning() {
    #[profile]
    fn attributed() {
        #[allow(
            clippy::no_effect_underscore_binding
        )]
        let _two = 2;
        #[allow(unused_must_use)]
        "a".trim();
    }
    check(attributed, "( 5 7 8 )");
}

#[test]
#[rustfmt::skip]
fn macros_are_single_statements() {
    #[profile]
    fn macros() -> Vec<u32> {
        assert!(
            [1].iter().all(|number| { *number == 1 }),
            "message"
        );
        vec![
            1,
            {
                let two = 2;
                two
            },
        ]
    }
    check(macros, "( 2 6 13 )");
}

#[test]
fn an_empty_function_has_its_brace() {
    #[profile]
    fn empty() {
        // Nothing.
    }
    check(empty, "( 3 )");
}

#[test]
fn items_are_not_visited() {
    #[profile]
    fn outer() -> u32 {
        use std::convert::identity;
        const ONE: u32 = {
            let one = 1;
            one
        };
        fn inner(a: u32) -> u32 {
            let b = a;
            b + ONE
        }
        let a = inner(1);
        identity(a)
    }
    assert_eq!(check(outer, "( 11 12 13 )"), 2);
}

#[test]
fn nested_functions_can_be_profiled_themselves() {
    #[profile]
    fn outer() -> u32 {
        #[profile]
        fn inner() -> u32 {
            2
        }
        inner()
    }
    assert_eq!(check(outer, "( 6 ( 2 3 ) 7 )"), 2);
}

#[test]
fn names_may_be_shadowed() {
    #[profile]
    fn shadow() -> String {
        let text = 1;
        let text = text + 1;
        let text = text.to_string();
        text
    }
    assert_eq!(check(shadow, "( 2 3 4 5 6 )"), "2");
}
