//! Broken files: cut at every byte, bits flipped, cells lost. The reader gives
//! an error or a valid prefix with the loss stated, and never panics.

use heapline_trace::{FrameAddress, NodeId, PAGE_BYTES, Record, Trace, TraceBuilder, TraceError};

/// Two streams of three blocks and a stage each.
fn sample() -> Vec<u8> {
    let mut builder = TraceBuilder::new();
    builder.scopes("src/main.rs", "app::main", &[1, 2], 3, &[1, 2]);
    for stream in 0..2u64 {
        let writer = builder.stream();
        let mut node = NodeId::COMPLETE;
        for block in 0..3u64 {
            node = writer.node(node, FrameAddress::Return(0x1000 + block));
            for round in 0..20 {
                let stamp = block * 100 + round * 2;
                writer.alloc(stamp, 0x5000 + stream * 4096 + round * 16, round + 1, node);
            }
            writer.flush();
        }
        writer.dealloc(1_000, 0x5000 + stream * 4096);
    }
    builder.finish()
}

/// All records of a file, or the error that opening gave; errors of blocks counted.
fn read(bytes: Vec<u8>) -> Result<(Vec<Vec<Record>>, u64), TraceError> {
    let trace = Trace::open(bytes)?;
    let mut damaged = trace.losses().missing_blocks;
    let mut streams = Vec::new();
    for stream in trace.streams() {
        let mut records = Vec::new();
        for record in trace.records(stream) {
            match record {
                Ok(record) => records.push(record),
                Err(error) => {
                    assert!(error.offset().is_some(), "{error}");
                    damaged += 1;
                }
            }
        }
        streams.push(records);
    }
    Ok((streams, damaged))
}

#[test]
fn the_sample_is_whole() {
    let (streams, damaged) = read(sample()).expect("opens");
    assert_eq!(damaged, 0);
    assert_eq!(streams.iter().map(Vec::len).collect::<Vec<_>>(), [65, 65]);
}

#[test]
fn a_file_cut_anywhere_gives_an_error_or_whole_blocks() {
    let whole = sample();
    let (expected, _) = read(whole.clone()).expect("opens");
    for length in 0..whole.len() {
        let Ok((streams, _)) = read(whole[..length].to_vec()) else {
            assert!(
                length < PAGE_BYTES,
                "only a cut header is refused, not byte {length}"
            );
            continue;
        };
        for (records, all) in streams.iter().zip(&expected) {
            // Every record that comes out is one of the true ones, in order.
            let mut rest = all.iter();
            assert!(
                records
                    .iter()
                    .all(|record| rest.any(|true_one| true_one == record)),
                "cut at {length}"
            );
        }
    }
}

#[test]
fn flipped_bits_are_noticed_or_harmless() {
    let whole = sample();
    let (expected, _) = read(whole.clone()).expect("opens");
    let mut noticed = 0;
    // Blocks lie behind the scope table and the two stages.
    let first_block = PAGE_BYTES * 4;
    for byte in (0..whole.len()).filter(|byte| byte % PAGE_BYTES < 320) {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << bit;
            match read(bytes) {
                Err(_) => noticed += 1,
                Ok((streams, damaged)) if streams != expected => {
                    assert!(
                        byte < first_block || damaged > 0,
                        "byte {byte} bit {bit} went unnoticed"
                    );
                    noticed += 1;
                }
                Ok(_) => {}
            }
        }
    }
    assert!(noticed > 1_000, "{noticed}");
}

#[test]
fn lost_and_doubled_blocks_are_counted() {
    let whole = sample();
    let block = |index: usize| PAGE_BYTES * (4 + index)..PAGE_BYTES * (5 + index);
    let mut lost = whole.clone();
    lost[block(2)].fill(0);
    assert_eq!(read(lost).expect("opens").1, 1);
    let mut doubled = whole.clone();
    let copy = whole[block(1)].to_vec();
    doubled[block(0)].copy_from_slice(&copy);
    let (streams, damaged) = read(doubled).expect("opens");
    assert_eq!(damaged, 1, "the overwritten block is missing");
    assert_eq!(streams[1].len(), 65, "the doubled one counts once");
}

#[test]
fn a_stage_whose_block_is_torn_is_used_instead() {
    // The state between "block written in part" and "stage reset": the stage has
    // sequence 0 and its block is broken.
    let mut builder = TraceBuilder::new();
    builder.stream().alloc(5, 0x5000, 1, NodeId::COMPLETE);
    let staged = builder.finish();
    let mut builder = TraceBuilder::new();
    builder
        .stream()
        .alloc(5, 0x5000, 1, NodeId::COMPLETE)
        .flush();
    let flushed = builder.finish();
    let mut file = staged.clone();
    file.extend_from_slice(&flushed[PAGE_BYTES * 2..]);
    assert_eq!(
        read(file.clone()).expect("opens").0,
        [read(staged).expect("opens").0.remove(0)]
    );
    let last = PAGE_BYTES * 2 + 66;
    file[last] ^= 1;
    let (streams, damaged) = read(file).expect("opens");
    assert_eq!((streams[0].len(), damaged), (2, 0));
}

mod random {
    use super::read;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_behind_a_good_header_are_read_without_panic(
            noise in proptest::collection::vec((0usize..40_000, any::<u8>()), 1..200),
        ) {
            let mut bytes = super::sample();
            let length = bytes.len();
            for (at, value) in noise {
                bytes[4096 + at % (length - 4096)] = value;
            }
            let _ = read(bytes);
        }
    }
}
