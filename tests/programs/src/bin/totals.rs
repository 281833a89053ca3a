//! Every kind of allocator call, on one thread or on several; the oracle counts along.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::sync::mpsc;

use heapline_test_programs::Oracle;

#[global_allocator]
static ALLOC: heapline::Heapline<Oracle> = heapline::Heapline::wrapping(Oracle::new());

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    match mode.as_str() {
        "single" => mixed(1, 20_000),
        "threads" => threads(),
        "failing" => failing(),
        "aligned" => aligned(),
        other => panic!("no mode {other}"),
    }
}

/// A small generator, so that runs are alike.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Vectors that grow, shrink, are cloned and dropped, zeroed ones among them.
fn mixed(seed: u64, rounds: usize) {
    let mut random = Random(seed.wrapping_mul(0x1234_5678_9abc_def1) | 1);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for _ in 0..rounds {
        match random.below(6) {
            0 => kept.push(vec![0; random.below(5_000)]),
            1 => kept.push(Vec::with_capacity(random.below(300))),
            2 if !kept.is_empty() => {
                let index = random.below(kept.len());
                kept[index].extend(std::iter::repeat_n(7, random.below(900)));
            }
            3 if !kept.is_empty() => {
                let index = random.below(kept.len());
                kept[index].truncate(random.below(50));
                kept[index].shrink_to_fit();
            }
            4 if !kept.is_empty() => {
                let index = random.below(kept.len());
                black_box(kept[index].clone());
            }
            _ if kept.len() > 100 => drop(kept.swap_remove(random.below(100))),
            _ => drop(black_box(format!("{seed} {}", random.below(1_000_000)))),
        }
    }
    std::mem::forget(black_box(kept.pop()));
}

/// Blocks made on one thread, grown on another, freed on a third.
fn threads() {
    let (to_grow, grow) = mpsc::sync_channel::<Vec<u64>>(64);
    let (to_free, free) = mpsc::sync_channel::<Vec<u64>>(64);
    let grower = std::thread::spawn(move || {
        for mut block in grow {
            block.extend(0..block.len() as u64 + 3);
            to_free.send(block).expect("the other end is there");
        }
    });
    let freer =
        std::thread::spawn(move || free.into_iter().map(|block| block.len()).sum::<usize>());
    let mixers: Vec<_> = (0..3)
        .map(|seed| std::thread::spawn(move || mixed(seed + 2, 5_000)))
        .collect();
    for length in 0..20_000 {
        to_grow
            .send(vec![0; length % 50 + 1])
            .expect("the other end is there");
    }
    drop(to_grow);
    grower.join().expect("no panic");
    black_box(freer.join().expect("no panic"));
    for mixer in mixers {
        mixer.join().expect("no panic");
    }
}

/// Allocations that are refused, and the blocks that stay as they were.
fn failing() {
    let mut block: Vec<u8> = black_box(vec![1; 100]);
    assert!(block.try_reserve_exact(isize::MAX as usize - 4096).is_err());
    assert!(
        Vec::<u8>::new()
            .try_reserve_exact(isize::MAX as usize - 4096)
            .is_err()
    );
    assert_eq!(block, [1; 100]);
    let layout = Layout::from_size_align(isize::MAX as usize - 4096, 8).expect("a valid layout");
    // SAFETY: the layout is not empty; the answer is only looked at.
    // The compiler may take away an allocation whose block nobody sees.
    assert!(black_box(unsafe { alloc_zeroed(layout) }).is_null());
}

/// Alignments up to 2 MiB, through all four calls.
fn aligned() {
    for shift in 0..=21 {
        for bytes in [1, 24, 1_000, 70_000] {
            let layout = Layout::from_size_align(bytes, 1 << shift).expect("a valid layout");
            // SAFETY: layouts are not empty, and each block is used by its own layout.
            unsafe {
                for make in [alloc, alloc_zeroed] {
                    let block = make(layout);
                    assert_eq!(block as usize % (1 << shift), 0);
                    let block = realloc(block, layout, bytes * 2);
                    assert_eq!(block as usize % (1 << shift), 0);
                    let layout =
                        Layout::from_size_align(bytes * 2, 1 << shift).expect("a valid layout");
                    dealloc(black_box(block), layout);
                }
            }
        }
    }
}
