//! What is subtracted from the others: the stacks with nothing in them, and pairs of
//! the system's allocator.

#![expect(
    missing_docs,
    reason = "what gungraun's macros make has no documentation"
)]

use std::hint::black_box;

use gungraun::prelude::*;
use heapline_instructions::{BLOCK_BYTES, Shape, config, counted_in};

#[library_benchmark]
#[bench::depth_5(Shape::Depth(5))]
#[bench::depth_30(Shape::Depth(30))]
#[bench::depth_70(Shape::Depth(70))]
#[bench::depth_200(Shape::Depth(200))]
#[bench::alternating(Shape::Alternating)]
#[bench::recursion(Shape::Recursion)]
fn nothing(shape: Shape) {
    counted_in(shape, &mut || _ = black_box(0));
}

#[library_benchmark]
#[bench::depth_5(Shape::Depth(5))]
#[bench::depth_30(Shape::Depth(30))]
#[bench::depth_70(Shape::Depth(70))]
#[bench::depth_200(Shape::Depth(200))]
#[bench::alternating(Shape::Alternating)]
#[bench::recursion(Shape::Recursion)]
fn pairs(shape: Shape) {
    counted_in(shape, &mut || {
        drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)))
    });
}

library_benchmark_group!(name = bare, benchmarks = [nothing, pairs]);
main!(config = config(), library_benchmark_groups = bare);
