//! The walk of a stack by itself, into a log that keeps nothing.

#![expect(
    missing_docs,
    reason = "what gungraun's macros make has no documentation"
)]

use std::hint::black_box;

use gungraun::prelude::*;
use heapline_instructions::{Shape, config, counted_in};
use heapline_unwind::{FrameAddress, Module, Pages, Registers, StackLog, Unwinder};

/// Memory without end.
struct LeakedPages;

impl Pages for LeakedPages {
    fn zeroed(&mut self, words: usize) -> Option<&'static mut [u64]> {
        Some(Box::leak(vec![0; words].into_boxed_slice()))
    }

    fn release(&mut self, _words: &'static mut [u64]) {}
}

/// Takes every node and forgets it.
struct NoLog;

impl StackLog for NoLog {
    fn node(&mut self, node: u32, parent: u32, address: FrameAddress) -> bool {
        black_box((node, parent, address));
        true
    }

    fn module(&mut self, _module: &Module<'_>) {}

    fn modules_changed(&mut self) {}
}

const MAX_FRAMES: u32 = 4096;

fn walk(unwinder: &mut Unwinder) {
    let start = Registers::current();
    black_box(unwinder.capture(start, &mut LeakedPages, &mut NoLog));
}

#[library_benchmark]
#[bench::depth_5(Shape::Depth(5))]
#[bench::depth_30(Shape::Depth(30))]
#[bench::depth_70(Shape::Depth(70))]
#[bench::depth_200(Shape::Depth(200))]
#[bench::alternating(Shape::Alternating)]
#[bench::recursion(Shape::Recursion)]
fn known(shape: Shape) {
    let mut unwinder = Unwinder::new(MAX_FRAMES);
    counted_in(shape, &mut || walk(&mut unwinder));
}

#[library_benchmark]
#[bench::depth_5(Shape::Once(5))]
#[bench::depth_30(Shape::Once(30))]
#[bench::depth_70(Shape::Once(70))]
#[bench::depth_200(Shape::Once(200))]
fn first(shape: Shape) {
    counted_in(shape, &mut || walk(&mut Unwinder::new(MAX_FRAMES)));
}

library_benchmark_group!(name = capture, benchmarks = [known, first]);
main!(config = config(), library_benchmark_groups = capture);
