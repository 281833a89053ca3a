//! T09: a reader beside a live writer. Every snapshot is a consistent cut.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use heapline_trace::{EndState, Record, Source, Trace};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::processes::{Watched, wait_until};
use crate::support::{Build, fresh_folder, heapline, program};

/// A file that grows while it is read.
struct Growing(File);

impl Source for Growing {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], offset + done as u64)? {
                0 => break,
                read => done += read,
            }
        }
        Ok(done)
    }
}

/// What one thread did, by its own notes or by a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Done {
    allocated: u64,
    grown: u64,
    freed: u64,
}

/// The program's rule for a thread's blocks.
#[derive(Clone, Copy)]
struct Rule {
    thread: usize,
}

impl Rule {
    fn bytes(self, number: u64) -> u64 {
        512 * (self.thread as u64 + 1) + 1 + 2 * (number % 256)
    }

    fn grown(self, number: u64) -> u64 {
        self.bytes(number) + 1024
    }

    fn is_grown(number: u64) -> bool {
        number % 7 == 3
    }

    /// Whether a block of so many bytes is one of the thread's as it makes them.
    fn makes(self, bytes: u64) -> bool {
        bytes % 2 == 1 && (bytes / 512) == self.thread as u64 + 1
    }
}

/// From the begin of a block to its end or its move, at one address.
#[derive(Clone, Copy, Debug)]
struct Stay {
    begin: u64,
    end: Option<u64>,
    /// Which block of which thread.
    owner: (usize, u64),
}

/// One stream of a snapshot.
#[derive(Default)]
struct Lane {
    /// The thread whose blocks come in it.
    thread: Option<usize>,
    done: Done,
    /// Addresses at which blocks were handed over.
    addresses: Vec<u64>,
    /// Stays at addresses that were left by moving, and those that go on.
    stays: Vec<(u64, Stay)>,
    /// Addresses and stamps of frees.
    frees: Vec<(u64, u64)>,
    /// Addresses of blocks that are not the rule's.
    others: Vec<u64>,
    newest_stamp: u64,
}

impl Lane {
    fn of(records: impl Iterator<Item = Record>) -> Self {
        let mut lane = Lane::default();
        for record in records {
            let stamp = match record {
                Record::Realloc { start, .. } => Some(start),
                ref record => record.stamp(),
            };
            if let Some(stamp) = stamp {
                assert!(stamp >= lane.newest_stamp, "time goes back in a stream");
            }
            lane.add(&record);
            lane.newest_stamp = record.stamp().unwrap_or(lane.newest_stamp);
        }
        lane
    }

    fn add(&mut self, record: &Record) {
        match *record {
            Record::Alloc {
                stamp,
                address,
                bytes,
                ..
            } => match [0, 1]
                .into_iter()
                .find(|&thread| Rule { thread }.makes(bytes))
            {
                Some(thread) => self.begin(thread, stamp, address, bytes),
                None => self.others.push(address),
            },
            Record::Realloc {
                start,
                stamp,
                old_address,
                address,
                bytes,
                ..
            } => self.move_newest((start, stamp), (old_address, address), bytes),
            Record::Dealloc { stamp, address } => self.frees.push((address, stamp)),
            _ => {}
        }
    }

    /// Blocks come in the order of their numbers, and each is grown that must be.
    fn begin(&mut self, thread: usize, begin: u64, address: u64, bytes: u64) {
        assert_eq!(*self.thread.get_or_insert(thread), thread);
        let number = self.done.allocated;
        assert_eq!(bytes, Rule { thread }.bytes(number), "block {number}");
        assert!(number == 0 || !Rule::is_grown(number - 1) || self.newest_is_grown());
        self.done.allocated += 1;
        self.addresses.push(address);
        let stay = Stay {
            begin,
            end: None,
            owner: (thread, number),
        };
        self.stays.push((address, stay));
    }

    fn newest_is_grown(&self) -> bool {
        self.done.grown == (self.done.allocated + 3) / 7
    }

    fn move_newest(&mut self, stamps: (u64, u64), addresses: (u64, u64), bytes: u64) {
        let Some((thread, number)) = self.stays.last().map(|(_, stay)| stay.owner) else {
            return self.others.push(addresses.1);
        };
        if bytes != (Rule { thread }).grown(number) {
            return self.others.push(addresses.1);
        }
        assert!(Rule::is_grown(number));
        let newest = self.stays.last_mut().expect("looked at above");
        assert_eq!(newest.0, addresses.0, "block {number} was elsewhere");
        newest.1.end = Some(stamps.0);
        self.done.grown += 1;
        assert!(self.newest_is_grown());
        *self.addresses.last_mut().expect("as long") = addresses.1;
        let stay = Stay {
            begin: stamps.1,
            end: None,
            owner: (thread, number),
        };
        self.stays.push((addresses.1, stay));
    }
}

