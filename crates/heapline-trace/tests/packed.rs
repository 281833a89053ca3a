//! Packing and reading back: nothing is lost, and no bytes make the reader panic or
//! take much memory.

use heapline_trace::{
    ArrayHandle, ArrayNote, Contents, EndState, FrameAddress, HEADER_BYTES, NodeId, PAGE_BYTES,
    Place, Record, StreamBuilder, TextId, TextKind, Trace, TraceBuilder, TraceError, pack, verify,
};
use proptest::prelude::*;

fn packed(raw: &[u8]) -> Result<Vec<u8>, TraceError> {
    let mut bytes = Vec::new();
    let trace = Trace::open(raw.to_vec())?;
    pack(&trace, Contents::default(), &mut bytes, &mut || Ok(()))?;
    Ok(bytes)
}

/// Packs a trace, compares it record by record, and returns it.
fn round_trip(raw: &[u8]) -> Vec<u8> {
    let bytes = packed(raw).expect("packs");
    let trace = Trace::open(raw.to_vec()).expect("opens");
    let other = Trace::open(bytes.clone()).expect("opens");
    verify(&trace, &other, Contents::default(), &mut || Ok(())).expect("the same");
    let packing = other.packing().expect("packed");
    assert_eq!(packing.raw_bytes, raw.len() as u64);
    assert_eq!(packing.packed_bytes, bytes.len() as u64);
    bytes
}

/// Records of all streams, or the error that opening gave; errors within streams counted.
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

/// One step of a random program.
#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    stream: usize,
    ticks: u64,
    number: u64,
}

fn step() -> impl Strategy<Value = Step> {
    let ticks = prop_oneof![8 => 0u64..70, 1 => 0u64..1 << 40];
    let number = prop_oneof![4 => 0u64..40, 1 => any::<u64>()];
    (0u8..22, 0usize..3, ticks, number).prop_map(|(kind, stream, ticks, number)| Step {
        kind,
        stream,
        ticks,
        number,
    })
}

/// What a stream has so far, so that most of what it does makes sense.
#[derive(Default)]
struct Program {
    nodes: Vec<NodeId>,
    live: Vec<u64>,
    depth: u32,
}

impl Program {
    fn node(&self, number: u64) -> NodeId {
        match self.nodes.len() as u64 {
            // Roots, and now and then a node that no one has defined.
            0 => NodeId(number as u32 % 20),
            _ if number.is_multiple_of(17) => NodeId(number as u32),
            nodes => self.nodes[(number % nodes) as usize],
        }
    }

    fn address(number: u64) -> u64 {
        if number < 40 {
            0x5555_0000_0000 + number * 48
        } else {
            number
        }
    }

    fn block(&mut self, number: u64) -> u64 {
        match self.live.len() as u64 {
            0 => Self::address(number),
            live => self.live.swap_remove((number % live) as usize),
        }
    }

    fn run(&mut self, stream: &mut StreamBuilder, stamp: u64, kind: u8, number: u64) {
        let node = self.node(number);
        match kind {
            0..=4 => {
                let address = Self::address(number);
                self.live.push(address);
                let bytes = number % 3_000;
                if kind == 0 {
                    stream.alloc_zeroed(stamp, address, bytes, node);
                } else {
                    stream.alloc(stamp, address, bytes, node);
                }
            }
            5..=8 => {
                stream.dealloc(stamp, self.block(number));
            }
            9 | 10 => {
                let old = self.block(number);
                let new = if kind == 9 { old } else { old ^ number };
                self.live.push(new);
                stream.realloc((stamp, stamp + number % 9), (old, new), number, node);
            }
            11..=13 => {
                let frame = match kind {
                    11 => FrameAddress::Return(number % 30 * 8),
                    12 => FrameAddress::Exact(number),
                    _ => FrameAddress::Omitted,
                };
                self.nodes.push(stream.node(NodeId(node.0.min(15)), frame));
                let parent = *self.nodes.last().expect("just added");
                self.nodes.push(stream.node(parent, frame));
            }
            14 => {
                stream.flush();
            }
            15 => {
                stream.module((number, number + 9), number, b"id", "/lib/libc.so");
                stream.modules_changed();
            }
            16 => {
                stream.thread(stamp, number as u32, &number.to_le_bytes());
            }
            17 => {
                stream.scope_enter(stamp, self.depth, number as u32, 3);
                self.depth += 1;
            }
            18 => {
                stream.scope_line(stamp, self.depth, number as u32);
            }
            19 => {
                stream.scope_exit(stamp, self.depth);
                self.depth = self.depth.saturating_sub(1);
            }
            20 => {
                let kind = if number.is_multiple_of(2) {
                    TextKind::Name
                } else {
                    TextKind::Place
                };
                stream.text(TextId(number as u32), kind, &number.to_le_bytes());
            }
            _ => {
                stream.array(stamp, &note(number));
            }
        }
    }
}

