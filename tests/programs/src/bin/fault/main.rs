//! Workers whose every operation is known, and a fault that happens meanwhile.
//!
//! Arguments: the fault, and what it needs.

mod descriptors;
mod endings;
mod forks;
mod limits;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use heapline_test_programs::pool::Pool;
use heapline_test_programs::work::{HELD, HOLD_AT, Log, work};

#[global_allocator]
static ALLOC: heapline::Heapline<Pool> = heapline::Heapline::wrapping(Pool::new());

/// Little, so that limits on memory are about the recorder's.
const STACK_BYTES: usize = 64 << 10;

/// Asks the workers to end.
static STOP: AtomicBool = AtomicBool::new(false);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let fault = arguments.first().expect("a fault").as_str();
    let number = |index: usize| -> u64 { arguments[index].parse().expect("a number") };
    let log = Log::map();
    match fault {
        // Operations of all threads before it ends, threads.
        "end" => endings::end(&arguments[1], number(2), number(3), log),
        // Threads, rounds of each.
        "rounds" => println!("{}", rounds(number(1), number(2), log)),
        // The deed, threads, rounds of each.
        "descriptors" => {
            let (workers, rounds) = (number(2), number(3));
            let size = descriptors::Size { workers, rounds };
            println!("{}", descriptors::run(&arguments[1], size, log));
        }
        // The limit, threads, rounds of each.
        "limit" => println!("{}", limits::run(&arguments[1], number(2), number(3), log)),
        "nothing" => {}
        // How often, blocks of each child, threads.
        "fork" => forks::storm(number(1), number(2), number(3), log),
        // How often, threads.
        "spawn" => forks::spawns(number(1), number(2), log),
        "family" => forks::family(log),
        "daemon" => forks::daemon(log),
        "toggle" => forks::toggle(number(1), number(2), log),
        "child records" => forks::child_records(false, log),
        "child records alone" => forks::child_records(true, log),
        other => panic!("no fault {other}"),
    }
}

/// Starts workers that go on until the program ends, or [`STOP`].
fn start(workers: u64, rounds: u64, log: &'static Log) -> Vec<JoinHandle<u64>> {
    start_these(0..workers, rounds, log)
}

/// The same with numbers of the caller's choice.
fn start_these(workers: Range<u64>, rounds: u64, log: &'static Log) -> Vec<JoinHandle<u64>> {
    let spawn = |worker| {
        std::thread::Builder::new()
            .name(format!("worker-{worker}"))
            .stack_size(STACK_BYTES)
            .spawn(move || work(worker, log, rounds, &STOP))
            .expect("starts")
    };
    workers.map(spawn).collect()
}

/// Waits until the workers have done so many operations together.
fn wait_for(operations: u64, workers: u64, log: &Log) {
    while log.done(workers as usize) < operations {
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// Starts workers, does the deed while all of them rest in front of a round, and lets them
/// go on.
fn start_around(
    workers: u64,
    rounds: u64,
    log: &'static Log,
    deed: impl FnOnce(),
) -> Vec<JoinHandle<u64>> {
    HOLD_AT.store(rounds / 4, SeqCst);
    let started = start(workers, rounds, log);
    while HELD.load(SeqCst) < workers {
        std::thread::sleep(Duration::from_micros(50));
    }
    deed();
    HOLD_AT.store(u64::MAX, SeqCst);
    started
}

/// The workers' sums put together.
fn join(workers: Vec<JoinHandle<u64>>) -> u64 {
    let sums = workers
        .into_iter()
        .map(|worker| worker.join().expect("no panic"));
    sums.fold(0, |sum, next| sum ^ next)
}

/// Workers that do all their rounds.
fn rounds(workers: u64, rounds: u64, log: &'static Log) -> u64 {
    join(start(workers, rounds, log))
}
