//! The memo: the same stacks as without it, at the promised price.
#![allow(clippy::unwrap_used)]

mod common;

use std::hint::black_box;

use common::{Recorder, oracle, plain};
use heapline_unwind::{Counters, FrameAddress, Memo, Registers, StackEnd};

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A program that calls at random and captures at random.
struct Program {
    recorder: Recorder,
    random: Random,
    left: u64,
}

type Function = fn(&mut Program, u64) -> u64;

impl Program {
    #[inline(never)]
    fn capture(&mut self) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let start = Registers::current();
        let node = self.recorder.capture(start);
        let (frames, end) = self.recorder.tree.stack(node);
        if self.left.is_multiple_of(64) && !frames.contains(&FrameAddress::Omitted) {
            assert_eq!(end, StackEnd::Complete);
            assert_eq!(plain(&frames[1..]), oracle(start.sp)[1..]);
        }
    }

    fn next(&mut self, depth: u64) -> u64 {
        if self.random.below(3) == 0 {
            self.capture();
        }
        if depth == 0 || self.left == 0 {
            return 1;
        }
        const FUNCTIONS: [Function; 8] = [
            plain_frame,
            twin_of_plain_frame,
            large_frame,
            counting,
            counting_in_many_registers,
            twice,
            by_closure,
            aligned_frame,
        ];
        let function = FUNCTIONS[self.random.below(8) as usize];
        black_box(function)(self, depth - 1)
    }
}

#[inline(never)]
fn plain_frame(program: &mut Program, depth: u64) -> u64 {
    program.next(depth) + black_box(1)
}

#[inline(never)]
fn twin_of_plain_frame(program: &mut Program, depth: u64) -> u64 {
    program.next(depth) + black_box(2)
}

#[inline(never)]
fn large_frame(program: &mut Program, depth: u64) -> u64 {
    let mut bytes = [depth as u8; 3_000];
    black_box(&mut bytes);
    program.next(depth) + u64::from(bytes[black_box(17)])
}

#[inline(never)]
fn counting(program: &mut Program, depth: u64) -> u64 {
    let mut sum = 0;
    for number in 0..black_box(depth % 3 + 1) {
        sum += program.next(depth) + number;
    }
    sum
}

/// Enough live values that one of them ends up in bp.
#[inline(never)]
fn counting_in_many_registers(program: &mut Program, depth: u64) -> u64 {
    let [mut a, mut b, mut c, mut d, mut e] = black_box([1_u64, 2, 3, 4, 5]);
    for number in 0..black_box(2) {
        let value = program.next(depth);
        (a, b, c, d, e) = (b ^ value, c + number, d ^ a, e + b, a ^ c);
    }
    a ^ b ^ c ^ d ^ e
}

#[inline(never)]
fn twice(program: &mut Program, depth: u64) -> u64 {
    let first = program.next(depth);
    program.capture();
    first + program.next(depth / 2)
}

#[inline(never)]
fn by_closure(program: &mut Program, depth: u64) -> u64 {
    let addend = black_box(3);
    let mut call = |program: &mut Program| program.next(depth) + addend;
    let call: &mut dyn FnMut(&mut Program) -> u64 = black_box(&mut call);
    call(program)
}

/// A frame that must align its stack pointer, and so is found through bp.
#[inline(never)]
fn aligned_frame(program: &mut Program, depth: u64) -> u64 {
    #[repr(align(128))]
    struct Aligned([u64; 16]);
    let mut values = Aligned([depth; 16]);
    black_box(&mut values);
    program.next(depth) + values.0[black_box(5)]
}

fn run(seed: u64, captures: u64, max_frames: u32) -> (Counters, u64) {
    let mut program = Program {
        recorder: Recorder::new(max_frames),
        random: Random(seed),
        left: captures,
    };
    program.recorder.unwinder.set_memo(Memo::Verify);
    while program.left > 0 {
        let depth = program.random.below(40);
        black_box(program.next(depth));
    }
    let counters = program.recorder.unwinder.counters();
    (counters, program.recorder.unwinder.mismatches())
}

#[test]
fn random_call_trees() {
    for seed in 1..=4 {
        let (counters, mismatches) = run(seed * 0x9E37_79B9, 25_000, 4096);
        assert_eq!((counters.captures, mismatches), (25_000, 0));
        assert!(counters.memo_hits > 20_000, "{counters:?}");
    }
}

#[inline(never)]
fn descend<R>(depth: u64, bottom: &mut dyn FnMut() -> R) -> R {
    if depth == 0 {
        return bottom();
    }
    let result = descend(depth - 1, bottom);
    black_box(depth);
    result
}

#[test]
fn a_limited_stack_has_its_outer_and_inner_ends() {
    for (limit, inner) in [(4, 1), (10, 4), (100, 49), (128, 63), (256, 63)] {
        let mut recorder = Recorder::new(limit);
        recorder.unwinder.set_memo(Memo::Verify);
        let (limit, outer) = (limit as usize, limit as usize - 1 - inner);
        for depth in [300, 301, 0, 50, 400, 90, 130, 299] {
            descend(depth, &mut || {
                let start = Registers::current();
                let node = recorder.capture(start);
                let (frames, end) = recorder.tree.stack(node);
                let mut right = oracle(start.sp);
                assert_eq!(end, StackEnd::Complete);
                if right.len() > limit {
                    assert_eq!(frames.len(), limit);
                    assert_eq!(frames[inner], FrameAddress::Omitted);
                    right.splice(inner..right.len() - outer, [0]);
                }
                assert_eq!(plain(&frames[1..]), right[1..]);
            });
        }
        assert_eq!(recorder.unwinder.mismatches(), 0);
    }
    assert_eq!(run(99, 5_000, 20).1, 0);
}

