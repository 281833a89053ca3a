//! `for`, `while` and `loop`.

use crate::{__private::note, check, profile};

#[test]
fn for_loops() {
    #[profile]
    fn sum(numbers: &[u32]) -> u32 {
        let mut sum = 0;
        for number in numbers {
            sum += number;
        }
        sum
    }
    assert_eq!(check(|| sum(&[1, 2]), "( 2 3 4 5 ~3 4 5 ~3 6 7 )"), 3);
    assert_eq!(check(|| sum(&[]), "( 2 3 6 7 )"), 0);
}

#[test]
fn while_loops() {
    #[profile]
    fn count_down(mut left: u32) {
        while left > 0 {
            left -= 1;
        }
    }
    check(|| count_down(2), "( 2 3 4 ~2 3 4 ~2 5 )");
}

#[test]
fn while_let_loops() {
    #[profile]
    fn drain(mut stack: Vec<u32>) {
        while let Some(_top) = stack.pop() {
            note("popped");
        }
    }
    check(|| drain(vec![1]), "( 2 3 popped 4 ~2 5 )");
}

#[test]
fn continue_and_break_do_not_pass_the_brace() {
    #[profile]
    fn odd(numbers: &[u32]) {
        for number in numbers {
            if *number == 0 {
                break;
            }
            if number % 2 == 0 {
                continue;
            }
            note("odd");
        }
    }
    let one = "3 6 9 odd 10 ~2";
    let two = "3 6 7 ~6 ~2";
    let zero = "3 4 ~3 ~2";
    check(|| odd(&[1, 2, 0]), &format!("( 2 {one} {two} {zero} 11 )"));
}

#[test]
fn loop_with_a_value() {
    #[profile]
    fn power() -> u32 {
        let mut power = 1;
        let found = loop {
            power *= 2;
            if power > 2 {
                break power;
            }
        };
        found
    }
    assert_eq!(check(power, "( 2 3 4 5 8 ~3 4 5 6 ~5 8 ~3 9 10 )"), 4);
}

#[test]
fn labels() {
    #[profile]
    fn search(rows: &[&[u32]]) -> Option<u32> {
        let mut found = None;
        'rows: for row in rows {
            for number in *row {
                if *number > 1 {
                    found = Some(*number);
                    break 'rows;
                }
                continue 'rows;
            }
        }
        found
    }
    let expected = "( 2 3 4 5 9 ~4 11 ~3 4 5 6 7 ~5 ~4 11 ~3 12 13 )";
    assert_eq!(check(|| search(&[&[1, 2], &[2]]), expected), Some(2));
}

#[test]
fn the_line_of_the_head_is_resumed_for_its_condition() {
    #[profile]
    fn condition(mut left: u32) {
        while {
            note("condition");
            left > 0
        } {
            left -= 1;
        }
    }
    let condition_once = "3 condition 4 5 ~2";
    check(
        || condition(1),
        &format!("( 2 {condition_once} 6 7 ~2 {condition_once} 8 )"),
    );
}
