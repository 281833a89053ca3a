//! Ways out of a function other than its end.

use std::num::ParseIntError;
use std::panic::catch_unwind;

use crate::__private::note;
use crate::{Local, check, profile};

#[test]
fn question_mark() {
    #[profile]
    fn parse(texts: &[&str]) -> Result<u32, ParseIntError> {
        let mut sum = 0;
        for text in texts {
            let number: u32 = text.parse()?;
            sum += number;
        }
        Ok(sum)
    }
    let expected = "( 2 3 4 5 6 ~3 4 ~3 )";
    assert!(check(|| parse(&["1", "a"]), expected).is_err());
}

#[test]
fn question_mark_in_the_tail() {
    #[profile]
    fn parse(text: &str) -> Result<Option<u32>, ParseIntError> {
        note("begin");
        Ok(Some(text.parse()?))
    }
    assert!(check(|| parse("a"), "( 2 begin 3 4 )").is_err());
}

#[test]
fn return_in_the_middle() {
    #[profile]
    fn first_even(numbers: &[u32]) -> Option<u32> {
        let _local = Local("local");
        for number in numbers {
            let _inner = Local("inner");
            if number % 2 == 0 {
                return Some(*number);
            }
        }
        None
    }
    let expected = "( 2 3 4 5 6 ~5 8 inner ~3 local )";
    assert_eq!(check(|| first_even(&[2]), expected), Some(2));
}

#[test]
#[allow(clippy::needless_return)]
fn return_at_the_end() {
    #[profile]
    fn with_semicolon() -> u32 {
        let _local = Local("local");
        return 1;
    }
    check(with_semicolon, "( 2 3 local )");
}

#[test]
#[allow(clippy::needless_return)]
#[rustfmt::skip]
fn return_without_a_semicolon() {
    #[profile]
    fn without_semicolon() -> u32 {
        let _local = Local("local");
        return 1
    }
    check(without_semicolon, "( 2 3 local )");
}

#[test]
fn panics() {
    #[profile]
    fn fail(numbers: &[u32]) -> u32 {
        let _local = Local("local");
        if numbers.len() < 2 {
            let _inner = Local("inner");
            note(&numbers[1].to_string());
        }
        0
    }
    let expected = "( 2 3 4 5 inner ~3 local )";
    assert!(check(|| catch_unwind(|| fail(&[])), expected).is_err());
}

#[test]
fn panics_are_caught_inside() {
    #[profile]
    fn caught() -> bool {
        let result = catch_unwind(|| {
            panic!("expected");
        });
        result.is_err()
    }
    assert!(check(caught, "( 2 [2 3 ) 5 6 )"));
}

#[test]
fn recursion() {
    #[profile]
    fn factorial(number: u32) -> u32 {
        if number == 0 {
            return 1;
        }
        number * factorial(number - 1)
    }
    let expected = "( 2 5 ( 2 3 ~2 ) 6 )";
    assert_eq!(check(|| factorial(1), expected), 1);
}

#[test]
fn nothing_is_marked_behind_the_end() {
    #[profile]
    #[allow(unreachable_code)]
    fn dead() -> u32 {
        return 1;
        note("never");
        2
    }
    check(dead, "( 3 )");
}
