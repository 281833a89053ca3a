//! Reading a trace: the index of its cells, and the records of each stream.
//!
//! A trace may be read while its program writes it. The cut that is read is
//! consistent: no event is missing on which an event that is there depends.
//!
//! 1. Take the newest stamp that can be seen anywhere, T. Events up to T were
//!    stamped before this moment.
//! 2. Look for stages anew, since a thread may have begun another one while step 1
//!    went through the file, and copy each (word, bytes, word; another sequence
//!    number in the second word says that the bytes went into a block meanwhile).
//! 3. Only then look for blocks: whatever left a stage before step 2 is there.
//! 4. Drop events stamped after T. If an event up to T depends on another one,
//!    that one was written before the first was stamped, hence before step 2.

use std::collections::BTreeMap;

use crate::block::{
    BLOCK_HEADER_BYTES, BlockHeader, BlockWord, CellKind, PAGE_BYTES, checksum_holds,
};
use crate::decode::Decoder;
use crate::pack::{Attachment, Directory, PackedRecords, PackedStream, Packing};
use crate::{
    EndState, HEADER_BYTES, Header, Record, ScopeTable, Source, StreamId, TraceError, cell_bytes,
};

/// The longest cell that is read; the recorder's are 64 KiB, scope cells may be longer.
const MAX_CELL_BYTES: usize = 1 << 24;

pub(crate) const CUT_BLOCK: &str = "the file ends inside the block";
pub(crate) const BAD_CHECKSUM: &str = "the checksum does not hold";
pub(crate) const NOT_A_RECORD: &str = "not a record";

/// How many cells there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellCounts {
    /// Blocks with a good checksum or not yet checked.
    pub blocks: u64,
    /// Stages in use.
    pub stages: u64,
    /// Scope tables.
    pub scopes: u64,
}

/// What is known to be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Sequence numbers below a stream's newest that no block has.
    pub missing_blocks: u64,
}

/// An opened trace, raw or packed.
pub struct Trace<S> {
    source: S,
    packing: Option<Packing>,
    attachment: Attachment,
    header: Header,
    streams: Vec<Stream>,
    scopes: Vec<ScopeTable>,
    counts: CellCounts,
    losses: Losses,
    cut: u64,
}

/// Blocks of one recorder slot, oldest first, and a copy of its stage.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its number.
    pub id: StreamId,
    blocks: Vec<Block>,
    stage: Option<Stage>,
    packed: Option<PackedStream>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    offset: u64,
    header: BlockHeader,
}

#[derive(Clone, Debug)]
struct Stage {
    offset: u64,
    header: BlockHeader,
    records: Vec<u8>,
}

impl Stream {
    pub(crate) fn of_packed(id: StreamId, packed: PackedStream) -> Self {
        Stream {
            packed: Some(packed),
            ..Stream::empty(id)
        }
    }

    fn empty(id: StreamId) -> Self {
        Stream {
            id,
            blocks: Vec::new(),
            stage: None,
            packed: None,
        }
    }

    /// Blocks found; of a packed trace those of the raw one.
    #[must_use]
    pub fn blocks(&self) -> usize {
        match &self.packed {
            Some(packed) => usize::try_from(packed.blocks).unwrap_or(usize::MAX),
            None => self.blocks.len(),
        }
    }

    /// Bytes that reading it takes from the file.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        match &self.packed {
            Some(packed) => packed.stored_bytes(),
            None => self.record_bytes(),
        }
    }

    /// Bytes of records, in blocks and stage; of a packed trace those of the raw one.
    #[must_use]
    pub fn record_bytes(&self) -> u64 {
        if let Some(packed) = &self.packed {
            return packed.record_bytes;
        }
        let blocks: u64 = self
            .blocks
            .iter()
            .map(|block| u64::from(block.header.word.used))
            .sum();
        blocks
            + self
                .stage
                .as_ref()
                .map_or(0, |stage| stage.records.len() as u64)
    }
}

impl<S: Source> Trace<S> {
    /// Indexes a trace. Memory is proportional to the number of blocks.
    ///
    /// # Errors
    /// If the source cannot be read or does not begin with a header of this version.
    pub fn open(source: S) -> Result<Self, TraceError> {
        let length = source.length()?;
        let mut page = vec![0; HEADER_BYTES.min(usize::try_from(length).unwrap_or(HEADER_BYTES))];
        let read = source.read_at(0, &mut page)?;
        page.truncate(read);
        let header = Header::decode(&page)?;
        if Header::is_packed(&page) {
            return Self::open_packed(source, header, &page);
        }
        let (cut, index) = if header.end_state == EndState::Running {
            let cut = newest_stamp(&scan(&source)?, &header);
            let staged = scan(&source)?;
            let written = scan(&source)?;
            let stages = staged.stages;
            (cut, Index { stages, ..written })
        } else {
            // A program that is gone writes no more: then every event counts.
            (u64::MAX, scan(&source)?)
        };
        let stage_count = index.stages.len() as u64;
        let streams = assemble(index.stages, index.blocks);
        let losses = Losses {
            missing_blocks: streams.iter().map(missing_blocks).sum(),
        };
        let counts = CellCounts {
            blocks: streams
                .iter()
                .map(|stream| stream.blocks.len() as u64)
                .sum(),
            stages: stage_count,
            scopes: index.scopes.len() as u64,
        };
        Ok(Trace {
            source,
            packing: None,
            attachment: Attachment::default(),
            header,
            streams,
            scopes: index.scopes,
            counts,
            losses,
            cut,
        })
    }

