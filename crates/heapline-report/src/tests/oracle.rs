//! Random programs, replayed by the crate and by the obvious slow way.
//!
//! A program is a list of steps in their true order, dealt out to threads. The oracle
//! keeps every step and works out each figure anew from all of them.

use std::collections::BTreeMap;

use heapline_trace::{NodeId, TraceBuilder};
use proptest::prelude::*;

use super::{frame, lines, report, stack, with_symbols};
use crate::{At, FoldedOptions, LineOptions, Report};

const THREADS: usize = 3;

/// The stacks that programs have, as addresses; each address is a line. One recurses.
const STACKS: [&[u64]; 6] = [&[1], &[1, 2], &[1, 2, 2, 3], &[4], &[4, 2], &[4, 5, 3]];

#[derive(Clone, Copy, Debug)]
struct Step {
    stamp: u64,
    thread: usize,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Address, bytes, stack, and whether by a reallocation.
    Begin(u64, u64, usize, bool),
    /// Address, and whether by a reallocation.
    End(u64, bool),
    NewThread,
}

/// One choice of the generator.
#[derive(Clone, Debug)]
struct Choice {
    kind: u8,
    thread: usize,
    address: u64,
    bytes: u64,
    stack: usize,
    ticks: u64,
    flush: bool,
}

fn choice() -> impl Strategy<Value = Choice> {
    (
        0u8..12,
        0..THREADS,
        1u64..12,
        prop_oneof![Just(0u64), 1u64..100, 1000u64..100_000],
        0..STACKS.len(),
        1u64..40_000,
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(kind, thread, address, bytes, stack, ticks, flush)| Choice {
                kind,
                thread,
                address: address * 16,
                bytes,
                stack,
                ticks,
                flush,
            },
        )
}

/// Writes what a list of choices comes to as a trace and as steps.
struct Program {
    builder: TraceBuilder,
    nodes: Vec<Vec<NodeId>>,
    steps: Vec<Step>,
    stamp: u64,
    /// The reallocation that each thread is in: its start and old address.
    pending: [Option<(u64, u64)>; THREADS],
}

impl Program {
    fn new() -> Self {
        let mut builder = TraceBuilder::new();
        let nodes = (0..THREADS)
            .map(|_| {
                let stream = builder.stream();
                STACKS.iter().map(|path| stack(stream, path)).collect()
            })
            .collect();
        Program {
            builder,
            nodes,
            steps: Vec::new(),
            stamp: 0,
            pending: [None; THREADS],
        }
    }

    fn is_live(&self, address: u64) -> bool {
        let last = self.steps.iter().rev().find_map(|step| match step.what {
            What::Begin(at, ..) if at == address => Some(true),
            What::End(at, _) if at == address => Some(false),
            _ => None,
        });
        last.unwrap_or(false)
    }

    fn step(&mut self, thread: usize, what: What) {
        let stamp = self.stamp;
        self.steps.push(Step {
            stamp,
            thread,
            what,
        });
    }

    fn choose(&mut self, choice: &Choice) {
        let Choice {
            thread,
            address,
            bytes,
            stack,
            ..
        } = *choice;
        self.stamp += choice.ticks;
        let live = self.is_live(address);
        let node = self.nodes[thread][stack];
        let stamp = self.stamp;
        if let Some((start, old)) = self.pending[thread] {
            // In place if the address is still free, else anywhere free.
            let free = [old, address].into_iter().find(|&at| !self.is_live(at));
            let new = free.unwrap_or(0x1_0000 + stamp * 16);
            self.pending[thread] = None;
            self.step(thread, What::Begin(new, bytes, stack, true));
            let stream = self.builder.stream_at(thread);
            stream.realloc((start, stamp), (old, new), bytes, node);
        } else if choice.kind == 0 {
            self.step(thread, What::NewThread);
            self.builder
                .stream_at(thread)
                .thread(stamp, stamp as u32, b"");
        } else if live && choice.kind < 5 {
            self.pending[thread] = Some((stamp, address));
            self.step(thread, What::End(address, true));
        } else if live {
            self.step(thread, What::End(address, false));
            self.builder.stream_at(thread).dealloc(stamp, address);
        } else {
            self.step(thread, What::Begin(address, bytes, stack, false));
            self.builder
                .stream_at(thread)
                .alloc(stamp, address, bytes, node);
        }
        if choice.flush && self.pending[thread].is_none() {
            self.builder.stream_at(thread).flush();
        }
    }

