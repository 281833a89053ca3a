//! Functions of all kinds.

use std::fmt::Display;
use std::panic::{Location, catch_unwind};
use std::rc::Rc;

use crate::{__private::note, check, profile};

struct Stack<T> {
    items: Vec<T>,
}

impl<T: Clone> Stack<T> {
    #[profile]
    fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// Puts an item on top.
    #[profile]
    #[inline]
    fn push(&mut self, item: T) -> &mut Self {
        self.items.push(item);
        self
    }

    #[profile]
    fn top<'a, 'b>(&'a self, default: &'b T) -> &'b T
    where
        'a: 'b,
    {
        self.items.last().unwrap_or(default)
    }

    #[profile]
    fn into_items(self) -> Vec<T> {
        self.items
    }

    #[profile]
    fn shared(self: Rc<Self>) -> usize {
        self.items.len()
    }
}

#[test]
fn methods() {
    let mut stack = check(Stack::new, "( 2 3 )");
    check(|| stack.push(1).push(2).items.len(), "( 3 4 5 ) ( 3 4 5 )");
    assert_eq!(check(|| *stack.top(&0), "( 5 6 )"), 2);
    assert_eq!(check(|| stack.into_items(), "( 2 3 )"), [1, 2]);
    check(
        || Rc::new(Stack::<u8> { items: vec![] }).shared(),
        "( 2 3 )",
    );
}

trait Shape {
    fn area(&self) -> f64;

    #[profile]
    fn twice(&self) -> f64 {
        self.area() * 2.0
    }
}

struct Square(f64);

impl Shape for Square {
    #[profile]
    fn area(&self) -> f64 {
        let Self(side) = self;
        side * side
    }
}

impl Iterator for Square {
    type Item = f64;

    #[profile]
    fn next(&mut self) -> Option<Self::Item> {
        self.0 -= 1.0;
        (self.0 > 0.0).then_some(self.0)
    }
}

#[test]
fn methods_of_traits() {
    let area = "( 2 3 4 )";
    let mut square = Square(2.0);
    check(|| square.twice(), &format!("( 2 {area} 3 )"));
    check(|| square.next(), "( 2 3 4 )");
}

#[test]
fn generics() {
    #[profile]
    fn show<T, const N: usize>(values: [T; N]) -> String
    where
        T: Display,
    {
        values.map(|value| value.to_string()).join(" ")
    }
    assert_eq!(check(|| show([1]), "( 5 [5 ) 6 )"), "1");
    assert_eq!(check(|| show(["a"]), "( 5 [5 ) 6 )"), "a");
}

#[test]
fn impl_trait_in_argument_position() {
    #[profile]
    fn total(numbers: impl IntoIterator<Item = u32>) -> u32 {
        numbers.into_iter().sum()
    }
    assert_eq!(check(|| total([1, 2]), "( 2 3 )"), 3);
}

#[test]
fn never() {
    #[profile]
    fn fail(reason: &str) -> ! {
        note(reason);
        panic!("{reason}")
    }
    let result = check(|| catch_unwind(|| fail("reason")), "( 2 reason 3 )");
    assert!(result.is_err());
}

#[test]
fn never_with_a_semicolon() {
    #[profile]
    fn fail_with_semicolon() -> ! {
        std::panic::panic_any(1);
    }
    let result = check(|| catch_unwind(fail_with_semicolon), "( 2 )");
    assert!(result.is_err());
}

#[test]
fn foreign_interfaces() {
    #[profile]
    extern "C" fn callback(number: i32) -> i32 {
        number + 1
    }
    let callback: extern "C" fn(i32) -> i32 = callback;
    assert_eq!(check(|| callback(1), "( 2 3 )"), 2);
}

#[test]
fn patterns_as_parameters() {
    #[profile]
    fn sum((a, b): (u32, u32), [c, ..]: [u32; 2], mut d: u32, _: u32) -> u32 {
        d += 1;
        a + b + c + d
    }
    assert_eq!(check(|| sum((1, 2), [3, 0], 4, 0), "( 2 3 4 )"), 11);
}

#[test]
fn unused_parameters() {
    #[profile]
    fn ignore(_number: u32, _text: &str, _words: Vec<u8>) {}
    check(|| ignore(1, "", Vec::new()), "( 1 )");
}

#[test]
fn a_macro_in_the_body_sees_the_parameters() {
    #[profile]
    fn twice(mut next: impl FnMut() -> u32) -> u32 {
        macro_rules! next {
            () => {
                next()
            };
        }
        next!() + next!()
    }
    let mut number = 0;
    let next = || {
        number += 1;
        number
    };
    assert_eq!(check(|| twice(next), "( 7 8 )"), 3);
}

#[test]
fn raw_names() {
    #[profile]
    fn r#match(r#type: u32) -> u32 {
        r#type
    }
    assert_eq!(check(|| r#match(1), "( 2 3 )"), 1);
}

#[test]
fn attributes_stay() {
    #[profile]
    #[track_caller]
    fn caller() -> u32 {
        Location::caller().line()
    }
    let line = check(|| caller(), "( 3 4 )");
    assert_eq!(line, line!() - 1);
}

#[test]
#[profile]
fn tests_can_be_profiled() {
    note("test");
}

#[test]
fn functions_made_by_macros() {
    macro_rules! make {
        ($name:ident, $body:block, $value:expr) => {
            #[profile]
            fn $name() -> u32 {
                let value = $value;
                let nested = $body;
                value + nested
            }
        };
    }
    // The body's lines lie behind the macro's: the rest of it is not marked.
    make!(
        made,
        {
            note("body");
            1
        },
        2
    );
    assert_eq!(check(made, "( 2 3 12 body 13 14 ~3 )"), 3);
}
