//! Nested blocks.

use crate::{__private::note, check, profile};

#[test]
fn a_block_resumes_the_line_around_it() {
    #[profile]
    fn nested() -> u32 {
        let a = {
            let b = 1;
            {
                note("deep");
            }
            b
        };
        a
    }
    assert_eq!(check(nested, "( 2 3 4 5 deep 6 ~4 7 8 ~2 9 10 )"), 1);
}

#[test]
fn a_labelled_block_is_left_by_break() {
    #[profile]
    fn labelled(early: bool) -> u32 {
        let a = 'block: {
            if early {
                break 'block 1;
            }
            2
        };
        a
    }
    assert_eq!(check(|| labelled(true), "( 2 3 4 ~3 ~2 8 9 )"), 1);
    assert_eq!(check(|| labelled(false), "( 2 3 6 7 ~2 8 9 )"), 2);
}

#[test]
fn blocks_inside_expressions_are_visited() {
    #[profile]
    fn arguments() -> u32 {
        u32::max(
            {
                note("first");
                1
            },
            {
                note("second");
                2
            },
        )
    }
    let expected = "( 2 4 first 5 6 ~2 8 second 9 10 ~2 12 )";
    assert_eq!(check(arguments, expected), 2);
}

#[test]
fn a_block_on_its_statements_line_has_no_marks() {
    #[profile]
    #[rustfmt::skip]
    fn short() -> u32 {
        let a = { note("in"); 1 };
        a
    }
    check(short, "( 3 in 4 5 )");
}

#[test]
fn constants_are_not_visited() {
    #[profile]
    fn constants() -> usize {
        let array = [{
            note("once");
            0_u8
        }; {
            let two = 2;
            two
        }];
        let three = const {
            let two = 2;
            two + 1
        };
        array.len() + three
    }
    assert_eq!(check(constants, "( 2 3 once 4 5 ~2 9 13 14 )"), 5);
}

#[test]
fn async_blocks_are_not_visited() {
    #[profile]
    fn future() -> impl Future<Output = u32> {
        let future = async {
            note("polled");
            1
        };
        future
    }
    drop(check(future, "( 2 6 7 )"));
}
