//! How long single allocations take: which of them pays for a full stage is seen from
//! outside alone.
//!
//! Arguments: threads, pairs of an allocation with its deallocation of each. Prints the
//! longest allocation in nanoseconds, and how many took longer than 20, 100, 1,000 and
//! 10,000 microseconds.

use std::hint::black_box;
use std::time::Instant;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

const BOUNDS_US: [u64; 4] = [20, 100, 1_000, 10_000];

/// The longest, and how many are beyond each bound.
#[derive(Default)]
struct Found {
    longest_ns: u64,
    beyond: [u64; BOUNDS_US.len()],
}

fn main() {
    let arguments = std::env::args().skip(1);
    let numbers: Vec<u64> = arguments
        .map(|text| text.parse().expect("a number"))
        .collect();
    let (threads, pairs) = (numbers[0], numbers[1]);
    let threads: Vec<_> = (0..threads)
        .map(|_| std::thread::spawn(move || measure(pairs)))
        .collect();
    let mut all = Found::default();
    for thread in threads {
        let found = thread.join().expect("no panic");
        all.longest_ns = all.longest_ns.max(found.longest_ns);
        for (sum, count) in all.beyond.iter_mut().zip(found.beyond) {
            *sum += count;
        }
    }
    println!("{} {:?}", all.longest_ns, all.beyond);
}

fn measure(pairs: u64) -> Found {
    let mut found = Found::default();
    for pair in 0..pairs {
        let start = Instant::now();
        let block = black_box(Vec::<u8>::with_capacity(16 + (pair % 64) as usize));
        let took = start.elapsed().as_nanos() as u64;
        drop(block);
        found.longest_ns = found.longest_ns.max(took);
        for (count, bound) in found.beyond.iter_mut().zip(BOUNDS_US) {
            *count += u64::from(took > bound * 1_000);
        }
    }
    found
}
