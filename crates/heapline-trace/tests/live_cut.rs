//! A file that changes while it is opened: at whichever read it does, what is seen
//! depends on nothing that is not.

use std::cell::Cell;
use std::io;

use heapline_trace::{
    EndState, HEADER_BYTES, NodeId, PAGE_BYTES, Record, Source, Trace, TraceBuilder,
};

/// One file up to a certain read, another one from then on.
struct Changing<'a> {
    files: [&'a Vec<u8>; 2],
    reads_left: Cell<u32>,
}

impl Changing<'_> {
    fn file(&self) -> &Vec<u8> {
        match self.reads_left.get().checked_sub(1) {
            Some(left) => {
                self.reads_left.set(left);
                self.files[0]
            }
            None => self.files[1],
        }
    }
}

impl Source for Changing<'_> {
    fn length(&self) -> io::Result<u64> {
        self.file().length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file().read_at(offset, buffer)
    }
}

const HANDED_OVER: u64 = 0x9000;

fn builder() -> TraceBuilder {
    let mut builder = TraceBuilder::new();
    builder.header.end_state = EndState::Running;
    builder
}

/// Two threads, a stage each.
fn before() -> Vec<u8> {
    let mut builder = builder();
    builder.stream().alloc(10, 0x5000, 1, NodeId::COMPLETE);
    builder.stream().alloc(20, 0x6000, 1, NodeId::COMPLETE);
    builder.finish()
}

/// The first thread has moved to a larger stage at the file's end and allocated a block
/// there, which the other one has freed.
fn after() -> Vec<u8> {
    let mut builder = builder();
    let first = builder.stream();
    first.alloc(10, 0x5000, 1, NodeId::COMPLETE).flush();
    first.alloc(100, HANDED_OVER, 1, NodeId::COMPLETE);
    let second = builder.stream();
    second.alloc(20, 0x6000, 1, NodeId::COMPLETE);
    second.dealloc(110, HANDED_OVER);
    let built = builder.finish();
    let page = |number: usize| {
        let start = HEADER_BYTES + number * PAGE_BYTES;
        built[start..start + PAGE_BYTES].to_vec()
    };
    let (new_stage, other_stage, block) = (page(0), page(1), page(2));
    let mut retired = before()[HEADER_BYTES..HEADER_BYTES + PAGE_BYTES].to_vec();
    retired[..4].copy_from_slice(b"HLrt");
    let header = built[..HEADER_BYTES].to_vec();
    [header, retired, other_stage, block, new_stage].concat()
}

/// The first thread has written its stage's records out and gone on.
fn written_out() -> Vec<u8> {
    let mut builder = builder();
    let first = builder.stream();
    first.alloc(10, 0x5000, 1, NodeId::COMPLETE);
    first.alloc(50, EARLY, 1, NodeId::COMPLETE).flush();
    first.alloc(200, 0x8000, 1, NodeId::COMPLETE);
    builder.stream().alloc(20, 0x6000, 1, NodeId::COMPLETE);
    builder.finish()
}

/// The same before it was written out.
fn staged() -> Vec<u8> {
    let mut builder = builder();
    let first = builder.stream();
    first.alloc(10, 0x5000, 1, NodeId::COMPLETE);
    first.alloc(50, EARLY, 1, NodeId::COMPLETE);
    builder.stream().alloc(20, 0x6000, 1, NodeId::COMPLETE);
    builder.finish()
}

const EARLY: u64 = 0x7000;

#[test]
fn what_was_there_before_is_seen() {
    let (before, after) = (staged(), written_out());
    for reads_left in 0..100 {
        let source = Changing {
            files: [&before, &after],
            reads_left: Cell::new(reads_left),
        };
        let trace = Trace::open(source).expect("a trace");
        let streams = trace.streams().iter();
        let is_early = |record: &Record| matches!(record, Record::Alloc { address: EARLY, .. });
        let mut records = streams.flat_map(|stream| trace.records(stream));
        let is_seen = records.any(|record| is_early(&record.expect("no damage")));
        assert!(is_seen, "it changed after {reads_left} reads");
    }
}

/// Whether the block that was handed over was allocated, and whether it was freed.
fn seen(source: impl Source) -> (bool, bool) {
    let trace = Trace::open(source).expect("a trace");
    let records: Vec<Record> = trace
        .streams()
        .iter()
        .flat_map(|stream| trace.records(stream))
        .map(|record| record.expect("no damage"))
        .collect();
    let has = |wanted: fn(&Record) -> bool| records.iter().any(wanted);
    (
        has(|record| {
            matches!(
                record,
                Record::Alloc {
                    address: HANDED_OVER,
                    ..
                }
            )
        }),
        has(|record| {
            matches!(
                record,
                Record::Dealloc {
                    address: HANDED_OVER,
                    ..
                }
            )
        }),
    )
}

#[test]
fn a_thread_that_changes_its_stage_meanwhile_loses_nothing_that_others_build_upon() {
    let (before, after) = (before(), after());
    let mut outcomes = Vec::new();
    for reads_left in 0..100 {
        let (allocated, freed) = seen(Changing {
            files: [&before, &after],
            reads_left: Cell::new(reads_left),
        });
        assert!(allocated || !freed, "it changed after {reads_left} reads");
        outcomes.push((allocated, freed));
    }
    assert_eq!(outcomes.first(), Some(&(true, true)));
    assert_eq!(outcomes.last(), Some(&(false, false)));
}