    fn open_packed(source: S, header: Header, page: &[u8]) -> Result<Self, TraceError> {
        let directory = Directory::read(&source, page)?;
        Ok(Trace {
            source,
            packing: Some(directory.packing),
            attachment: directory.attachment,
            header,
            streams: directory.streams,
            scopes: directory.scopes,
            counts: directory.counts,
            losses: directory.losses,
            // What lay behind the cut was not packed.
            cut: u64::MAX,
        })
    }

    /// What packing made of the raw trace, if it is packed.
    #[must_use]
    pub fn packing(&self) -> Option<Packing> {
        self.packing
    }

    /// What was packed along with the records, if anything was.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn attachment(&self) -> Result<Option<Vec<u8>>, TraceError> {
        self.attachment.read(&self.source)
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// The header page.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The streams by ascending number.
    #[must_use]
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Tables of `#[profile]` functions by ascending number.
    #[must_use]
    pub fn scopes(&self) -> &[ScopeTable] {
        &self.scopes
    }

    /// How many cells there are.
    #[must_use]
    pub fn counts(&self) -> CellCounts {
        self.counts
    }

    /// What is known to be missing, before any block was decoded.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// Iterates over a stream's records up to the cut.
    #[must_use]
    pub fn records<'a>(&'a self, stream: &'a Stream) -> Records<'a, S> {
        Records(match &stream.packed {
            Some(packed) => Layout::Packed(PackedRecords::new(&self.source, packed)),
            None => Layout::Raw(RawRecords {
                source: &self.source,
                cut: self.cut,
                stream,
                next_block: 0,
                bytes: Vec::new(),
                at: 0,
                offset: 0,
                decoder: None,
            }),
        })
    }
}

/// Everything found in one pass over the grid.
struct Index {
    blocks: Vec<Block>,
    stages: Vec<Stage>,
    scopes: Vec<ScopeTable>,
}

/// Walks the grid. Cells say how long they are; where a page is no cell the next page is tried.
fn scan<S: Source>(source: &S) -> Result<Index, TraceError> {
    let mut index = Index {
        blocks: Vec::new(),
        stages: Vec::new(),
        scopes: Vec::new(),
    };
    let mut offset = HEADER_BYTES as u64;
    // Twice: what was in a stage at first, and was written out just when the stage was
    // copied, is a block behind what was the file's end.
    for _ in 0..2 {
        let length = source.length()?;
        while offset + BLOCK_HEADER_BYTES as u64 <= length {
            let mut bytes = [0; BLOCK_HEADER_BYTES];
            if source.read_at(offset, &mut bytes)? < BLOCK_HEADER_BYTES {
                break;
            }
            offset += read_cell(source, offset, &bytes, &mut index)?.max(PAGE_BYTES) as u64;
        }
    }
    index.scopes.sort_by_key(|table| table.function);
    index.scopes.dedup_by_key(|table| table.function);
    Ok(index)
}

/// Adds the cell at `offset` to the index; returns its bytes, 0 if there is none.
fn read_cell<S: Source>(
    source: &S,
    offset: u64,
    bytes: &[u8; BLOCK_HEADER_BYTES],
    index: &mut Index,
) -> Result<usize, TraceError> {
    let [a, b, c, d, ..] = *bytes;
    let Some(kind) = CellKind::from_magic([a, b, c, d]) else {
        return Ok(0);
    };
    let header = BlockHeader::decode(bytes);
    let stated = header.cell_bytes as usize;
    let fits = BLOCK_HEADER_BYTES + header.word.used as usize <= stated;
    let plausible = stated.is_multiple_of(PAGE_BYTES) && stated <= MAX_CELL_BYTES && fits;
    match kind {
        CellKind::Scopes => {
            let bytes = scope_bytes(source, offset, bytes)?;
            index.scopes.extend(ScopeTable::decode(&bytes));
            return Ok(cell_bytes(bytes.len()));
        }
        CellKind::Block if plausible => index.blocks.push(Block { offset, header }),
        CellKind::Stage if plausible => {
            index.stages.extend(copy_stage(source, offset));
        }
        CellKind::Retired | CellKind::Block | CellKind::Stage => {}
    }
    Ok(if plausible { stated } else { 0 })
}

