//! Closures: each call of one is an activation of its own.

use std::thread;

use crate::__private::{note, take_log};
use crate::{Local, check, profile};

#[test]
fn a_closure_on_its_statements_line_counts_nothing() {
    #[profile]
    fn double(numbers: &[u32]) -> Vec<u32> {
        numbers.iter().map(|number| number * 2).collect()
    }
    assert_eq!(check(|| double(&[1, 2]), "( 2 [2 ) [2 ) 3 )"), [2, 4]);
}

#[test]
fn a_closure_on_a_later_line_counts_that_line() {
    #[profile]
    fn double(numbers: &[u32]) -> Vec<u32> {
        numbers
            .iter()
            .map(|number| number * 2)
            .filter(|number| {
                let limit = 3;
                *number > limit
            })
            .collect()
    }
    let expected = "( 2 [4 4 ) [5 6 7 8 ) 10 )";
    assert_eq!(check(|| double(&[3]), expected), [6]);
}

#[test]
fn a_closure_in_a_variable() {
    #[profile]
    fn adder(numbers: &[u32]) -> u32 {
        let mut sum = 0;
        let mut add = |number: u32| -> u32 {
            let _local = Local("local");
            sum += number;
            sum
        };
        for number in numbers {
            add(*number);
        }
        sum
    }
    let call = "[3 4 5 6 7 local )";
    let expected = format!("( 2 3 8 9 {call} 10 ~8 9 {call} 10 ~8 11 12 )");
    assert_eq!(check(|| adder(&[1, 2]), &expected), 3);
}

#[test]
fn a_closure_that_is_returned() {
    #[profile]
    fn greeter(greeting: String) -> impl Fn(&str) -> String {
        move |name| {
            if name.is_empty() {
                return greeting.clone();
            }
            format!("{greeting}, {name}")
        }
    }
    let greet = check(|| greeter("hello".to_owned()), "( 2 8 )");
    assert_eq!(check(|| greet("you"), "[2 3 6 7 )"), "hello, you");
    assert_eq!(check(|| greet(""), "[2 3 4 ~3 )"), "hello");
}

#[test]
fn a_closure_on_another_thread() {
    #[profile]
    fn spawn() -> String {
        let worker = thread::spawn(move || {
            note("work");
            let inner = || note("inner");
            inner();
        });
        worker.join().expect("no panic");
        let worker = thread::spawn(|| note("short"));
        worker.join().expect("no panic");
        let logged = thread::spawn(logged);
        logged.join().expect("no panic")
    }
    fn logged() -> String {
        note("thread");
        take_log()
    }
    assert_eq!(check(spawn, "( 2 7 8 9 10 11 12 )"), "thread");
}

#[test]
fn the_log_of_a_closure_is_on_its_thread() {
    #[profile]
    fn scoped() -> String {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let text = String::from("a");
                note(&text);
                take_log()
            });
            worker.join().expect("no panic")
        })
    }
    let log = check(scoped, "( 2 [2 3 8 9 ) 10 )");
    assert_eq!(log, "[3 4 5 a 6");
}

#[test]
fn nested_closures() {
    #[profile]
    fn nested() -> u32 {
        let outer = |a: u32| {
            let inner = |b: u32| {
                note("inner");
                a + b
            };
            inner(1)
        };
        outer(2)
    }
    let expected = "( 2 9 [2 3 7 [3 4 inner 5 6 ) 8 ) 10 )";
    assert_eq!(check(nested, expected), 3);
}

#[test]
fn a_try_like_closure() {
    #[profile]
    fn parse(text: &str) -> u32 {
        let attempt = || -> Result<u32, std::num::ParseIntError> {
            let number: u32 = text.parse()?;
            Ok(number + 1)
        };
        attempt().unwrap_or(0)
    }
    assert_eq!(check(|| parse("1"), "( 2 6 [2 3 4 5 ) 7 )"), 2);
    assert_eq!(check(|| parse("a"), "( 2 6 [2 3 ) 7 )"), 0);
}

#[test]
fn closures_keep_what_is_inferred() {
    #[profile]
    fn inferred() -> Vec<Box<dyn Fn(&str) -> Option<&str>>> {
        vec_of(|text| text.get(1..))
    }
    fn vec_of<F>(function: F) -> Vec<Box<dyn Fn(&str) -> Option<&str>>>
    where
        F: Fn(&str) -> Option<&str> + 'static,
    {
        vec![Box::new(function)]
    }
    let functions = check(inferred, "( 2 3 )");
    assert_eq!(check(|| functions[0]("abc"), "[2 )"), Some("bc"));
}

#[test]
fn a_closure_that_moves_out_of_itself() {
    #[profile]
    fn once() -> String {
        let text = String::from("a");
        let take = move || text;
        take()
    }
    assert_eq!(check(once, "( 2 3 4 [3 ) 5 )"), "a");
}

#[test]
fn async_closures_are_not_visited() {
    #[profile]
    fn future() -> impl AsyncFn() {
        async || {
            note("polled");
        }
    }
    let _ = check(future, "( 2 5 )");
}
