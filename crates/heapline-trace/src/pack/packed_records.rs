//! The records of one stream of a packed trace.

use super::directory::{Group, PackedStream};
use super::item::{DAMAGES, Item};
use super::range_coder::Decoder;
use super::scale::Scale;
use super::stream_model::StreamModel;
use crate::block::is_unchecked;
use crate::{Record, Source, TraceError};

/// Iterates over a stream's records. Each group that is damaged, and each behind it,
/// is one error.
pub(crate) struct PackedRecords<'a, S> {
    source: &'a S,
    stream: &'a PackedStream,
    next_group: usize,
    /// Byte offset of the next group.
    offset: u64,
    model: Option<Box<StreamModel>>,
    decoder: Decoder,
    /// Records of the current group that have not been read.
    left: u32,
    is_lost: bool,
}

impl<'a, S: Source> PackedRecords<'a, S> {
    pub(crate) fn new(source: &'a S, stream: &'a PackedStream) -> Self {
        PackedRecords {
            source,
            stream,
            next_group: 0,
            offset: stream.offset,
            model: None,
            decoder: Decoder::new(Vec::new()),
            left: 0,
            is_lost: false,
        }
    }

    fn load(&mut self, group: Group) -> Result<(), TraceError> {
        let offset = self.offset;
        self.next_group += 1;
        self.offset += u64::from(group.bytes);
        if self.is_lost {
            let what = "a group before it is damaged";
            return Err(TraceError::damaged(offset, what));
        }
        // The directory was checked: no group is long.
        let mut bytes = std::mem::replace(&mut self.decoder, Decoder::new(Vec::new())).into_bytes();
        bytes.resize(group.bytes as usize, 0);
        let read = self.source.read_at(offset, &mut bytes)?;
        let is_whole = is_unchecked() || crc32fast::hash(&bytes) == group.checksum;
        if read < bytes.len() || !is_whole {
            return Err(self.lose(offset, "the checksum does not hold"));
        }
        self.decoder = Decoder::new(bytes);
        self.left = group.records;
        Ok(())
    }

    fn lose(&mut self, offset: u64, what: &'static str) -> TraceError {
        self.is_lost = true;
        self.left = 0;
        TraceError::damaged(offset, what)
    }

    fn read(&mut self) -> Result<Record, TraceError> {
        self.left -= 1;
        let stream = self.stream;
        let model = self.model.get_or_insert_with(|| {
            let scale = Scale::new(stream.record_bytes, stream.streams);
            Box::new(StreamModel::new(&scale))
        });
        let nothing = Item::Damage { offset: 0, what: 0 };
        let item = model.code(&mut self.decoder, &nothing);
        match item.filter(|_| !self.decoder.is_cut()) {
            Some(Item::Record(record)) => Ok(record),
            Some(Item::Damage { offset, what }) => {
                let what = DAMAGES.get(what).copied().unwrap_or_default();
                Err(TraceError::damaged(offset, what))
            }
            None => {
                let bytes = self.stream.groups[..self.next_group].last();
                let start = self.offset - bytes.map_or(0, |group| u64::from(group.bytes));
                Err(self.lose(start, "not a group of records"))
            }
        }
    }
}

impl<S: Source> Iterator for PackedRecords<'_, S> {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            let group = *self.stream.groups.get(self.next_group)?;
            if let Err(error) = self.load(group) {
                return Some(Err(error));
            }
        }
        Some(self.read())
    }
}