fn scope_bytes<S: Source>(source: &S, offset: u64, prefix: &[u8]) -> Result<Vec<u8>, TraceError> {
    let layout = crate::ScopeLayout::of_prefix(prefix);
    let rest = source.length()?.saturating_sub(offset);
    let stated = layout
        .lines
        .saturating_mul(12)
        .saturating_add(BLOCK_HEADER_BYTES + (1 << 17));
    let length = stated
        .min(MAX_CELL_BYTES)
        .min(usize::try_from(rest).unwrap_or(usize::MAX));
    let mut bytes = vec![0; length];
    let read = source.read_at(offset, &mut bytes)?;
    bytes.truncate(read.min(layout.bytes()));
    Ok(bytes)
}

/// A stage's records as they are between two looks at its word; `None` if they
/// were written out as a block in between, or if they hold nothing.
fn copy_stage<S: Source>(source: &S, offset: u64) -> Option<Stage> {
    let mut bytes = [0; BLOCK_HEADER_BYTES];
    if source.read_at(offset, &mut bytes).ok()? < BLOCK_HEADER_BYTES
        || bytes[..4] != CellKind::Stage.magic()
    {
        return None;
    }
    let header = BlockHeader::decode(&bytes);
    let first = header.word;
    let length = BLOCK_HEADER_BYTES.checked_add(first.used as usize)?;
    if length > header.cell_bytes as usize {
        return None;
    }
    let mut copy = vec![0; length];
    let read = source.read_at(offset, &mut copy).ok()?;
    let mut word = [0; 8];
    source
        .read_at(offset + BlockHeader::WORD_OFFSET as u64, &mut word)
        .ok()?;
    let second = BlockWord::from_u64(u64::from_le_bytes(word));
    // Within one sequence number the bytes used only grow; anything else is a word
    // that was read in two halves.
    if second.sequence != first.sequence || second.used < first.used {
        return None;
    }
    let header = BlockHeader {
        word: first,
        ..BlockHeader::decode(copy.first_chunk()?)
    };
    copy.truncate(read);
    copy.drain(..BLOCK_HEADER_BYTES.min(read));
    Some(Stage {
        offset,
        header,
        records: copy,
    })
}

/// The newest stamp that anything in the file had when it was indexed.
fn newest_stamp(index: &Index, header: &Header) -> u64 {
    let blocks = index.blocks.iter().map(|block| block.header.anchor_stamp);
    let stages = index.stages.iter().map(|stage| {
        let mut decoder = Decoder::new(&stage.header);
        let mut at = 0;
        while decoder.record(&stage.records, &mut at).is_some() {}
        decoder.last_stamp()
    });
    blocks.chain(stages).fold(header.start_stamp, u64::max)
}

/// Sorts blocks into streams, and keeps a stage only if no block has its number.
fn assemble(stages: Vec<Stage>, blocks: Vec<Block>) -> Vec<Stream> {
    let mut streams: BTreeMap<StreamId, Stream> = BTreeMap::new();
    for block in blocks {
        let id = block.header.stream;
        streams
            .entry(id)
            .or_insert_with(|| Stream::empty(id))
            .blocks
            .push(block);
    }
    for stage in stages {
        let id = stage.header.stream;
        let stream = streams.entry(id).or_insert_with(|| Stream::empty(id));
        let newer = stream
            .stage
            .as_ref()
            .is_none_or(|old| old.header.word.sequence <= stage.header.word.sequence);
        if newer {
            stream.stage = Some(stage);
        }
    }
    for stream in streams.values_mut() {
        stream
            .blocks
            .sort_by_key(|block| block.header.word.sequence);
        stream
            .blocks
            .dedup_by_key(|block| block.header.word.sequence);
    }
    streams.into_values().collect()
}

/// Sequence numbers below the newest that are missing.
fn missing_blocks(stream: &Stream) -> u64 {
    let staged = stream
        .stage
        .as_ref()
        .map(|stage| u64::from(stage.header.word.sequence));
    let newest = stream
        .blocks
        .last()
        .map(|block| u64::from(block.header.word.sequence) + 1);
    let expected = newest.max(staged).unwrap_or(0);
    expected.saturating_sub(stream.blocks.len() as u64)
}

/// The records of one stream in their order. After an error inside a block it goes on
/// with the next one.
pub struct Records<'a, S>(Layout<'a, S>);

