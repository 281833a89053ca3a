//! Conditionally compiled statements: their marks go with them.

use crate::{__private::note, check, profile};

#[test]
fn statements() {
    #[profile]
    fn partly() {
        #[cfg(not(test))]
        note("without tests");
        #[cfg(test)]
        note("with tests");
        #[cfg(not(test))]
        let _unused = undefined();
    }
    check(partly, "( 5 with tests 8 )");
}

#[test]
fn tails() {
    #[profile]
    fn one_of_two() -> u32 {
        #[cfg(test)]
        {
            1
        }
        #[cfg(not(test))]
        {
            2
        }
    }
    assert_eq!(check(one_of_two, "( 3 4 5 ~3 10 )"), 1);
}

#[test]
fn tails_behind_a_return() {
    #[profile]
    fn the_other() -> u32 {
        #[cfg(not(test))]
        return 1;
        #[cfg(test)]
        2
    }
    assert_eq!(check(the_other, "( 5 6 )"), 2);
}

#[test]
fn parameters() {
    #[profile]
    fn length(#[cfg(test)] text: String, #[cfg(not(test))] text: &Undefined) -> usize {
        text.len()
    }
    assert_eq!(check(|| length("ab".to_owned()), "( 2 3 )"), 2);
}
