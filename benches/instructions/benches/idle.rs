//! Pairs of allocation and deallocation with heapline installed and nobody asking.

#![expect(
    missing_docs,
    reason = "what gungraun's macros make has no documentation"
)]

use std::hint::black_box;

use gungraun::prelude::*;
use heapline::Heapline;
use heapline_instructions::{BLOCK_BYTES, Shape, config, counted_in};

#[global_allocator]
static ALLOC: Heapline = Heapline::system();

#[library_benchmark]
#[bench::depth_5(Shape::Depth(5))]
fn pairs(shape: Shape) {
    counted_in(shape, &mut || {
        drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)))
    });
}

library_benchmark_group!(name = idle, benchmarks = [pairs]);
main!(config = config(), library_benchmark_groups = idle);
