//! `if` and `match`.

use crate::{__private::note, check, profile};

#[test]
fn if_and_else() {
    #[profile]
    fn choose(number: u32) -> &'static str {
        if number == 0 {
            note("zero");
            "zero"
        } else if number == 1 {
            "one"
        } else if number == 2 {
            "two"
        } else {
            "many"
        }
    }
    assert_eq!(check(|| choose(0), "( 2 3 zero 4 5 ~2 12 )"), "zero");
    assert_eq!(check(|| choose(1), "( 2 5 6 7 ~5 ~2 12 )"), "one");
    assert_eq!(check(|| choose(2), "( 2 5 7 8 9 ~7 ~5 ~2 12 )"), "two");
    assert_eq!(check(|| choose(3), "( 2 5 7 10 11 ~7 ~5 ~2 12 )"), "many");
}

#[test]
fn if_without_else_as_a_statement() {
    #[profile]
    fn perhaps(do_it: bool) {
        if do_it {
            note("done");
        }
        note("end");
    }
    check(|| perhaps(true), "( 2 3 done 4 ~2 5 end 6 )");
    check(|| perhaps(false), "( 2 5 end 6 )");
}

#[test]
fn if_let_and_chains() {
    #[profile]
    fn lengths(first: Option<&str>, second: Option<&str>) -> usize {
        let length = if let Some(first) = first
            && let Some(second) = second
            && {
                note("both");
                true
            } {
            first.len() + second.len()
        } else if let Some(first) = first {
            first.len()
        } else {
            0
        };
        length
    }
    let check = |first, second, expected| check(|| lengths(first, second), expected);
    check(Some("a"), Some("b"), "( 2 5 both 6 7 ~2 8 9 ~2 14 15 )");
    check(Some("a"), None, "( 2 9 10 11 ~9 ~2 14 15 )");
    check(None, None, "( 2 9 12 13 ~9 ~2 14 15 )");
}

#[test]
fn let_else() {
    #[profile]
    fn first(words: &[&'static str]) -> &'static str {
        let Some(first) = words.first() else {
            note("none");
            return "";
        };
        first
    }
    check(|| first(&["a"]), "( 2 6 7 )");
    check(|| first(&[]), "( 2 3 none 4 ~2 )");
}

#[test]
#[rustfmt::skip]
fn match_arms() {
    #[profile]
    fn name(number: i32) -> &'static str {
        let name = match number {
            0 => "zero",
            1 => {
                note("one");
                "one"
            }
            n if n < 0 => "negative",
            2 | 3 =>
            {
                "few"
            }
            4 => return "four",
            5 =>
                if true { "five" } else { "never" },
            n => panic!("{n}"),
        };
        name
    }
    let check = |number, expected| check(|| name(number), expected);
    check(0, "( 2 3 ~2 18 19 )");
    check(1, "( 2 5 one 6 7 ~2 18 19 )");
    check(-1, "( 2 8 ~2 18 19 )");
    check(2, "( 2 11 12 ~2 18 19 )");
    check(4, "( 2 13 ~2 )");
    check(5, "( 2 15 ~2 18 19 )");
}

#[test]
fn the_rest_of_a_statement_behind_a_match_is_charged_to_the_statement() {
    #[profile]
    fn with_rest(text: Option<&str>) -> usize {
        match text {
            Some(text) => text,
            None => "none",
        }
        .chars()
        .inspect(|_| note("char"))
        .count()
    }
    let expected = "( 2 3 ~2 [7 7 char ) 9 )";
    assert_eq!(check(|| with_rest(Some("a")), expected), 1);
}

#[test]
#[rustfmt::skip]
fn arms_on_the_line_of_the_match_have_no_marks() {
    #[profile]
    fn short(number: u32) -> &'static str {
        match number { 0 => "zero", _ => "many" }
    }
    check(|| short(0), "( 2 3 )");
}

#[test]
fn arms_may_differ_in_what_they_coerce_to() {
    #[profile]
    fn chosen(debug: bool) -> Box<dyn Fn(&str) -> String> {
        match debug {
            true => Box::new(|text| format!("{text:?}")),
            false => Box::new(str::to_owned),
        }
    }
    let debug = check(|| chosen(true), "( 2 3 ~2 6 )");
    assert_eq!(check(|| debug("a"), "[3 )"), "\"a\"");
}

#[test]
fn blocks_in_guards_are_visited() {
    #[profile]
    fn guarded(number: u32) -> bool {
        match number {
            n if {
                note("guard");
                n > 1
            } =>
            {
                true
            }
            _ => false,
        }
    }
    assert!(check(|| guarded(2), "( 2 4 guard 5 6 ~2 8 9 ~2 12 )"));
}