/// Checks a snapshot against the rule alone; returns what each thread has done in it,
/// and how many reallocations it caught in the middle.
fn check<S: Source>(trace: &Trace<S>) -> ([Done; 2], u64) {
    assert_eq!(trace.losses().missing_blocks, 0);
    let mut lanes: Vec<Lane> = trace
        .streams()
        .iter()
        .map(|stream| {
            Lane::of(
                trace
                    .records(stream)
                    .map(|record| record.expect("no damage")),
            )
        })
        .collect();
    let others: Vec<u64> = lanes.iter().flat_map(|lane| lane.others.clone()).collect();
    let mut done = [Done::default(); 2];
    let place = |lanes: &[Lane], thread| lanes.iter().position(|lane| lane.thread == Some(thread));
    for thread in [0, 1] {
        let Some(own) = place(&lanes, thread) else {
            continue;
        };
        let other = place(&lanes, 1 - thread);
        end_what_was_freed(&mut lanes, own, other, &others);
        done[thread] = lanes[own].done;
    }
    (done, nothing_overlaps(&lanes))
}

/// The thread's frees are those of the other thread's blocks, in order, without a gap
/// and none too many, and besides of blocks that are nobody's.
fn end_what_was_freed(lanes: &mut [Lane], own: usize, other: Option<usize>, others: &[u64]) {
    for (address, stamp) in std::mem::take(&mut lanes[own].frees) {
        let number = lanes[own].done.freed;
        let expected = other.and_then(|other| lanes[other].addresses.get(number as usize));
        if expected == Some(&address) {
            let other = &mut lanes[other.expect("it has blocks")];
            let stays = other.stays.iter_mut().rev();
            let mut stays = stays.filter(|(_, stay)| stay.owner.1 == number);
            let stay = stays.next().expect("every block has one");
            assert_eq!((stay.0, stay.1.end), (address, None));
            stay.1.end = Some(stamp);
            lanes[own].done.freed += 1;
            continue;
        }
        // The cut went through a reallocation: its first half is an end.
        let (newest, stay) = lanes[own].stays.last_mut().expect("it made blocks");
        let number = stay.owner.1;
        if *newest == address && stay.end.is_none() && Rule::is_grown(number) {
            stay.end = Some(stamp);
            lanes[own].addresses.pop();
            continue;
        }
        assert!(
            others.contains(&address),
            "{address:#x} is freed, but never allocated; {number} were freed before"
        );
    }
}

/// At each address one block follows the other. A block without an end is the newest
/// there, or being reallocated; returns how many are.
fn nothing_overlaps(lanes: &[Lane]) -> u64 {
    let mut places: HashMap<u64, Vec<Stay>> = HashMap::new();
    for (address, stay) in lanes.iter().flat_map(|lane| &lane.stays) {
        places.entry(*address).or_default().push(*stay);
    }
    let mut in_flight = 0;
    for (address, mut stays) in places {
        stays.sort_by_key(|stay| stay.begin);
        for pair in stays.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            match before.end {
                Some(end) => assert!(
                    before.begin <= end && end <= after.begin,
                    "{address:#x}: {before:?} overlaps {after:?}"
                ),
                None => {
                    is_being_reallocated(lanes, before, after);
                    in_flight += 1;
                }
            }
        }
    }
    assert!(in_flight <= 2, "{in_flight} reallocations in flight");
    in_flight
}

/// The block is its thread's newest, one to be grown, and the thread has done nothing
/// since the address had a new block.
fn is_being_reallocated(lanes: &[Lane], before: Stay, after: Stay) {
    let (thread, number) = before.owner;
    let lane = lanes.iter().find(|lane| lane.thread == Some(thread));
    let lane = lane.expect("it has blocks");
    assert!(
        Rule::is_grown(number)
            && number + 1 == lane.done.allocated
            && lane.newest_stamp <= after.begin,
        "allocated over a live block: {before:?} {after:?}"
    );
}

/// The program while it runs.
struct Writer {
    process: Watched,
    trace: PathBuf,
    notes: PathBuf,
    folder: PathBuf,
}

impl Writer {
    fn start(program: &Path, blocks: u64, rest_us: u64) -> Self {
        let folder = fresh_folder("writer");
        let trace = folder.join("trace.heapline");
        let notes = folder.join("notes");
        let process = Watched::start(
            Command::new(program)
                .args([blocks.to_string(), rest_us.to_string()])
                .env("HEAPLINE", format!("quiet,out={}", trace.display()))
                .env("ORACLE", &notes),
        );
        Writer {
            process,
            trace,
            notes,
            folder,
        }
    }

    /// What each thread has noted so far.
    fn notes(&self) -> [Done; 2] {
        let bytes = std::fs::read(&self.notes).unwrap_or_default();
        let mut words = bytes
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
        [(); 2].map(|()| {
            let mut next = || words.next().unwrap_or(0);
            Done {
                allocated: next(),
                grown: next(),
                freed: next(),
            }
        })
    }

    fn wait_until_busy(&self) {
        wait_until(|| self.notes().iter().all(|done| done.freed >= 100));
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process.child);
        kill_process(pid, signal).expect("it is there");
    }

    fn is_running(&mut self) -> bool {
        self.process.child.try_wait().expect("ours").is_none()
    }

    fn finish(self) {
        let status = self.process.wait();
        assert!(status.success(), "{status}");
        std::fs::remove_dir_all(&self.folder).expect("ours");
    }
}

