//! Reading a trace: [`index`] finds its cells, [`raw_records`] reads those of a stream.
//!
//! A trace may be read while its program writes it. The cut that is read is
//! consistent: no event is missing on which an event that is there depends.
//!
//! 1. Take the newest stamp that can be seen anywhere, T. Events up to T were
//!    stamped before this moment. The file is gone through to its end twice: what was
//!    written out while its stage was copied counts, too.
//! 2. Look for stages anew, since a thread may have begun another one while step 1
//!    went through the file, and copy each (word, bytes, word; another sequence
//!    number in the second word says that the bytes went into a block meanwhile).
//! 3. Only then look for blocks: whatever left a stage before step 2 is there.
//! 4. Drop events stamped after T. If an event up to T depends on another one,
//!    that one was written before the first was stamped, hence before step 2.

mod index;
mod raw_records;

use crate::block::BlockHeader;
use crate::pack::{Attachment, Directory, PackedRecords, PackedStream, Packing};
use crate::{EndState, HEADER_BYTES, Header, Record, ScopeTable, Source, StreamId, TraceError};
use index::{Index, assemble, missing_blocks, newest_stamp, scan};
use raw_records::RawRecords;

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
            None => Layout::Raw(RawRecords::new(&self.source, stream, self.cut)),
        })
    }
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
