//! SIGKILL at random moments: every operation that had returned is in the trace, and
//! the order is right.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use heapline_trace::{Record, Trace};

use crate::support::{Build, fresh_folder, program};

/// Blocks that each thread keeps; as in the program.
const WINDOW: u64 = 16;

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
        let mut child = Command::new(&program)
            .arg(threads.to_string())
            .env("HEAPLINE", format!("quiet,out={}", trace.display()))
            .env("ORACLE", &notes)
            .spawn()
            .expect("starts");
        // Spread over several flushes of the stages.
        std::thread::sleep(Duration::from_micros(3_000 + round * 7_919 % 60_000));
        child.kill().expect("is there");
        assert_eq!(child.wait().expect("was there").signal(), Some(9));
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

/// The thread and round that a block's bytes tell, if it is one of the window's.
fn owner(bytes: u64) -> Option<(u64, u64)> {
    let (thread, round) = ((bytes.checked_sub(1)?) % 64, (bytes - 1) / 64);
    (thread < 8).then_some((thread, round))
}

fn check(bytes: &[u8], notes: &[u64], round: u64) {
    let trace = Trace::open(bytes.to_vec()).expect("a readable trace");
    assert_eq!(trace.losses().missing_blocks, 0);
    for stream in trace.streams() {
        let records: Vec<Record> = trace
            .records(stream)
            .map(|record| record.expect("no damage"))
            .collect();
        // A stream is one worker's: its thread is the one whose blocks come by the thousand.
        let allocated: Vec<(u64, u64)> = records
            .iter()
            .filter_map(|record| match record {
                Record::Alloc { bytes, .. } => Some(*bytes),
                _ => None,
            })
            .filter_map(owner)
            .collect();
        let mut counts: HashMap<u64, u64> = HashMap::new();
        for (thread, _) in &allocated {
            *counts.entry(*thread).or_default() += 1;
        }
        let Some((&thread, _)) = counts.iter().max_by_key(|(_, count)| **count) else {
            continue;
        };
        let done = notes.get(thread as usize).copied().unwrap_or(0);
        if done < 200 {
            continue;
        }
        prefix_is_exact(&records, thread, done, round);
    }
}

/// The worker's allocations are rounds 0, 1, 2, … without a gap, at least as far as it
/// had noted, and the block of each round but the last few was freed.
fn prefix_is_exact(records: &[Record], thread: u64, done: u64, round: u64) {
    let mut next = 0;
    let mut live: HashMap<u64, u64> = HashMap::new();
    for record in records {
        match record {
            Record::Alloc { address, bytes, .. } => {
                assert!(
                    live.insert(*address, *bytes).is_none(),
                    "kill {round}: allocated over a live block"
                );
                // Blocks of the program's start may have such a size too: then they come
                // before round 0 or repeat an expected one only by its exact bytes.
                if *bytes == next % 1_000 * 64 + thread + 1 {
                    next += 1;
                }
            }
            Record::Dealloc { address, .. } => {
                live.remove(address);
            }
            _ => {}
        }
    }
    assert!(
        next >= done,
        "kill {round}: thread {thread} had finished {done} rounds, {next} are in the trace"
    );
    assert!(next <= done + 2, "kill {round}: {next} rounds of {done}");
    assert!(
        (live.len() as u64) < WINDOW + 200,
        "kill {round}: {} blocks are live",
        live.len()
    );
}
