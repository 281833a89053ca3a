//! T01 above the system's allocator, with blocks of all kinds of bytes: SIGKILL at random
//! moments, and every operation that had returned is in the trace, in its order. The fault
//! suite's `endings` has it above a pool, with reallocations.

use std::collections::HashSet;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use heapline_trace::{Record, Trace};

use crate::processes::Watched;
use crate::support::{Build, fresh_folder, program};

/// Blocks that each thread keeps; as in the program.
const WINDOW: usize = 16;

/// Bytes of a thread's first block, less its number; as in the program.
const FIRST: u64 = 1 << 20;

fn soak() -> bool {
    std::env::var_os("HEAPLINE_SOAK").is_some()
}

#[test]
fn nothing_that_returned_is_lost() {
    let program = program("killed", Build::Release);
    let rounds = if soak() { 200 } else { 12 };
    for round in 0..rounds {
        let threads = [1, 2, 8][round as usize % 3];
        let folder = fresh_folder("killed");
        let trace = folder.join("trace.heapline");
        let notes = folder.join("notes");
        let process = Watched::start(
            Command::new(&program)
                .arg(threads.to_string())
                .env("HEAPLINE", format!("quiet,out={}", trace.display()))
                .env("ORACLE", &notes),
        );
        // Spread over several flushes of the stages.
        std::thread::sleep(Duration::from_micros(3_000 + round * 7_919 % 60_000));
        assert_eq!(process.kill().signal(), Some(9));
        if notes.exists() {
            check(
                &std::fs::read(&trace).expect("a trace"),
                &read_notes(&notes),
                round,
            );
        }
        std::fs::remove_dir_all(folder).expect("ours");
    }
}

fn read_notes(path: &std::path::Path) -> Vec<u64> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .expect("readable");
    bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
        .collect()
}

fn check(bytes: &[u8], notes: &[u64], round: u64) {
    let trace = Trace::open(bytes.to_vec()).expect("a readable trace");
    assert_eq!(trace.losses().missing_blocks, 0);
    let mut found = HashSet::new();
    for stream in trace.streams() {
        let records: Vec<Record> = trace
            .records(stream)
            .map(|record| record.expect("no damage"))
            .collect();
        if let Some((thread, records)) = worker(&records) {
            assert!(found.insert(thread), "kill {round}: thread {thread} twice");
            prefix_is_exact(records, thread, notes[thread as usize], round);
        }
    }
    for (thread, &done) in notes.iter().enumerate() {
        assert!(
            done == 0 || found.contains(&(thread as u64)),
            "kill {round}: thread {thread} had finished {done} rounds, its stream is not there"
        );
    }
}

/// The worker whose stream this is, and what it recorded after its first block; none if
/// it had not begun.
fn worker(records: &[Record]) -> Option<(u64, &[Record])> {
    records.iter().enumerate().find_map(|(index, record)| {
        let Record::Alloc { bytes, .. } = record else {
            return None;
        };
        let thread = bytes.checked_sub(FIRST).filter(|&thread| thread < 8)?;
        Some((thread, &records[index + 1..]))
    })
}

/// The worker's allocations are rounds 0, 1, 2, … and nothing else, at least as far as
/// it had noted, and the block of each round but the last few was freed.
fn prefix_is_exact(records: &[Record], thread: u64, done: u64, round: u64) {
    let mut rounds = 0;
    let mut live = HashSet::new();
    for record in records {
        match record {
            Record::Alloc { address, bytes, .. } => {
                assert_eq!(
                    *bytes,
                    rounds % 1_000 * 64 + thread + 1,
                    "kill {round}: thread {thread}, round {rounds}"
                );
                rounds += 1;
                assert!(
                    live.insert(*address),
                    "kill {round}: allocated over a live block"
                );
                assert!(
                    live.len() <= WINDOW + 1,
                    "kill {round}: {} blocks are live",
                    live.len()
                );
            }
            Record::Dealloc { address, .. } => {
                live.remove(address);
            }
            _ => {}
        }
    }
    assert!(
        rounds >= done,
        "kill {round}: thread {thread} had finished {done} rounds, {rounds} are in the trace"
    );
    assert!(
        rounds <= done + 2,
        "kill {round}: {rounds} rounds of {done}"
    );
}
