//! The cells of a trace: which there are, where, and what is in its stages.

use std::collections::BTreeMap;

use super::{Block, Stage, Stream};
use crate::block::{BLOCK_HEADER_BYTES, BlockHeader, BlockWord, CellKind, PAGE_BYTES};
use crate::decode::Decoder;
use crate::{HEADER_BYTES, Header, ScopeTable, Source, StreamId, TraceError, cell_bytes};

/// The longest cell that is read; the recorder's are 64 KiB, scope cells may be longer.
const MAX_CELL_BYTES: usize = 1 << 24;

/// Everything found in one pass over the grid.
pub(super) struct Index {
    pub(super) blocks: Vec<Block>,
    pub(super) stages: Vec<Stage>,
    pub(super) scopes: Vec<ScopeTable>,
}

/// Walks the grid. Cells say how long they are; where a page is no cell the next page is tried.
pub(super) fn scan<S: Source>(source: &S) -> Result<Index, TraceError> {
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
pub(super) fn newest_stamp(index: &Index, header: &Header) -> u64 {
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
pub(super) fn assemble(stages: Vec<Stage>, blocks: Vec<Block>) -> Vec<Stream> {
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
pub(super) fn missing_blocks(stream: &Stream) -> u64 {
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
