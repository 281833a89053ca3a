//! What threads, destructors, panics and locks do to an allocator; the oracle counts along.
//!
//! Arguments: what to do, and how often.

mod locks;
mod panics;
mod tasks;
mod threads;

use heapline_test_programs::Oracle;

#[global_allocator]
static ALLOC: heapline::Heapline<Oracle> = heapline::Heapline::wrapping(Oracle::new());

fn main() {
    let mut arguments = std::env::args().skip(1);
    let deed = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|word| word.parse().ok());
    let times: u64 = times.expect("how often");
    match deed.as_str() {
        "panics" => panics::panics(times),
        "destructors" => threads::destructors(times),
        "keys" => threads::keys(times),
        "C threads" => threads::c_threads(times),
        "passing" => threads::passing(times),
        "tasks" => tasks::tasks(times),
        "loader" => locks::loader(times),
        "parking lot" => locks::parking_lot(times),
        "backtraces" => locks::backtraces(times),
        other => panic!("no {other}"),
    }
}
