//! T60 and T63: addresses that pass from thread to thread at once, freed here and
//! allocated there, allocated here and freed there. The stamps keep their order.

use std::collections::HashMap;
use std::ops::Range;
use std::process::Command;

use heapline_trace::{Record, Source, Stream, Trace};
use serde_json::Value;

use crate::processes::output_of;
use crate::support::{Build, Run, fresh_folder, program, record, summary};

/// As in the program.
const THREADS: u64 = 16;

fn bytes(thread: u64, begin: u64) -> u64 {
    16 + (begin * THREADS + thread) % 4000
}

/// When and where a block of the pool began, or ended.
#[derive(Clone, Copy, Debug)]
struct At {
    stamp: u64,
    address: u64,
}

/// The pool's events of one thread, in the order of its stream.
#[derive(Default)]
struct Events {
    begins: Vec<At>,
    ends: Vec<At>,
}

/// Reads a thread's events and checks what its stream alone can tell: the number of a
/// begin follows from its bytes, and none is missing behind the first.
fn events<S: Source>(
    trace: &Trace<S>,
    stream: &Stream,
    pool: &Range<u64>,
) -> Option<(u64, u64, Events)> {
    let mut events = Events::default();
    let mut first = None;
    let mut begin = |at: At, asked: u64, begins: &mut Vec<At>| {
        let (thread, number) =
            *first.get_or_insert(((asked - 16) % THREADS, (asked - 16) / THREADS));
        assert_eq!(asked, bytes(thread, number + begins.len() as u64));
        begins.push(at);
    };
    for record in trace.records(stream) {
        match record.expect("no damage") {
            Record::Alloc {
                stamp,
                address,
                bytes,
                ..
            } if pool.contains(&address) => {
                begin(At { stamp, address }, bytes, &mut events.begins);
            }
            Record::Dealloc { stamp, address } if pool.contains(&address) => {
                events.ends.push(At { stamp, address });
            }
            Record::Realloc {
                start,
                stamp,
                old_address,
                address,
                bytes,
                ..
            } if pool.contains(&address) => {
                events.ends.push(At {
                    stamp: start,
                    address: old_address,
                });
                begin(At { stamp, address }, bytes, &mut events.begins);
            }
            _ => {}
        }
    }
    first.map(|(thread, number)| (thread, number, events))
}

/// What a comparison with the program's own pairing has found.
#[derive(Debug, Default)]
struct Pairing {
    pairs: u64,
    /// Ends of blocks that began before the recording did.
    unknown: u64,
    /// Pairs of neighbours with one stamp, which the alternation puts in order.
    ties: u64,
}

/// End `k` of a thread is the end of begin `k` of the thread before it. By its stamps
/// each block must begin, end, and leave its address to the next one, in this order.
/// The recording goes on to the end, after which no block of the pool is left.
fn compare(trace: &Trace<Vec<u8>>, pool: &Range<u64>, threads: u64, begins: u64) -> Pairing {
    let mut by_thread = HashMap::new();
    for stream in trace.streams() {
        if let Some((thread, first, events)) = events(trace, stream, pool) {
            let recorded = events.begins.len() as u64;
            assert_eq!((begins - recorded) % (4000 / THREADS), first);
            by_thread.insert(thread, events);
        }
    }
    assert_eq!(by_thread.len() as u64, threads);
    let mut pairing = Pairing::default();
    let mut stays: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    for thread in 0..threads {
        let begins = &by_thread[&thread].begins;
        let ends = &by_thread[&((thread + 1) % threads)].ends;
        // The last of both belong together; what ends besides is older.
        let unknown = ends.len() - begins.len();
        pairing.unknown += unknown as u64;
        for (begin, end) in begins.iter().zip(&ends[unknown..]) {
            assert_eq!(begin.address, end.address, "thread {thread}");
            assert!(
                begin.stamp <= end.stamp,
                "thread {thread}: {begin:?}, {end:?}"
            );
            pairing.pairs += 1;
            pairing.ties += u64::from(begin.stamp == end.stamp);
            let stay = (begin.stamp, end.stamp);
            stays.entry(begin.address).or_default().push(stay);
        }
        for end in &ends[..unknown] {
            stays.entry(end.address).or_default().push((0, end.stamp));
        }
    }
    for (address, stays) in &mut stays {
        stays.sort_unstable();
        for pair in stays.windows(2) {
            let ((_, end), (begin, _)) = (pair[0], pair[1]);
            assert!(end <= begin, "{address:#x} is two blocks at once: {pair:?}");
            pairing.ties += u64::from(end == begin);
        }
    }
    pairing
}