    fn of(choices: &[Choice]) -> Self {
        let mut program = Program::new();
        for choice in choices {
            program.choose(choice);
        }
        for thread in 0..THREADS {
            // A reallocation that was begun is finished.
            if program.pending[thread].is_some() {
                let mut last = choices[0].clone();
                last.thread = thread;
                program.choose(&last);
            }
        }
        program
    }
}

/// Stacks, live after the first `steps` steps, with their bytes: one entry a block.
fn live_after(steps: &[Step]) -> Vec<(usize, u64)> {
    let mut live: BTreeMap<u64, (usize, u64)> = BTreeMap::new();
    for step in steps {
        match step.what {
            What::Begin(address, bytes, stack, _) => {
                live.insert(address, (stack, bytes));
            }
            What::End(address, _) => {
                live.remove(&address);
            }
            What::NewThread => {}
        }
    }
    live.into_values().collect()
}

fn bytes_of(live: &[(usize, u64)], of: impl Fn(usize) -> bool) -> u64 {
    let counted = live.iter().filter(|(stack, _)| of(*stack));
    counted.map(|(_, bytes)| bytes).sum()
}

fn temporaries(steps: &[Step], stack_wanted: usize) -> u64 {
    let is_temporary = |at: usize| {
        let What::End(address, false) = steps[at].what else {
            return false;
        };
        // The thread's newest block, unless the stream went to another thread since.
        let newest = steps[..at].iter().rev().find_map(|step| match step.what {
            _ if step.thread != steps[at].thread => None,
            What::Begin(address, _, stack, _) => Some(Some((address, stack))),
            What::NewThread => Some(None),
            What::End(..) => None,
        });
        // It may have been freed, and its address taken by another thread.
        let owner = steps[..at].iter().rev().find_map(|step| match step.what {
            What::Begin(at, ..) if at == address => Some(step.thread),
            _ => None,
        });
        newest == Some(Some((address, stack_wanted))) && owner == Some(steps[at].thread)
    };
    (0..steps.len()).filter(|&at| is_temporary(at)).count() as u64
}

/// The steps up to and including the first at which most was live.
fn peak(steps: &[Step]) -> usize {
    let live = |count: usize| bytes_of(&live_after(&steps[..count]), |_| true);
    (0..=steps.len())
        .max_by_key(|&count| (live(count), std::cmp::Reverse(count)))
        .unwrap_or(0)
}

fn check_totals(report: &Report, steps: &[Step]) {
    let totals = report.totals();
    let sum = |of: &dyn Fn(&What) -> Option<u64>| {
        let amounts: Vec<u64> = steps.iter().filter_map(|step| of(&step.what)).collect();
        (amounts.len() as u64, amounts.iter().sum::<u64>())
    };
    let begun = |by_reallocation: bool| {
        sum(&|what| match what {
            What::Begin(_, bytes, _, by) if *by == by_reallocation => Some(*bytes),
            _ => None,
        })
    };
    assert_eq!((totals.allocations, totals.allocated_bytes), begun(false));
    assert_eq!(
        (totals.reallocations, totals.reallocated_bytes),
        begun(true)
    );
    let (freed, _) = sum(&|what| matches!(what, What::End(_, false)).then_some(0));
    assert_eq!(totals.deallocations, freed);
    let at_end = live_after(steps);
    assert_eq!(totals.live_at_end_bytes, bytes_of(&at_end, |_| true));
    assert_eq!(totals.live_at_end_blocks, at_end.len() as u64);
    let peak = peak(steps);
    assert_eq!(
        totals.peak_bytes,
        bytes_of(&live_after(&steps[..peak]), |_| true)
    );
    if peak > 0 {
        assert_eq!(totals.peak_stamp, steps[peak - 1].stamp);
    }
    let temporary: u64 = (0..STACKS.len())
        .map(|stack| temporaries(steps, stack))
        .sum();
    assert_eq!(totals.temporary_allocations, temporary);
    let quality = report.quality();
    assert!(quality.exact, "{}", quality.line());
    assert_eq!(quality.unknown_deallocations + quality.repaired_events, 0);
    assert_eq!(quality.reallocations_in_flight, 0);
}

