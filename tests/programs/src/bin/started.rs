//! Recordings that start and stop where that is unusual.
//!
//! Arguments: where, and how often.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|word| word.parse().ok());
    let times: u64 = times.expect("how often");
    match place.as_str() {
        "stopped in a handler" => stopped_in_a_handler(times),
        "without the counter" => without_the_counter(times),
        other => panic!("nowhere like {other}"),
    }
}

fn allocate(times: u64) {
    for _ in 0..times {
        drop(black_box(Box::new([0_u8; 1_000])));
    }
}

/// Recordings that a handler stops.
static STOPPED: AtomicU64 = AtomicU64::new(0);

extern "C" fn stop(_: libc::c_int) {
    STOPPED.fetch_add(u64::from(heapline::stop()), SeqCst);
}

/// Starts, records and stops, while signals come whose handler stops, too, whatever they
/// interrupt. Prints how many recordings ended in the handler.
fn stopped_in_a_handler(times: u64) {
    static DONE: AtomicBool = AtomicBool::new(false);
    let handler: extern "C" fn(libc::c_int) = stop;
    // SAFETY: plain C calls; the handler does what handlers may do.
    let this = unsafe {
        libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
        libc::pthread_self()
    };
    let sender = std::thread::spawn(move || {
        while !DONE.load(SeqCst) {
            // SAFETY: that thread waits for this one to end.
            unsafe { libc::pthread_kill(this, libc::SIGUSR1) };
            std::thread::sleep(Duration::from_micros(30));
        }
    });
    for _ in 0..times {
        let config = heapline::Config::new().out("trace.heapline");
        let recording = heapline::start(&config).expect("nothing else records");
        allocate(200);
        drop(recording);
        assert!(!heapline::is_recording());
    }
    DONE.store(true, SeqCst);
    sender.join().expect("no panic");
    println!("{}", STOPPED.load(SeqCst));
}

/// Records after the program has forbidden itself the processor's time stamp counter. From
/// there on nothing may ask the C library for the time.
fn without_the_counter(times: u64) {
    // SAFETY: no pointers.
    let answer = unsafe { libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV) };
    assert_eq!(answer, 0);
    let config = heapline::Config::new().out("trace.heapline");
    let recording = heapline::start(&config).expect("nothing else records");
    allocate(times);
    drop(recording);
}