/// What had returned before the snapshot is in it; what began after it is not.
fn between(before: [Done; 2], found: [Done; 2], after: [Done; 2]) {
    for thread in [0, 1] {
        let parts = |done: [Done; 2]| {
            let done = done[thread];
            [done.allocated, done.grown, done.freed]
        };
        for ((before, found), after) in parts(before)
            .into_iter()
            .zip(parts(found))
            .zip(parts(after))
        {
            assert!(
                before <= found && found <= after + 1,
                "thread {thread}: {before} noted before, {found} in the snapshot, {after} noted after"
            );
        }
    }
}

/// What the snapshots of a test were.
#[derive(Debug, Default)]
struct Figures {
    snapshots: u64,
    writers: u64,
    /// Those that showed something of both threads' work.
    busy: u64,
    events: u64,
    in_flight: u64,
}

impl Figures {
    /// Takes snapshots until the program ends; each must hold all of the one before.
    fn watch(&mut self, mut writer: Writer, blocks: u64) {
        let mut last = [Done::default(); 2];
        self.writers += 1;
        while writer.is_running() {
            let before = writer.notes();
            let Ok(file) = File::open(&writer.trace) else {
                continue;
            };
            // The header's magic comes last: until then this is no trace.
            let Ok(trace) = Trace::open(Growing(file)) else {
                assert_eq!(before, last, "a trace that was there cannot be opened");
                continue;
            };
            let after = writer.notes();
            let (found, in_flight) = check(&trace);
            between(before, found, after);
            between(last, found, found);
            last = found;
            self.snapshots += 1;
            self.in_flight += in_flight;
            self.busy += u64::from(found.iter().all(|done| done.freed > 0));
            self.events += found
                .iter()
                .map(|done| done.allocated + done.grown + done.freed)
                .sum::<u64>();
        }
        let trace = Trace::open(std::fs::read(&writer.trace).expect("a trace")).expect("a trace");
        assert_eq!(trace.header().end_state, EndState::Exit);
        let all = Done {
            allocated: blocks,
            grown: (blocks + 3) / 7,
            freed: blocks,
        };
        assert_eq!(check(&trace), ([all; 2], 0));
        writer.finish();
    }
}

#[test]
fn every_snapshot_is_a_consistent_cut() {
    let wanted = match std::env::var_os("HEAPLINE_SOAK") {
        Some(_) => 100_000,
        None => 500,
    };
    let program = program("writer", Build::Release);
    let mut figures = Figures::default();
    while figures.busy < wanted {
        // A long trace, and young ones, whose stages grow and whose threads are new.
        figures.watch(Writer::start(&program, 20_000, 300), 20_000);
        for _ in 0..10 {
            figures.watch(Writer::start(&program, 20_000, 0), 20_000);
        }
    }
}

#[test]
fn a_stopped_program_has_everything_in_its_file_and_goes_on() {
    let program = program("writer", Build::Release);
    let blocks = 60_000;
    let writer = Writer::start(&program, blocks, 200);
    writer.wait_until_busy();
    for _ in 0..20 {
        writer.signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(2));
        let copy = std::fs::read(&writer.trace).expect("a trace");
        let noted = writer.notes();
        let (found, _) = check(&Trace::open(copy).expect("a readable copy"));
        writer.signal(Signal::CONT);
        between(noted, found, noted);
        std::thread::sleep(Duration::from_millis(3));
    }
    Figures::default().watch(writer, blocks);
}

#[test]
fn a_summary_of_a_running_program() {
    let program = program("writer", Build::Release);
    let blocks = 40_000;
    let mut writer = Writer::start(&program, blocks, 1_000);
    writer.wait_until_busy();
    let before = writer.notes();
    let trace = writer.trace.to_str().expect("a plain path");
    let output = heapline(&["summary", "--format", "json", trace]);
    let after = writer.notes();
    assert!(writer.is_running(), "the program must outlive the summary");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let quality = &summary["quality"];
    assert_eq!(quality["end"], "running");
    assert_eq!(quality["exact"], true, "{quality}");
    for name in [
        "order_anomalies",
        "unknown_deallocations",
        "lost_blocks",
        "skipped_events",
    ] {
        assert_eq!(quality[name], 0, "{quality}");
    }
    let sum = |notes: [Done; 2], part: fn(Done) -> u64| notes.into_iter().map(part).sum::<u64>();
    // The runtime allocates a little besides.
    for (name, part) in [
        ("allocations", (|done| done.allocated) as fn(Done) -> u64),
        ("reallocations", |done| done.grown),
        ("deallocations", |done| done.freed),
    ] {
        let found = summary[name].as_u64().expect("a number");
        assert!(
            (sum(before, part)..sum(after, part) + 100).contains(&found),
            "{name}: {found}"
        );
    }
    writer.process.kill();
}
