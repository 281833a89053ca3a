//! The end of a packed trace: where the groups of each stream are, and everything of the
//! raw trace that is no record.

use super::{GROUP_RECORDS, MAX_GROUP_BYTES, MAX_STREAMS, least_bytes};
use crate::block::{is_unchecked, u32_at};
use crate::reader::Stream;
use crate::varint::Input;
use crate::{
    CellCounts, HEADER_BYTES, Losses, ScopeLayout, ScopeTable, Source, StreamId, TraceError,
};

const MAGIC: &[u8; 8] = b"HLpacked";
const TRAILER_BYTES: usize = 16;

/// What packing made of a raw trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Bytes of the raw trace.
    pub raw_bytes: u64,
    /// Bytes of the packed one.
    pub packed_bytes: u64,
    /// Groups of records.
    pub groups: u64,
    /// Bytes carried along.
    pub attachment_bytes: u64,
}

/// Where one stream's groups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackedStream {
    /// Blocks of the raw trace.
    pub(crate) blocks: u64,
    /// Bytes of records of the raw trace.
    pub(crate) record_bytes: u64,
    /// Streams of the trace, which share memory.
    pub(super) streams: usize,
    /// Byte offset of the first group; the others follow.
    pub(super) offset: u64,
    pub(super) groups: Vec<Group>,
}

impl PackedStream {
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.bytes)).sum()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) bytes: u32,
    pub(super) records: u32,
    pub(super) checksum: u32,
}

/// What a packed trace says about itself.
pub(crate) struct Directory {
    pub(crate) packing: Packing,
    pub(crate) streams: Vec<Stream>,
    pub(crate) scopes: Vec<ScopeTable>,
    pub(crate) counts: CellCounts,
    pub(crate) losses: Losses,
    pub(crate) attachment: Attachment,
}

/// Where the bytes of whoever packed the trace are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachment {
    offset: u64,
    bytes: u32,
    checksum: u32,
}

impl Attachment {
    /// The bytes; none if there are none.
    pub(crate) fn read<S: Source>(self, source: &S) -> Result<Option<Vec<u8>>, TraceError> {
        if self.bytes == 0 {
            return Ok(None);
        }
        // The directory was checked: they lie inside the file.
        let mut bytes = vec![0; self.bytes as usize];
        let read = source.read_at(self.offset, &mut bytes)?;
        let is_whole = is_unchecked() || crc32fast::hash(&bytes) == self.checksum;
        if read < bytes.len() || !is_whole {
            let what = "the checksum of the attachment does not hold";
            return Err(TraceError::packed(self.offset, what));
        }
        Ok(Some(bytes))
    }
}

/// The directory's bytes while they are written.
pub(super) struct Entries {
    bytes: Vec<u8>,
}

impl Entries {
    pub(super) fn new(
        raw_bytes: u64,
        counts: CellCounts,
        losses: Losses,
        scopes: &[ScopeTable],
        streams: usize,
    ) -> Self {
        let mut entries = Entries { bytes: Vec::new() };
        for number in [
            raw_bytes,
            counts.blocks,
            counts.stages,
            counts.scopes,
            losses.missing_blocks,
            scopes.len() as u64,
        ] {
            entries.number(number);
        }
        for table in scopes {
            entries.scope_table(table);
        }
        entries.number(streams as u64);
        entries
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// The table as its cell in the raw trace.
    fn scope_table(&mut self, table: &ScopeTable) {
        let layout = ScopeLayout::new(table.lines.len(), &table.file, &table.name);
        let mut cell = vec![0; layout.bytes()];
        layout.write(
            &mut cell,
            table.function,
            &table.lines,
            table.last_line,
            &table.file,
            &table.name,
        );
        let counters = cell[ScopeLayout::counters_offset()..].chunks_exact_mut(8);
        for (counter, count) in counters.zip(&table.executions) {
            counter.copy_from_slice(&count.to_le_bytes());
        }
        self.number(cell.len() as u64);
        self.bytes.extend_from_slice(&cell);
    }

    pub(super) fn stream(&mut self, stream: &Stream, groups: &[Group]) {
        self.number(u64::from(stream.id.0));
        self.number(stream.blocks() as u64);
        self.number(stream.record_bytes());
        self.number(groups.len() as u64);
        for group in groups {
            self.number(u64::from(group.bytes));
            self.number(u64::from(group.records));
            self.bytes.extend_from_slice(&group.checksum.to_le_bytes());
        }
    }

    /// What stands between the groups and the directory.
    pub(super) fn attachment(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let checksum = crc32fast::hash(bytes);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
    }

    /// The directory and what comes behind it.
    pub(super) fn finish(mut self, page: &[u8; HEADER_BYTES]) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        let checksum = checksum(page, &self.bytes);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        self.bytes.extend_from_slice(MAGIC);
        self.bytes
    }
}

