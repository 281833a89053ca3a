//! A trace to facts: reading, merging and replaying a synthetic one.

#![expect(
    missing_docs,
    reason = "what gungraun's macros make has no documentation"
)]

use std::path::Path;

use gungraun::prelude::*;
use heapline_instructions::{REPLAYED_EVENTS, Random, config, counted};
use heapline_report::{Options, Report};
use heapline_trace::{FrameAddress, NodeId, StreamBuilder, TraceBuilder};

/// Stacks that allocate; they are leaves of one tree.
const STACKS: u64 = 1000;

/// Blocks that live at once.
const LIVE: usize = 4096;

/// Events after which every thread begins a new block, as one with a full stage does.
const EVENTS_PER_BLOCK: u32 = 8192;

/// The blocks of one thread's synthetic heap.
struct Heap {
    random: Random,
    nodes: Vec<NodeId>,
    live: Vec<u64>,
    newest_address: u64,
    stamp: u64,
}

impl Heap {
    fn new(thread: usize, stream: &mut StreamBuilder) -> Self {
        let mut random = Random::new(thread as u64);
        let mut nodes = vec![NodeId::COMPLETE];
        for _ in 0..STACKS {
            let parent = nodes[random.below(nodes.len() as u64) as usize];
            let code = 0x1000 + random.below(1 << 20);
            nodes.push(stream.node(parent, FrameAddress::Return(code)));
        }
        Heap {
            random,
            nodes,
            live: Vec::new(),
            newest_address: (thread as u64 + 1) << 40,
            stamp: 1,
        }
    }

    /// One event: an allocation, or the reallocation or deallocation of any live block.
    fn step(&mut self, stream: &mut StreamBuilder) {
        self.stamp += 1 + self.random.below(30);
        let bytes = 16 + self.random.below(500);
        let node = self.nodes[1 + self.random.below(STACKS) as usize];
        let is_full = self.live.len() == LIVE;
        let dice = self.random.below(16);
        if self.live.is_empty() || (dice < 8 && !is_full) {
            let block = self.fresh_address();
            self.live.push(block);
            stream.alloc(self.stamp, block, bytes, node);
            return;
        }
        let chosen = self.random.below(self.live.len() as u64) as usize;
        if dice == 15 {
            let block = self.fresh_address();
            let old = std::mem::replace(&mut self.live[chosen], block);
            let start = self.stamp;
            self.stamp += 5;
            stream.realloc((start, self.stamp), (old, block), bytes, node);
        } else {
            stream.dealloc(self.stamp, self.live.swap_remove(chosen));
        }
    }

    fn fresh_address(&mut self) -> u64 {
        self.newest_address += 512;
        self.newest_address
    }
}

/// The same trace for each of the two rounds.
fn traces(threads: usize) -> [Option<Vec<u8>>; 2] {
    let mut builder = TraceBuilder::new();
    let mut heaps: Vec<Heap> = (0..threads)
        .map(|thread| Heap::new(thread, builder.stream()))
        .collect();
    for event in 0..REPLAYED_EVENTS {
        let thread = event as usize % threads;
        let stream = builder.stream_at(thread);
        heaps[thread].step(stream);
        // Every thread in turn, so that each has blocks of its own.
        if event % EVENTS_PER_BLOCK >= EVENTS_PER_BLOCK - threads as u32 {
            stream.flush();
        }
    }
    let trace = builder.finish();
    [Some(trace.clone()), Some(trace)]
}

// Dropping the reports is not counted.
#[library_benchmark(setup = traces)]
#[bench::one_thread(1)]
#[bench::two_threads(2)]
fn events(mut traces: [Option<Vec<u8>>; 2]) -> [Option<Report>; 2] {
    let mut reports = [None, None];
    counted(&mut |round| {
        let trace = traces[round as usize].take().expect("a trace a round");
        let path = Path::new("synthetic");
        let report = Report::from_bytes(path, trace, &Options::default(), &mut |_| {});
        reports[round as usize] = Some(report.expect("a good trace"));
    });
    for report in reports.iter().flatten() {
        assert_eq!(report.totals().events(), u64::from(REPLAYED_EVENTS));
        assert_eq!(report.quality().order_anomalies, 0);
    }
    reports
}

library_benchmark_group!(name = replay, benchmarks = [events]);
main!(config = config(), library_benchmark_groups = replay);