fn note(number: u64) -> ArrayNote {
    let text = TextId(number as u32);
    let some = (!number.is_multiple_of(3)).then_some(number / 2);
    match number % 6 {
        0 => ArrayNote::Handle(ArrayHandle {
            id: number,
            base: number / 7,
            address: Program::address(number),
            layout: text,
            unique_bytes: some,
            mapped_bytes: some,
            record_bytes: number % 9,
            operation: text,
            place: text,
        }),
        1 => ArrayNote::Tracked {
            address: number,
            layout: text,
            unique_bytes: some,
            name: text,
            place: text,
        },
        2 => ArrayNote::Dropped { id: number },
        3 => ArrayNote::Copied {
            from: number,
            to: number / 2,
            bytes: number,
            fits_narrower: number.is_multiple_of(2),
            operation: text,
            place: text,
        },
        4 => ArrayNote::Counted {
            views: number,
            place: text,
        },
        _ => ArrayNote::Renamed {
            id: number,
            name: text,
        },
    }
}

fn random_trace(steps: &[Step], end: EndState) -> Vec<u8> {
    let mut builder = TraceBuilder::new();
    builder.header.end_state = end;
    builder.header.program = b"/bin/app".to_vec();
    builder.header.skipped_events = 7;
    builder.scopes("src/main.rs", "app::load", &[1, 2], 9, &[5, u64::MAX]);
    let mut programs: [Program; 3] = Default::default();
    for _ in &programs {
        builder.stream();
    }
    let mut stamp = 0;
    for step in steps {
        stamp += step.ticks;
        let stream = builder.stream_at(step.stream);
        programs[step.stream].run(stream, stamp, step.kind, step.number);
    }
    builder.finish()
}

proptest! {
    #[test]
    fn any_trace_survives_the_round_trip(
        steps in proptest::collection::vec(step(), 0..600),
        is_killed in any::<bool>(),
        lost in proptest::option::of(0usize..8),
        flipped in proptest::option::of((0usize..1 << 20, 0u8..8)),
    ) {
        let end = if is_killed { EndState::Running } else { EndState::Exit };
        let mut raw = random_trace(&steps, end);
        // Behind the scope table: a page of a stage or of a block is gone, or a bit is.
        let pages = raw.len() / PAGE_BYTES;
        if let Some(page) = lost.map(|page| 2 + page).filter(|page| *page < pages) {
            raw[page * PAGE_BYTES..(page + 1) * PAGE_BYTES].fill(0);
        }
        if let Some((at, bit)) = flipped {
            let at = 2 * PAGE_BYTES + at % (raw.len() - 2 * PAGE_BYTES);
            raw[at] ^= 1 << bit;
        }
        match packed(&raw) {
            Ok(_) => {
                round_trip(&raw);
            }
            // A flipped bit of a stage, which has no checksum, can make an unknown kind.
            Err(error) => prop_assert!(
                flipped.is_some() && error.to_string().contains("cannot be packed"),
                "{}", error
            ),
        }
    }

    #[test]
    fn noise_with_a_good_checksum_is_read_without_panic(
        noise in proptest::collection::vec(any::<u8>(), 1..4_000),
        records in 1u32..16_385,
    ) {
        let records = records.min(noise.len() as u32 * 8);
        let bytes = forged(&noise, noise.len() as u32, records);
        let (streams, _) = read(bytes).expect("the directory is good");
        prop_assert!(streams[0].len() <= records as usize);
    }
}