#[allow(clippy::large_enum_variant, reason = "there is one for each stream")]
enum Layout<'a, S> {
    Raw(RawRecords<'a, S>),
    Packed(PackedRecords<'a, S>),
}

impl<S: Source> Iterator for Records<'_, S> {
    type Item = Result<Record, TraceError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Layout::Raw(records) => records.next(),
            Layout::Packed(records) => records.next(),
        }
    }
}

/// Block after block, last the stage.
struct RawRecords<'a, S> {
    source: &'a S,
    cut: u64,
    stream: &'a Stream,
    next_block: usize,
    bytes: Vec<u8>,
    at: usize,
    offset: u64,
    decoder: Option<Decoder>,
}

impl<S: Source> RawRecords<'_, S> {
    /// Loads the next block, or last the stage. `None` at the end of the stream.
    fn load(&mut self) -> Option<Result<(), TraceError>> {
        self.at = 0;
        let Some(block) = self.stream.blocks.get(self.next_block) else {
            return self.load_stage().map(Ok);
        };
        self.next_block += 1;
        Some(match self.load_block(*block) {
            Ok(()) => Ok(()),
            // The stage still holds what a torn block was to become.
            Err(_) if self.stage_has(block.header.word.sequence) => {
                self.decoder = None;
                self.bytes.clear();
                Ok(())
            }
            Err(error) => Err(error),
        })
    }

    fn stage_has(&self, sequence: u32) -> bool {
        self.stream
            .stage
            .as_ref()
            .is_some_and(|stage| stage.header.word.sequence == sequence)
    }

    fn load_block(&mut self, block: Block) -> Result<(), TraceError> {
        self.decoder = None;
        self.offset = block.offset + BLOCK_HEADER_BYTES as u64;
        let length = BLOCK_HEADER_BYTES + block.header.word.used as usize;
        self.bytes.resize(length, 0);
        let read = self.source.read_at(block.offset, &mut self.bytes)?;
        if read < length {
            self.bytes.clear();
            return Err(TraceError::damaged(block.offset + read as u64, CUT_BLOCK));
        }
        let mut header = [0; BLOCK_HEADER_BYTES];
        header.copy_from_slice(&self.bytes[..BLOCK_HEADER_BYTES]);
        self.bytes.drain(..BLOCK_HEADER_BYTES);
        if !checksum_holds(&header, &self.bytes) {
            self.bytes.clear();
            return Err(TraceError::damaged(block.offset, BAD_CHECKSUM));
        }
        self.decoder = Some(Decoder::new(&block.header));
        Ok(())
    }

    fn load_stage(&mut self) -> Option<()> {
        if self.next_block > self.stream.blocks.len() {
            return None;
        }
        self.next_block = self.stream.blocks.len() + 1;
        let stage = self.stream.stage.as_ref()?;
        let written = self.stream.blocks.iter().any(|block| {
            block.header.word.sequence == stage.header.word.sequence && self.block_is_whole(block)
        });
        if written {
            return None;
        }
        self.offset = stage.offset + BLOCK_HEADER_BYTES as u64;
        self.bytes.clear();
        self.bytes.extend_from_slice(&stage.records);
        self.decoder = Some(Decoder::new(&stage.header));
        Some(())
    }

    fn block_is_whole(&self, block: &Block) -> bool {
        let mut header = [0; BLOCK_HEADER_BYTES];
        let mut records = vec![0; block.header.word.used as usize];
        let read = |offset, bytes: &mut [u8]| {
            self.source
                .read_at(offset, bytes)
                .is_ok_and(|read| read == bytes.len())
        };
        read(block.offset, &mut header)
            && read(block.offset + BLOCK_HEADER_BYTES as u64, &mut records)
            && checksum_holds(&header, &records)
    }

    /// What of a record lies before the cut.
    fn within_cut(&self, record: Record) -> Option<Record> {
        match record {
            Record::Realloc {
                start,
                stamp,
                old_address,
                ..
            } if stamp > self.cut => {
                // The old block may have been reused by an event before the cut.
                (start <= self.cut).then_some(Record::Dealloc {
                    stamp: start,
                    address: old_address,
                })
            }
            record if record.stamp().is_some_and(|stamp| stamp > self.cut) => None,
            record => Some(record),
        }
    }
}

impl<S: Source> Iterator for RawRecords<'_, S> {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                let start = self.at;
                match decoder.record(&self.bytes, &mut self.at) {
                    Some(record) => match self.within_cut(record) {
                        Some(record) => return Some(Ok(record)),
                        None => continue,
                    },
                    None if start >= self.bytes.len() => self.decoder = None,
                    None => {
                        self.decoder = None;
                        return Some(Err(TraceError::damaged(
                            self.offset + start as u64,
                            NOT_A_RECORD,
                        )));
                    }
                }
            }
            if let Err(error) = self.load()? {
                return Some(Err(error));
            }
        }
    }
}