/// Steps, re-reads and new nodes of what is done in between.
fn price<R>(recorder: &mut Recorder, work: impl FnOnce(&mut Recorder) -> R) -> [u64; 3] {
    let (before, told) = (recorder.unwinder.counters(), recorder.tree.told);
    work(recorder);
    let after = recorder.unwinder.counters();
    [
        after.stepped - before.stepped,
        after.re_read_values - before.re_read_values,
        recorder.tree.told - told,
    ]
}

#[test]
fn deep_stacks_cost_what_has_changed() {
    let mut recorder = Recorder::new(256);
    descend(20_000, &mut || {
        recorder.capture(Registers::current());
        for _ in 0..10 {
            let [steps, re_reads, told] = price(&mut recorder, |recorder| {
                descend(3, &mut || recorder.capture(Registers::current()))
            });
            assert!(steps < 20 && told < 80, "{steps} {told}");
            assert!(re_reads < 2 * 20_100, "{re_reads}");
        }
    });
}

#[test]
fn places_that_come_in_turn_are_stepped_once() {
    #[inline(never)]
    fn one(recorder: &mut Recorder) -> u32 {
        recorder.capture(Registers::current()) ^ black_box(0)
    }
    #[inline(never)]
    fn another(recorder: &mut Recorder, bytes: [u8; 200]) -> u32 {
        recorder.capture(Registers::current()) ^ u32::from(black_box(bytes)[7])
    }
    let mut recorder = Recorder::new(4096);
    descend(30, &mut || {
        let mut nodes = Vec::new();
        let prices = (0..100).map(|_| {
            price(&mut recorder, |recorder| {
                nodes.push(black_box(one)(recorder));
                nodes.push(black_box(another)(recorder, black_box([0; 200])));
            })
        });
        let prices: Vec<[u64; 3]> = prices.collect();
        for [steps, re_reads, told] in &prices[2..] {
            assert_eq!((*steps, *told), (0, 0));
            assert!(*re_reads >= 2 * 30);
        }
        assert_ne!(nodes[0], nodes[1]);
        assert!(nodes.chunks(2).all(|pair| pair == &nodes[..2]));
    });
}

const DEPTH: usize = 2_000;

/// A chain of calls that differs from another in the marked frames only. The
/// marks stay where they are: any argument may end up in a saved register.
#[inline(never)]
fn marked_descent(depth: usize, marks: &mut [bool; DEPTH + 1], bottom: &mut dyn FnMut()) -> u64 {
    if depth == 0 {
        bottom();
        return 0;
    }
    if marks[depth] {
        marked_descent(depth - 1, marks, bottom) + black_box(1)
    } else {
        marked_descent(depth - 1, marks, bottom) + black_box(2)
    }
}

#[test]
fn a_wrong_word_at_any_depth_costs_one_pass() {
    // Marks that change from one descent to the next.
    let mut descents: Vec<Vec<usize>> = vec![vec![]];
    for depth in (1..DEPTH).step_by(23) {
        descents.extend([vec![depth], vec![depth]]);
    }
    let every_other: Vec<usize> = (1..DEPTH).step_by(2).collect();
    descents.extend([every_other.clone(), every_other]);

    let mut recorder = Recorder::new(4096);
    let mut marks = [false; DEPTH + 1];
    // Two words for a frame: return address and bp.
    let words = 2 * (DEPTH as u64 + 100);
    for (descent, changes) in descents.iter().enumerate() {
        for &depth in changes {
            marks[depth] = !marks[depth];
        }
        let mut cost = [0; 3];
        marked_descent(DEPTH, &mut marks, &mut || {
            cost = price(&mut recorder, |recorder| recorder.check());
        });
        let outermost = changes.last().map_or(0, |&depth| depth as u64);
        let [steps, re_reads, _] = cost;
        assert!(
            descent == 0 || steps <= outermost + 20,
            "{outermost}: {steps}"
        );
        assert!(re_reads <= words, "{outermost}: {re_reads}");
    }
}

#[test]
fn an_unwinder_that_changes_hands() {
    let mut recorder = Recorder::new(4096);
    recorder.unwinder.set_memo(Memo::Verify);
    let mut found = Vec::new();
    for _ in 0..20 {
        recorder = std::thread::spawn(move || {
            recorder.unwinder.forget_stack();
            descend(30, &mut || recorder.check());
            descend(29, &mut || recorder.check());
            recorder
        })
        .join()
        .unwrap();
        found.push(recorder.unwinder.counters().rules_found);
    }
    let counters = recorder.unwinder.counters();
    assert_eq!((counters.captures, counters.mismatches), (40, 0));
    // Rules are kept: later owners found none.
    assert_eq!(found.first(), found.last());
}

#[test]
fn without_memo_every_frame_is_stepped() {
    let mut recorder = Recorder::new(4096);
    recorder.unwinder.set_memo(Memo::Off);
    descend(50, &mut || {
        for _ in 0..10 {
            recorder.check();
        }
    });
    let counters = recorder.unwinder.counters();
    assert_eq!((counters.memo_hits, counters.re_read_values), (0, 0));
    assert!(counters.stepped > 500);
}
