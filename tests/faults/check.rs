//! A trace against the log of the program that it is of: each worker's operations are
//! there one by one, as far as it had come.

use heapline_test_programs::work::{Operation, marker_bytes, operations};
use heapline_trace::{Record, Stream, Trace};
use serde_json::Value;

use crate::run::{Ended, Log};

/// What is to be found of each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// All that had returned, and no more than was begun.
    AllThatReturned,
    /// A beginning: recording stopped before the program did.
    Beginning,
}

/// Checks every worker; returns how many operations were found of each.
#[track_caller]
pub(crate) fn workers(trace: &Trace<Vec<u8>>, log: &Log, expected: Expected) -> Vec<u64> {
    assert_eq!(trace.losses().missing_blocks, 0);
    let mut found = vec![None; log.workers.len()];
    for stream in trace.streams() {
        let records = trace.records(stream);
        let records: Vec<Record> = records.map(|record| record.expect("no damage")).collect();
        check_stamps(&records, stream);
        for (worker, records) in owners(&records) {
            let (begun, _) = log.workers[worker as usize];
            let operations = follow(worker, records, begun);
            assert_eq!(found[worker as usize].replace(operations), None);
        }
    }
    let found: Vec<u64> = found.into_iter().map(Option::unwrap_or_default).collect();
    for (worker, (&found, &(begun, done))) in found.iter().zip(&log.workers).enumerate() {
        let least = match expected {
            Expected::AllThatReturned => done,
            Expected::Beginning => 0,
        };
        assert!(
            (least..=begun).contains(&found),
            "worker {worker}: {found} operations in the trace, {done} had returned, {begun} were begun"
        );
    }
    found
}

/// Allocations, reallocations and deallocations.
pub(crate) fn events(trace: &Trace<Vec<u8>>) -> u64 {
    let records = trace
        .streams()
        .iter()
        .flat_map(|stream| trace.records(stream));
    let records = records.map(|record| record.expect("no damage"));
    records.filter(is_event).count() as u64
}

fn is_event(record: &Record) -> bool {
    matches!(
        record,
        Record::Alloc { .. } | Record::Dealloc { .. } | Record::Realloc { .. }
    )
}

/// Time does not go back in a stream.
fn check_stamps(records: &[Record], stream: &Stream) {
    let mut newest = 0;
    for record in records {
        let first = match record {
            Record::Realloc { start, .. } => Some(*start),
            record => record.stamp(),
        };
        assert!(first.is_none_or(|stamp| stamp >= newest), "{:?}", stream.id);
        newest = record.stamp().unwrap_or(newest);
    }
}

/// The workers that a stream belonged to, one after the other, with their records.
fn owners(records: &[Record]) -> Vec<(u64, &[Record])> {
    let mut owners = Vec::new();
    let is_owner = |record: &Record| matches!(record, Record::Thread { .. });
    for part in records.chunk_by(|_, next| !is_owner(next)) {
        let Some(Record::Thread { name, .. }) = part.first() else {
            continue;
        };
        let number = name.strip_prefix(b"worker-");
        let number = number.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        owners.extend(number.map(|worker| (worker, part)));
    }
    owners
}

/// How many operations of a worker are there, each where and how large it must be.
fn follow(worker: u64, records: &[Record], begun: u64) -> u64 {
    let is_marker = |record: &Record| matches!(record, Record::Alloc { bytes, .. } if *bytes == marker_bytes(worker));
    let Some(marker) = records.iter().position(is_marker) else {
        return 0;
    };
    let mut live = std::collections::HashMap::new();
    let events = records[marker + 1..].iter();
    let mut events = events.filter(|record| is_event(record));
    let mut found = 0;
    for operation in operations(worker).take(begun as usize) {
        let Some(event) = events.next() else {
            return found;
        };
        match (operation, event) {
            (
                Operation::Allocate { round, bytes },
                Record::Alloc {
                    bytes: asked,
                    address,
                    ..
                },
            ) if bytes == *asked => {
                live.insert(round, *address);
            }
            (
                Operation::Reallocate { round, bytes },
                Record::Realloc {
                    bytes: asked,
                    old_address,
                    address,
                    ..
                },
            ) if bytes == *asked && live[&round] == *old_address => {
                live.insert(round, *address);
            }
            (Operation::Free { round }, Record::Dealloc { address, .. })
                if live.remove(&round) == Some(*address) => {}
            _ => panic!("worker {worker}, operation {found}: {operation:?} is {event:?}"),
        }
        found += 1;
    }
    found
}

/// A trace that was complete at the instant when its program ended: its events are the
/// workers', in the right order over all threads, and the quality line says so.
#[track_caller]
pub(crate) fn complete(run: &Ended, end: &str) -> Value {
    let log = run.log();
    let found = workers(&run.trace(), &log, Expected::AllThatReturned);
    let summary = run.summary();
    let quality = &summary["quality"];
    assert_eq!(quality["end"], end, "{quality}");
    assert_eq!(quality["exact"], true, "{quality}");
    assert_eq!(quality["cut_stacks"], 0, "{quality}");
    nothing_is_wrong(quality, &found);
    summary
}

/// No disorder, no loss that is not the recording's early end.
#[track_caller]
pub(crate) fn nothing_is_wrong(quality: &Value, found: &[u64]) {
    for name in [
        "order_anomalies",
        "lost_blocks",
        "lost_stacks",
        "skipped_events",
        "unknown_deallocations",
    ] {
        assert_eq!(quality[name], 0, "{name}: {quality}");
    }
    let busy = found.iter().filter(|found| **found > 0).count() as u64;
    let in_flight = quality["reallocations_in_flight"].as_u64();
    assert!(in_flight.is_some_and(|number| number <= busy), "{quality}");
    let events = quality["events"].as_u64().expect("a number");
    assert!(events >= found.iter().sum(), "{quality}");
}
