//! The records of one stream of a raw trace.

use super::{BAD_CHECKSUM, Block, CUT_BLOCK, NOT_A_RECORD, Stream};
use crate::block::{BLOCK_HEADER_BYTES, checksum_holds};
use crate::decode::Decoder;
use crate::{Record, Source, TraceError};

/// Block after block, last the stage.
pub(super) struct RawRecords<'a, S> {
    source: &'a S,
    cut: u64,
    stream: &'a Stream,
    next_block: usize,
    bytes: Vec<u8>,
    at: usize,
    offset: u64,
    decoder: Option<Decoder>,
}

impl<'a, S> RawRecords<'a, S> {
    /// The records up to the stamp `cut`.
    pub(super) fn new(source: &'a S, stream: &'a Stream, cut: u64) -> Self {
        RawRecords {
            source,
            cut,
            stream,
            next_block: 0,
            bytes: Vec::new(),
            at: 0,
            offset: 0,
            decoder: None,
        }
    }
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
