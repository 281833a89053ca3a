//! Tails whose types leave no room for a changed expression.

use std::collections::HashMap;
use std::fmt::Display;

use crate::{check, profile};

#[test]
fn a_boxed_closure() {
    #[profile]
    fn boxed(prefix: &'static str) -> Box<dyn Fn(&str) -> String> {
        let _ = prefix;
        Box::new(move |text| format!("{prefix}{text}"))
    }
    assert_eq!(check(|| boxed("a"), "( 2 3 4 )")("b"), "ab");
}

#[test]
fn an_opaque_iterator() {
    #[profile]
    fn words<'a>(text: &'a str, skip: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let words = text.split(' ');
        words.filter(move |word| *word != skip)
    }
    let words = check(|| words("a b", "a"), "( 2 3 4 )");
    assert_eq!(words.collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_trait_object_reference() {
    #[profile]
    fn shown(text: &String) -> &dyn Display {
        text
    }
    assert_eq!(check(|| shown(&"a".to_owned()).to_string(), "( 2 3 )"), "a");
}

#[test]
fn a_mutable_reborrow() {
    #[profile]
    fn entry<'m>(map: &'m mut HashMap<String, u32>, key: &str) -> &'m mut u32 {
        if !map.contains_key(key) {
            map.insert(key.to_owned(), 0);
        }
        map.entry(key.to_owned()).or_default()
    }
    let mut map = HashMap::new();
    *check(|| entry(&mut map, "a"), "( 2 3 4 ~2 5 6 )") += 1;
    assert_eq!(map["a"], 1);
}

#[test]
fn an_empty_collection() {
    #[profile]
    fn nothing(shared: bool) -> Vec<u8> {
        if shared { Vec::new() } else { vec![] }
    }
    assert_eq!(check(|| nothing(true), "( 2 3 )"), [0_u8; 0]);
}

#[test]
fn a_unit_tail() {
    #[profile]
    fn unit(words: &mut Vec<u32>) {
        words.push(1)
    }
    check(|| unit(&mut Vec::new()), "( 2 3 )");
}

#[test]
fn closures_in_conditions() {
    #[profile]
    fn has_two(words: &[u32]) -> bool {
        if words.iter().any(|word| *word == 2) {
            return true;
        }
        words.iter().any(|word| *word > 2)
    }
    assert!(check(|| has_two(&[2]), "( 2 [2 ) 3 ~2 )"));
}