fn checksum(page: &[u8], directory: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(page);
    hasher.update(directory);
    hasher.finalize()
}

impl Directory {
    /// Reads and checks the directory of a file whose first page is given.
    pub(crate) fn read<S: Source>(source: &S, page: &[u8]) -> Result<Self, TraceError> {
        let length = source.length()?;
        let trailer_at = length.saturating_sub(TRAILER_BYTES as u64);
        let cut = || TraceError::packed(length, "the file is cut: its directory is missing");
        let mut trailer = [0; TRAILER_BYTES];
        let read = source.read_at(trailer_at, &mut trailer)?;
        if read < TRAILER_BYTES || trailer[8..] != *MAGIC {
            return Err(cut());
        }
        let start = trailer_at.saturating_sub(u64::from(u32_at(&trailer, 0)));
        if start < HEADER_BYTES as u64 {
            return Err(TraceError::packed(
                trailer_at,
                "the directory is longer than the file",
            ));
        }
        let mut bytes = vec![0; u32_at(&trailer, 0) as usize];
        if source.read_at(start, &mut bytes)? < bytes.len() {
            return Err(cut());
        }
        if !is_unchecked() && checksum(page, &bytes) != u32_at(&trailer, 4) {
            return Err(TraceError::packed(
                start,
                "the checksum of header and directory does not hold",
            ));
        }
        let mut input = Input::new(&bytes, 0);
        let directory = Self::decode(&mut input, length, start);
        let at = start + input.position() as u64;
        directory.ok_or_else(|| TraceError::packed(at, "not a directory"))
    }

    fn decode(input: &mut Input<'_>, length: u64, end: u64) -> Option<Self> {
        let raw_bytes = input.varint()?;
        let counts = CellCounts {
            blocks: input.varint()?,
            stages: input.varint()?,
            scopes: input.varint()?,
        };
        let losses = Losses {
            missing_blocks: input.varint()?,
        };
        let mut scopes = Vec::new();
        for _ in 0..input.varint()? {
            scopes.push(ScopeTable::decode(input.slice()?)?);
        }
        let count = usize::try_from(input.varint()?).ok()?;
        if count > MAX_STREAMS {
            return None;
        }
        let mut streams = Vec::with_capacity(count);
        let (mut offset, mut groups) = (HEADER_BYTES as u64, 0);
        for _ in 0..count {
            let id = StreamId(input.varint_u32()?);
            let packed = stream(input, offset, count)?;
            offset += packed.stored_bytes();
            groups += packed.groups.len() as u64;
            streams.push(Stream::of_packed(id, packed));
        }
        let attachment = Attachment {
            offset,
            bytes: input.varint_u32()?,
            checksum: input.word()?,
        };
        offset += u64::from(attachment.bytes);
        (offset == end).then_some(Directory {
            packing: Packing {
                raw_bytes,
                packed_bytes: length,
                groups,
                attachment_bytes: u64::from(attachment.bytes),
            },
            streams,
            scopes,
            counts,
            losses,
            attachment,
        })
    }
}

fn stream(input: &mut Input<'_>, offset: u64, streams: usize) -> Option<PackedStream> {
    let blocks = input.varint()?;
    let record_bytes = input.varint()?;
    let mut groups = Vec::new();
    for _ in 0..input.varint()? {
        let group = Group {
            bytes: input.varint_u32()?,
            records: input.varint_u32()?,
            checksum: input.word()?,
        };
        let is_plausible = group.bytes as usize <= MAX_GROUP_BYTES
            && group.records <= GROUP_RECORDS
            && group.bytes as usize >= least_bytes(group.records);
        groups.push(is_plausible.then_some(group)?);
    }
    Some(PackedStream {
        blocks,
        record_bytes,
        streams,
        offset,
        groups,
    })
}
