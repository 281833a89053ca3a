//! Tests that need a look inside: what the memo would do without its proof.

#[path = "../tests/common/mod.rs"]
pub(crate) mod common;
#[path = "../tests/common/foreign.rs"]
mod foreign;

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::mpsc::channel;

use common::{Recorder, oracle, plain};

use foreign::{PLAIN_STUB, stub_at, stub_returning_to};

use crate::{CutReason, FrameAddress, Registers, StackEnd};

/// Two functions with frames of one size call a third from there.
mod twins {
    use super::*;

    #[inline(never)]
    pub(super) fn left(capture: &mut dyn FnMut()) -> u64 {
        common_callee(capture) + black_box(1)
    }

    #[inline(never)]
    pub(super) fn right(capture: &mut dyn FnMut()) -> u64 {
        common_callee(capture) + black_box(2)
    }

    #[inline(never)]
    fn common_callee(capture: &mut dyn FnMut()) -> u64 {
        capture();
        black_box(3)
    }
}

/// Captures below the two functions in turn; how many stacks were wrong.
fn wrong_stacks(recorder: &mut Recorder) -> u32 {
    let mut wrong = 0;
    let mut capture = || {
        let start = Registers::current();
        let node = recorder.capture(start);
        let (frames, end) = recorder.tree.stack(node);
        assert_eq!(end, StackEnd::Complete);
        wrong += u32::from(plain(&frames[1..]) != oracle(start.sp)[1..]);
    };
    for _ in 0..10 {
        for twin in [twins::left, twins::right] {
            black_box(twin)(&mut capture);
        }
    }
    wrong
}

#[test]
fn frames_popped_and_pushed_again_are_noticed() {
    assert_eq!(wrong_stacks(&mut Recorder::new(4096)), 0);
}

#[test]
fn without_comparing_words_the_same_test_fails() {
    let mut recorder = Recorder::new(4096);
    recorder.unwinder.last.skip_comparison = true;
    assert!(wrong_stacks(&mut recorder) >= 10);
}

/// Two threads capture, each with its own recorder and then with the other's, whose last
/// stack lies above or below theirs; how many stacks were wrong or cut.
fn wrong_after_an_exchange(recorder: impl Fn() -> Recorder) -> u32 {
    let (mut ours, mut theirs) = (recorder(), recorder());
    let (to_us, from_them) = channel();
    let (to_them, from_us) = channel();
    let other = std::thread::spawn(move || {
        assert_eq!(wrong_or_cut(&mut theirs), 0);
        to_us.send(theirs).unwrap();
        wrong_or_cut(&mut from_us.recv().unwrap())
    });
    assert_eq!(wrong_or_cut(&mut ours), 0);
    to_them.send(ours).unwrap();
    wrong_or_cut(&mut from_them.recv().unwrap()) + other.join().unwrap()
}

fn wrong_or_cut(recorder: &mut Recorder) -> u32 {
    let mut wrong = 0;
    for _ in 0..10 {
        let start = Registers::current();
        let node = recorder.capture(start);
        let (frames, end) = recorder.tree.stack(node);
        let is_right = end == StackEnd::Complete && plain(&frames[1..]) == oracle(start.sp)[1..];
        wrong += u32::from(!is_right);
    }
    wrong
}

#[test]
fn another_stack_is_noticed() {
    assert_eq!(wrong_after_an_exchange(|| Recorder::new(4096)), 0);
}

#[test]
fn without_looking_which_stack_it_is_the_same_test_fails() {
    let wrong = wrong_after_an_exchange(|| {
        let mut recorder = Recorder::new(4096);
        recorder.unwinder.skip_stack_check = true;
        recorder
    });
    assert!(wrong >= 10, "{wrong}");
}

thread_local! {
    static RECORDER: RefCell<Recorder> = RefCell::new(Recorder::new(4096));
    /// Of the last capture: the stack's frames and its end.
    static CAPTURED: RefCell<Vec<FrameAddress>> = const { RefCell::new(Vec::new()) };
    static END: RefCell<Option<StackEnd>> = const { RefCell::new(None) };
}

extern "C" fn capture_here() {
    let start = Registers::current();
    RECORDER.with_borrow_mut(|recorder| {
        let node = recorder.capture(start);
        let (frames, end) = recorder.tree.stack(node);
        CAPTURED.set(frames);
        END.set(Some(end));
    });
}

/// Captures below a library that is unloaded then, and below code without tables that
/// returns to the same address; how many frames that stack has, and its end.
fn below_code_where_a_library_was() -> (usize, Option<StackEnd>) {
    capture_here();
    // Another test's thread may get the place first.
    let stub = (0..100).find_map(|_| {
        foreign::sort_in_a_library(|| capture_here());
        let library = RECORDER.with_borrow(|recorder| {
            let last = recorder.tree.modules.last().unwrap();
            last.start..last.end
        });
        let mut frames = plain(&CAPTURED.take()).into_iter();
        stub_returning_to(frames.find(|frame| library.contains(frame))?)
    });
    // Code that nothing is known of makes a capture look at the modules.
    stub_at(0, &PLAIN_STUB).unwrap()(capture_here);
    stub.unwrap()(capture_here);
    (CAPTURED.take().len(), END.take())
}

const CUT_BELOW_THE_STUB: (usize, Option<StackEnd>) = (2, Some(StackEnd::Cut(CutReason::NoRule)));

#[test]
fn rules_of_a_library_that_went_are_noticed() {
    assert_eq!(below_code_where_a_library_was(), CUT_BELOW_THE_STUB);
}

#[test]
fn without_stale_rules_the_same_test_fails() {
    RECORDER.with_borrow_mut(|recorder| recorder.unwinder.skip_staleness = true);
    assert_ne!(below_code_where_a_library_was(), CUT_BELOW_THE_STUB);
}
