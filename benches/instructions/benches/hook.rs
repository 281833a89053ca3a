//! Pairs of allocation and deallocation while heapline records them.

#![expect(
    missing_docs,
    reason = "what gungraun's macros make has no documentation"
)]

use std::hint::black_box;

use gungraun::prelude::*;
use heapline::{Config, Heapline, Recording};
use heapline_instructions::{BLOCK_BYTES, Shape, config, counted_in};
use tempfile::TempDir;

#[global_allocator]
static ALLOC: Heapline = Heapline::system();

/// A recording, and the folder it goes to; they end in this order.
struct Recorded {
    _recording: Recording,
    _folder: TempDir,
}

fn recorded(shape: Shape) -> (Recorded, Shape) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config::new().out(folder.path().join("trace.heapline"));
    let recorded = Recorded {
        _recording: heapline::start(&config).expect("nothing else records"),
        _folder: folder,
    };
    (recorded, shape)
}

#[library_benchmark(setup = recorded)]
#[bench::depth_5(Shape::Depth(5))]
#[bench::depth_30(Shape::Depth(30))]
#[bench::depth_70(Shape::Depth(70))]
#[bench::depth_200(Shape::Depth(200))]
#[bench::alternating(Shape::Alternating)]
#[bench::recursion(Shape::Recursion)]
fn pairs((recorded, shape): (Recorded, Shape)) -> Recorded {
    counted_in(shape, &mut || {
        drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)))
    });
    // What stopping costs is not counted.
    recorded
}

library_benchmark_group!(name = hook, benchmarks = [pairs]);
main!(config = config(), library_benchmark_groups = hook);