/// A packed trace of one stream with one group of these bytes, as the directory says.
fn forged(group: &[u8], stated_bytes: u32, records: u32) -> Vec<u8> {
    let mut page = TraceBuilder::new().finish();
    page.truncate(HEADER_BYTES);
    page[10] = 1;
    let mut directory = vec![0, 0, 0, 0, 0, 0, 1, 0, 0, 200, 1, 1];
    for number in [stated_bytes, records] {
        let mut rest = number;
        while rest >= 0x80 {
            directory.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        directory.push(rest as u8);
    }
    directory.extend_from_slice(&crc32fast::hash(group).to_le_bytes());
    // No attachment.
    directory.extend_from_slice(&[0; 5]);
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&page);
    checksum.update(&directory);
    let length = directory.len() as u32;
    let mut bytes = page;
    bytes.extend_from_slice(group);
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&checksum.finalize().to_le_bytes());
    bytes.extend_from_slice(b"HLpacked");
    bytes
}

#[test]
fn hostile_lengths_are_refused() {
    // A good group first, so that the forgery itself is known to be read.
    assert!(read(forged(&[0; 100], 100, 3)).is_ok());
    for (bytes, records) in [
        (u32::MAX, 3),
        (1 << 24, 3),
        (100, u32::MAX),
        (100, 808),
        (99, 3),
        (101, 3),
    ] {
        let error = read(forged(&[0; 100], bytes, records)).expect_err("refused");
        assert!(error.to_string().contains("not a directory"), "{error}");
    }
    // A directory that is longer than the file.
    let mut long = forged(&[0; 100], 100, 3);
    let at = long.len() - 16;
    long[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = read(long).expect_err("refused");
    assert!(
        error.to_string().contains("longer than the file"),
        "{error}"
    );
}

/// Two streams of several groups each.
fn sample() -> Vec<u8> {
    let mut builder = TraceBuilder::new();
    builder.header.end_state = EndState::Exit;
    builder.scopes("src/main.rs", "app::main", &[1, 2], 3, &[1, 2]);
    for stream in 0..2u64 {
        let writer = builder.stream();
        let node = writer.node(NodeId::COMPLETE, FrameAddress::Return(0x1000));
        for round in 0..10_000 {
            let address = 0x5000 + stream * 4096 + round % 7 * 16;
            writer.alloc(round * 20, address, round % 5, node);
            writer.dealloc(round * 20 + 9, address);
            if round % 1_000 == 0 {
                writer.flush();
            }
        }
    }
    builder.finish()
}

#[test]
fn a_loop_takes_next_to_nothing() {
    let raw = sample();
    let bytes = round_trip(&raw).len() - HEADER_BYTES;
    assert!(bytes < 20_000, "{bytes} bytes for 20,000 pairs");
}

/// The model is part of the format: whoever changes it changes what packed traces say,
/// and must give the packed format another number.
#[test]
fn the_bytes_are_pinned() {
    let program = |kinds: u64| {
        let steps = (0..2_000u64).map(|round| {
            let random = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            Step {
                kind: (random % kinds) as u8,
                stream: (random >> 8) as usize % 3,
                ticks: random >> 16 & 127,
                number: random >> 24 & 31,
            }
        });
        random_trace(&steps.collect::<Vec<_>>(), EndState::Exit)
    };
    let sums = [sample(), program(20), program(22)].map(|raw| crc32fast::hash(&round_trip(&raw)));
    assert_eq!(sums, [2_461_489_724, 2_265_341_054, 2_262_582_640]);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = round_trip(&random_trace(&[], EndState::Exit));
    for length in 0..whole.len() {
        let error = read(whole[..length].to_vec()).expect_err("refused");
        assert!(error.offset().is_some(), "{error}");
    }
}

#[test]
fn flipped_bits_are_noticed() {
    let whole = round_trip(&sample());
    let (expected, _) = read(whole.clone()).expect("opens");
    let header = (0..HEADER_BYTES).step_by(41);
    for byte in header.chain((HEADER_BYTES..whole.len()).step_by(7)) {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        let Ok((streams, damaged)) = read(bytes) else {
            continue;
        };
        assert!(damaged > 0, "byte {byte} went unnoticed");
        for (records, all) in streams.iter().zip(&expected) {
            assert!(all.starts_with(records), "byte {byte}: not a prefix");
        }
    }
}

/// Packed with these contents, compared and opened.
fn packed_with(raw: &[u8], contents: Contents<'_>) -> (Vec<u8>, Trace<Vec<u8>>) {
    let raw = Trace::open(raw.to_vec()).expect("opens");
    let mut bytes = Vec::new();
    pack(&raw, contents, &mut bytes, &mut || Ok(())).expect("packs");
    let packed = Trace::open(bytes.clone()).expect("opens");
    verify(&raw, &packed, contents, &mut || Ok(())).expect("the same");
    (bytes, packed)
}

#[test]
fn an_attachment_is_carried_and_guarded() {
    let contents = Contents {
        attachment: b"symbols",
        ..Contents::default()
    };
    let (bytes, packed) = packed_with(&sample(), contents);
    assert_eq!(
        packed.attachment().expect("whole"),
        Some(b"symbols".to_vec())
    );
    let at = bytes.windows(7).position(|part| part == b"symbols");
    let mut flipped = bytes;
    flipped[at.expect("there") + 3] ^= 1;
    let packed = Trace::open(flipped).expect("opens");
    let error = packed.attachment().expect_err("refused").to_string();
    assert!(error.contains("the checksum of the attachment"), "{error}");
    let (_, without) = packed_with(&sample(), Contents::default());
    assert_eq!(without.attachment().expect("none"), None);
}

#[test]
fn paths_can_be_left_out() {
    let mut builder = TraceBuilder::new();
    builder.header.end_state = EndState::Exit;
    builder.header.program = b"/home/me/bin/app".to_vec();
    builder.header.arguments = b"/home/me/bin/app\0--in=/home/me/data\0".to_vec();
    builder.header.directory = b"/home/me/work".to_vec();
    builder.scopes("/home/me/src/main.rs", "app::main", &[1], 2, &[1]);
    builder.scopes("src/other.rs", "app::other", &[1], 2, &[1]);
    builder
        .stream()
        .module((0, 0x1000), 0, b"id", "/home/me/bin/app")
        .module((0x1000, 0x2000), 0, b"", "[vdso]")
        .text(TextId(0), TextKind::Place, &place("/home/me/src/main.rs"))
        .text(TextId(1), TextKind::Place, &place("src/other.rs"))
        .text(TextId(2), TextKind::Name, b"/weights");
    let contents = Contents {
        without_paths: true,
        ..Contents::default()
    };
    let (bytes, packed) = packed_with(&builder.finish(), contents);
    for word in ["home", "data"] {
        let mut parts = bytes.windows(word.len());
        assert!(!parts.any(|part| part == word.as_bytes()), "{word}");
    }
    assert_eq!(packed.header().command(), ["app"]);
    assert_eq!(packed.header().program, b"app");
    let files = packed.scopes().iter().map(|table| &*table.file);
    assert_eq!(files.collect::<Vec<_>>(), ["main.rs", "src/other.rs"]);
    let records = packed.records(&packed.streams()[0]);
    let paths = records.filter_map(|record| match record.expect("whole") {
        Record::Module { path, .. } => Some(path),
        _ => None,
    });
    assert_eq!(
        paths.collect::<Vec<_>>(),
        [b"app".to_vec(), b"[vdso]".to_vec()]
    );
    let records = packed.records(&packed.streams()[0]);
    let texts = records.filter_map(|record| match record.expect("whole") {
        Record::Text { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(
        texts.collect::<Vec<_>>(),
        [
            place("main.rs"),
            place("src/other.rs"),
            b"/weights".to_vec()
        ]
    );
}

/// The text of line 7 of a file.
fn place(file: &str) -> Vec<u8> {
    let mut text = vec![0; 64];
    let length = Place::write(&mut text, file, 7).expect("fits");
    text.truncate(length);
    text
}

#[test]
fn packing_twice_is_refused() {
    let bytes = round_trip(&sample());
    let error = packed(&bytes).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "it cannot be packed: it is packed already"
    );
}

#[test]
fn a_difference_is_noticed() {
    let raw = sample();
    let mut other = TraceBuilder::new();
    other.header.end_state = EndState::Exit;
    other.stream().alloc(5, 0x5000, 1, NodeId::COMPLETE);
    let other = packed(&other.finish()).expect("packs");
    let [raw, other] = [raw, other].map(|bytes| Trace::open(bytes).expect("opens"));
    assert!(verify(&raw, &other, Contents::default(), &mut || Ok(())).is_err());
}

#[test]
fn whoever_waits_can_end_it() {
    let trace = Trace::open(sample()).expect("opens");
    let stop = &mut || Err(std::io::ErrorKind::Interrupted.into());
    assert!(pack(&trace, Contents::default(), &mut Vec::new(), stop).is_err());
}