/// The pool's addresses, which the program prints.
fn pool(run: &Run) -> Range<u64> {
    let output = run.stdout();
    let mut words = output
        .trim()
        .strip_prefix("pool ")
        .expect("printed")
        .split(' ');
    let mut next = || {
        words
            .next()
            .and_then(|word| word.parse::<u64>().ok())
            .expect("a number")
    };
    let start = next();
    start..start + next()
}

/// Each total of the summary is the sum over the program's own counters.
fn totals_are_the_programs(run: &Run, summary: &Value) {
    let bytes = std::fs::read(run.folder.join("oracle")).expect("the program's counters");
    let words: Vec<u64> = bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
        .collect();
    let names = [
        "allocations",
        "allocated_bytes",
        "deallocations",
        "reallocations",
        "reallocated_bytes",
    ];
    for (index, name) in names.into_iter().enumerate() {
        let counters = words[index..].iter().step_by(names.len());
        let sum = counters.take(THREADS as usize + 1).sum::<u64>();
        assert_eq!(summary[name], sum, "{name}");
    }
}

fn nothing_is_out_of_order(summary: &Value) {
    let quality = &summary["quality"];
    for name in [
        "order_anomalies",
        "reallocations_in_flight",
        "skipped_events",
        "lost_blocks",
    ] {
        assert_eq!(quality[name], 0, "{quality}");
    }
    assert_eq!(quality["exact"], true, "{quality}");
}

/// Rounds of a million events.
fn rounds() -> u64 {
    match std::env::var_os("HEAPLINE_SOAK") {
        Some(_) => 100,
        None => 1,
    }
}

#[test]
fn blocks_that_pass_from_thread_to_thread_are_paired_right() {
    let program = program("handover", Build::Release);
    let threads: &[u64] = if rounds() > 1 {
        &[2, 3, 4, 8, 16]
    } else {
        &[2, 4, 16]
    };
    let mut events = 0;
    for _ in 0..rounds() {
        for &threads in threads {
            let begins = 600_000 / threads / 3;
            let run = record(&program, &[&threads.to_string(), &begins.to_string()]);
            assert!(run.output.status.success(), "{}", run.stderr());
            let pairing = compare(&run.trace(), &pool(&run), threads, begins);
            assert_eq!((pairing.pairs, pairing.unknown), (threads * begins, 0));
            let summary = summary(&run.trace);
            nothing_is_out_of_order(&summary);
            assert_eq!(summary["quality"]["unknown_deallocations"], 0);
            totals_are_the_programs(&run, &summary);
            events += summary["quality"]["events"].as_u64().expect("a number");
            std::fs::remove_dir_all(run.folder).expect("ours");
        }
    }
    assert!(events >= rounds() * 1_000_000, "{events} events");
}

#[test]
fn the_same_when_recording_begins_in_the_middle() {
    let program = program("handover", Build::Release);
    for round in 0..3 * rounds() {
        let (threads, begins) = (2 + round % 3, 50_000);
        let folder = fresh_folder("handover-middle");
        let trace = folder.join("trace.heapline");
        let output = output_of(
            Command::new(&program)
                .args([threads.to_string(), begins.to_string()])
                .arg(&trace)
                .env("HEAPLINE", "off,quiet"),
        );
        let run = Run {
            output,
            trace,
            folder,
        };
        assert!(run.output.status.success(), "{}", run.stderr());
        let pairing = compare(&run.trace(), &pool(&run), threads, begins);
        assert!(pairing.pairs >= threads * (begins / 3), "{pairing:?}");
        let summary = summary(&run.trace);
        nothing_is_out_of_order(&summary);
        // Besides those of the pool the runtime frees a few older blocks.
        let unknown = summary["quality"]["unknown_deallocations"].as_u64();
        let expected = pairing.unknown..pairing.unknown + 64;
        assert!(
            expected.contains(&unknown.expect("a number")),
            "{pairing:?}, {unknown:?}"
        );
        std::fs::remove_dir_all(run.folder).expect("ours");
    }
}