/// The addresses of a stack, the outermost first.
fn path(report: &Report, stack: crate::StackId) -> Vec<u64> {
    let mut path: Vec<u64> = report
        .stacks
        .sites_of(stack)
        .filter_map(|site| report.stacks.sites()[site].address.call_site())
        .map(|code| code.0 + 1)
        .collect();
    path.reverse();
    path
}

fn check_stacks(report: &Report, steps: &[Step]) {
    let at_end = live_after(steps);
    let at_peak = live_after(&steps[..peak(steps)]);
    for id in report.stacks.ids() {
        let path = path(report, id);
        let stack = STACKS
            .iter()
            .position(|other| **other == path[..])
            .expect("a stack of ours");
        let facts = report.stack_facts(id);
        let of = |other: usize| other == stack;
        let blocks =
            |live: &[(usize, u64)]| live.iter().filter(|(other, _)| of(*other)).count() as u64;
        assert_eq!(facts.live_at_end_bytes, bytes_of(&at_end, of));
        assert_eq!(facts.live_at_end_blocks, blocks(&at_end));
        assert_eq!(facts.live_at_peak_bytes, bytes_of(&at_peak, of));
        assert_eq!(facts.live_at_peak_blocks, blocks(&at_peak));
        assert_eq!(facts.temporary_allocations, temporaries(steps, stack));
        let max = (0..=steps.len())
            .map(|count| bytes_of(&live_after(&steps[..count]), of))
            .max();
        assert_eq!(Some(facts.max_live_bytes), max);
    }
}

fn check_rows(report: &Report, steps: &[Step]) {
    let options = LineOptions {
        maxima: true,
        ..LineOptions::default()
    };
    for row in lines(report, &options).rows {
        let of = |stack: usize| STACKS[stack].contains(&u64::from(row.line));
        let max = (0..=steps.len())
            .map(|count| bytes_of(&live_after(&steps[..count]), of))
            .max();
        assert_eq!(row.max_live_bytes, max, "line {}", row.line);
        let begun = |wanted: bool| {
            let amounts = steps.iter().filter_map(|step| match step.what {
                What::Begin(_, bytes, stack, by) if by == wanted && of(stack) => Some(bytes),
                _ => None,
            });
            let amounts: Vec<u64> = amounts.collect();
            (amounts.len() as u64, amounts.iter().sum::<u64>())
        };
        assert_eq!((row.allocations, row.allocated_bytes), begun(false));
        assert_eq!((row.reallocations, row.reallocated_bytes), begun(true));
    }
}

/// What was live in the middle of the program.
fn check_instant(report: &Report, steps: &[Step]) {
    let count = steps.len() / 2;
    let Some(last) = count.checked_sub(1) else {
        return;
    };
    let expected = bytes_of(&live_after(&steps[..count]), |_| true);
    let options = FoldedOptions {
        at: At::Nanoseconds(steps[last].stamp),
        ..FoldedOptions::default()
    };
    let total = match report.folded(&options, &mut |_| {}) {
        Ok(folded) => folded.total,
        Err(error) => {
            assert!(error.is_nothing_to_draw(), "{error}");
            0
        }
    };
    assert_eq!(total, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn replay_is_what_the_slow_way_finds(choices in prop::collection::vec(choice(), 1..120)) {
        let program = Program::of(&choices);
        let steps = program.steps;
        let report = with_symbols(report(program.builder), |address| {
            vec![frame(&format!("f{address}"), address as u32)]
        });
        check_totals(&report, &steps);
        check_stacks(&report, &steps);
        check_rows(&report, &steps);
        check_instant(&report, &steps);
    }
}
