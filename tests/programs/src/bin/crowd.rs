//! Many threads that each allocate a little, all alive at once or one group after the
//! other; the oracle counts along.
//!
//! Arguments: `live` or `short`, and how many threads. Prints the kernel's figure for
//! this process's memory in KiB: while all threads live, or behind the last one.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use heapline_test_programs::Oracle;

#[global_allocator]
static ALLOC: heapline::Heapline<Oracle> = heapline::Heapline::wrapping(Oracle::new());

/// Longer than any run takes; then SIGALRM ends a program that hangs.
const DEADLINE_SECONDS: u32 = 600;
const STACK_BYTES: usize = 64 << 10;
/// Short-lived threads that live at a time.
const GROUP: usize = 32;

fn main() {
    // SAFETY: plain C call.
    unsafe { libc::alarm(DEADLINE_SECONDS) };
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let threads = arguments.next().and_then(|word| word.parse().ok());
    let threads: usize = threads.expect("how many threads");
    match mode.as_str() {
        "live" => live(threads),
        "short" => short(threads),
        other => panic!("no mode {other}"),
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
    builder.spawn(work).expect("starts")
}

/// Boxes, a vector that grows, and a text.
fn allocate_a_little(number: usize) {
    let boxes: Vec<Box<usize>> = (0..10).map(|n| Box::new(n + number)).collect();
    let mut grown = Vec::new();
    for number in 0..100 {
        grown.push(black_box(number));
    }
    black_box((boxes, grown, number.to_string()));
}

fn live(threads: usize) {
    let all_there = Arc::new(Barrier::new(threads + 1));
    let may_go = Arc::new(Barrier::new(threads + 1));
    let workers: Vec<_> = (0..threads)
        .map(|number| {
            let (all_there, may_go) = (all_there.clone(), may_go.clone());
            spawn(move || {
                allocate_a_little(number);
                all_there.wait();
                may_go.wait();
            })
        })
        .collect();
    all_there.wait();
    print_memory();
    may_go.wait();
    workers.into_iter().for_each(join);
}

fn short(threads: usize) {
    for first in (0..threads).step_by(GROUP) {
        let group = first..threads.min(first + GROUP);
        let workers: Vec<_> = group
            .map(|number| spawn(move || allocate_a_little(number)))
            .collect();
        workers.into_iter().for_each(join);
    }
    print_memory();
}

fn join(worker: JoinHandle<()>) {
    worker.join().expect("no panic");
}

fn print_memory() {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has one");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    println!("{}", kib.expect("a number"));
}
