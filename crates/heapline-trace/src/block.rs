//! The header that stages and blocks share, and the page grid they lie on.

use crate::StreamId;

/// Cells begin at multiples of this many bytes.
pub const PAGE_BYTES: usize = 4096;

/// Bytes in front of a block's records.
pub const BLOCK_HEADER_BYTES: usize = 64;

/// Bytes of the whole pages that hold a cell of `bytes`.
#[must_use]
pub fn cell_bytes(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE_BYTES)
}

/// What a cell is, by its first four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// The window a thread is writing into.
    Stage,
    /// A full stage, copied out.
    Block,
    /// A stage that a larger one has replaced; it holds nothing.
    Retired,
    /// Lines and execution counts of a `#[profile]` function.
    Scopes,
}

impl CellKind {
    /// The cell's first four bytes.
    #[must_use]
    pub const fn magic(self) -> [u8; 4] {
        match self {
            CellKind::Stage => *b"HLst",
            CellKind::Block => *b"HLbk",
            CellKind::Retired => *b"HLrt",
            CellKind::Scopes => *b"HLsc",
        }
    }

    pub(crate) fn from_magic(magic: [u8; 4]) -> Option<Self> {
        [
            CellKind::Stage,
            CellKind::Block,
            CellKind::Retired,
            CellKind::Scopes,
        ]
        .into_iter()
        .find(|kind| kind.magic() == magic)
    }
}

/// Sequence number and bytes used, which change in one store so that a reader
/// beside the writer sees both or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockWord {
    /// How many blocks the stream had before this one.
    pub sequence: u32,
    /// Bytes of records behind the header.
    pub used: u32,
}

impl BlockWord {
    /// The word as it lies in the file.
    #[must_use]
    #[inline]
    pub const fn to_u64(self) -> u64 {
        (self.sequence as u64) << 32 | self.used as u64
    }

    /// The inverse of [`BlockWord::to_u64`].
    #[must_use]
    pub const fn from_u64(word: u64) -> Self {
        BlockWord {
            sequence: (word >> 32) as u32,
            used: word as u32,
        }
    }
}

/// The 64 bytes in front of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// The stream the records belong to.
    pub stream: StreamId,
    /// Sequence and bytes used.
    pub word: BlockWord,
    /// Stamp that the first record's is relative to.
    pub base_stamp: u64,
    /// Number of the first node defined here.
    pub first_node: u32,
    /// Bytes of the whole cell, header included; of a stage, its capacity.
    pub cell_bytes: u32,
    /// A stamp taken when the block was written, and
    pub anchor_stamp: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds at that stamp; both 0 in a stage.
    pub anchor_monotonic_ns: u64,
}

/// Byte offset of the word, which the recorder updates in place.
pub(crate) const WORD_OFFSET: usize = 8;
const CRC_OFFSET: usize = 56;

impl BlockHeader {
    /// Byte offset of the word inside the header.
    pub const WORD_OFFSET: usize = WORD_OFFSET;

    /// The header's bytes, for a stage or a block. A block's checksum covers this
    /// header and `records`; a stage has none, its word bounds it.
    #[must_use]
    pub fn encode(&self, kind: CellKind, records: &[u8]) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&kind.magic());
        bytes[4..8].copy_from_slice(&self.stream.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.word.to_u64().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.base_stamp.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.first_node.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.cell_bytes.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.anchor_stamp.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.anchor_monotonic_ns.to_le_bytes());
        if kind == CellKind::Block {
            let crc = checksum(&bytes, records);
            bytes[CRC_OFFSET..CRC_OFFSET + 4].copy_from_slice(&crc.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER_BYTES]) -> Self {
        BlockHeader {
            stream: StreamId(u32_at(bytes, 4)),
            word: BlockWord::from_u64(u64_at(bytes, 8)),
            base_stamp: u64_at(bytes, 16),
            first_node: u32_at(bytes, 24),
            cell_bytes: u32_at(bytes, 28),
            anchor_stamp: u64_at(bytes, 32),
            anchor_monotonic_ns: u64_at(bytes, 40),
        }
    }
}

/// Whether a block's checksum holds.
pub(crate) fn checksum_holds(header: &[u8; BLOCK_HEADER_BYTES], records: &[u8]) -> bool {
    let mut plain = *header;
    plain[CRC_OFFSET..CRC_OFFSET + 4].fill(0);
    is_unchecked() || checksum(&plain, records) == u32_at(header, CRC_OFFSET)
}

/// A fuzzer cannot guess checksums, and what lies behind them is what it is to try.
pub(crate) const fn is_unchecked() -> bool {
    cfg!(fuzzing)
}

fn checksum(header: &[u8; BLOCK_HEADER_BYTES], records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(records);
    hasher.finalize()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_header_survives_the_round_trip_and_a_flipped_bit_is_seen() {
        let header = BlockHeader {
            stream: StreamId(3),
            word: BlockWord {
                sequence: 9,
                used: 4,
            },
            base_stamp: 77,
            first_node: 16,
            cell_bytes: 4096,
            anchor_stamp: 80,
            anchor_monotonic_ns: 5,
        };
        let bytes = header.encode(CellKind::Block, b"abcd");
        assert_eq!(BlockHeader::decode(&bytes), header);
        assert!(checksum_holds(&bytes, b"abcd"));
        assert!(!checksum_holds(&bytes, b"abce"));
        let mut flipped = bytes;
        flipped[20] ^= 1;
        assert!(!checksum_holds(&flipped, b"abcd"));
    }
}
