//! The window of the trace that one thread writes into.
//!
//! A stage is a file-backed shared mapping: what is stored in it the kernel has,
//! whatever becomes of the process. Its disk space is reserved before it is
//! mapped, so that touching it cannot fail. When it is full its bytes are
//! appended to the file as a block by one positioned write, and it is used again.
//!
//! The order of stores is what makes a kill at any instruction harmless: records
//! first, then the word that says how many bytes count; the block first, then the
//! word of the next sequence number with no bytes.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use heapline_trace::{
    BLOCK_HEADER_BYTES, BlockHeader, BlockWord, CellKind, Encoder, MAX_COLD_RECORD_BYTES, StreamId,
    cell_bytes,
};

use crate::clock::Clock;
use crate::sink::{self, Failure};
use crate::sys;

/// Bytes of a thread's first stage, and of the one it gets when it turns out to be busy.
const SMALL_BYTES: usize = 16 << 10;
const LARGE_BYTES: usize = 64 << 10;
/// Blocks after which a thread counts as busy.
const BUSY_BLOCKS: u32 = 4;

/// Where a thread's records go.
pub(crate) struct Stage {
    /// Start of the mapping; its first bytes are the block header.
    memory: NonNull<u8>,
    bytes: usize,
    /// The recording whose trace it lies in.
    recording: u32,
    stream: StreamId,
    word: BlockWord,
    base_stamp: u64,
    first_node: u32,
}

impl Stage {
    /// Claims a stage in the trace for a stream whose next block has this number.
    pub(crate) fn open(
        recording: u32,
        stream: StreamId,
        sequence: u32,
        encoder: &mut Encoder,
        stamp: u64,
    ) -> Result<Self, Failure> {
        let bytes = if sequence < BUSY_BLOCKS {
            SMALL_BYTES
        } else {
            LARGE_BYTES
        };
        let memory = sink::claim_mapped(recording, bytes)?;
        let word = BlockWord { sequence, used: 0 };
        let mut stage = Stage {
            memory,
            bytes,
            recording,
            stream,
            word,
            base_stamp: stamp,
            first_node: 0,
        };
        stage.begin(encoder, stamp);
        let header = stage.header().encode(CellKind::Stage, &[]);
        let (magic, rest) = header.split_at(4);
        stage.put(4, rest);
        // The magic last: a reader beside us sees a whole header or none.
        core::sync::atomic::fence(Ordering::Release);
        stage.put(0, magic);
        Ok(stage)
    }

    /// Appends one record, which `write` puts at the start of the slice it is given.
    /// `None` if the trace failed; the caller then stops recording.
    #[inline]
    pub(crate) fn append<T>(
        &mut self,
        encoder: &mut Encoder,
        room: usize,
        clock: Clock,
        write: impl FnOnce(&mut Encoder, &mut [u8]) -> Option<(usize, T)>,
    ) -> Result<T, Failure> {
        if BLOCK_HEADER_BYTES + self.word.used as usize + room > self.bytes {
            self.flush(encoder, clock)?;
        }
        let at = BLOCK_HEADER_BYTES + self.word.used as usize;
        let out = self.memory_mut().get_mut(at..).unwrap_or(&mut []);
        // `room` bounds every record of its kind, so this cannot fail; if it did, the
        // record would be missing and the trace must say so.
        let (length, value) = write(encoder, out).ok_or(Failure::RECORD)?;
        self.word.used += length as u32;
        self.atomic_word()
            .store(self.word.to_u64(), Ordering::Release);
        Ok(value)
    }

    /// Writes what is staged to the file as a block, and starts the next one.
    pub(crate) fn flush(&mut self, encoder: &mut Encoder, clock: Clock) -> Result<(), Failure> {
        if self.word.used == 0 {
            return Ok(());
        }
        let used = BLOCK_HEADER_BYTES + self.word.used as usize;
        let anchor_stamp = clock.stamp(true);
        let header = BlockHeader {
            cell_bytes: cell_bytes(used) as u32,
            anchor_stamp,
            anchor_monotonic_ns: crate::clock::monotonic_nanoseconds(),
            ..self.header()
        };
        let records = self.memory().get(BLOCK_HEADER_BYTES..used).unwrap_or(&[]);
        let header_bytes = header.encode(CellKind::Block, records);
        sink::append_block(self.recording, &header_bytes, records)?;
        sink::anchor(anchor_stamp, header.anchor_monotonic_ns);
        self.word = BlockWord {
            sequence: self.word.sequence.wrapping_add(1),
            used: 0,
        };
        self.atomic_word()
            .store(self.word.to_u64(), Ordering::Release);
        self.begin(encoder, encoder.last_stamp());
        // Once: where there was none to be had, there will hardly be one.
        if self.bytes < LARGE_BYTES && self.word.sequence == BUSY_BLOCKS {
            self.enlarge(encoder);
        }
        Ok(())
    }

    /// Moves to a larger stage. If there is none to be had the small one serves on.
    fn enlarge(&mut self, encoder: &mut Encoder) {
        let larger = Stage::open(
            self.recording,
            self.stream,
            self.word.sequence,
            encoder,
            self.base_stamp,
        );
        if let Ok(larger) = larger {
            core::mem::replace(self, larger).retire();
        }
    }

    /// Says in the file that the stage holds nothing any more, and unmaps it.
    fn retire(mut self) {
        self.put(0, &CellKind::Retired.magic());
        // SAFETY: the mapping was this stage's alone, and it is gone with `self`.
        unsafe { sys::unmap(self.memory.as_ptr() as usize, self.bytes) };
    }

    /// Unmaps a stage of a recording that is over; its records stay in the file.
    pub(crate) fn abandon(self) {
        // SAFETY: as in `retire`.
        unsafe { sys::unmap(self.memory.as_ptr() as usize, self.bytes) };
    }

    /// Starts a block: deltas afresh, and what the header must say about it.
    fn begin(&mut self, encoder: &mut Encoder, stamp: u64) {
        encoder.begin_block(stamp);
        self.base_stamp = stamp;
        self.first_node = encoder.next_node();
        let header = self.header().encode(CellKind::Stage, &[]);
        // Behind magic and word: base stamp, first node, cell bytes. The word says 0
        // bytes used until the first record's store releases these as well.
        self.put(16, header.get(16..32).unwrap_or_default());
    }

    fn header(&self) -> BlockHeader {
        BlockHeader {
            stream: self.stream,
            word: self.word,
            base_stamp: self.base_stamp,
            first_node: self.first_node,
            cell_bytes: self.bytes as u32,
            anchor_stamp: 0,
            anchor_monotonic_ns: 0,
        }
    }

    #[inline]
    fn atomic_word(&self) -> &AtomicU64 {
        // SAFETY: the word lies inside the mapping at a multiple of 8; nobody in this
        // process reads or writes it but through this reference or the header's bytes
        // before the stage is known.
        unsafe {
            &*self
                .memory
                .as_ptr()
                .add(BlockHeader::WORD_OFFSET)
                .cast::<AtomicU64>()
        }
    }

    fn memory(&self) -> &[u8] {
        // SAFETY: the mapping is that long and lives as long as `self`. Other processes
        // read it by `pread` alone, which the kernel serves from the same pages.
        unsafe { core::slice::from_raw_parts(self.memory.as_ptr(), self.bytes) }
    }

    /// Puts a part of the header in its place.
    fn put(&mut self, at: usize, bytes: &[u8]) {
        let place = self.memory_mut().get_mut(at..).unwrap_or_default();
        for (to, &from) in place.iter_mut().zip(bytes) {
            *to = from;
        }
    }

    fn memory_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `memory`, and `&mut self` is the only way in.
        unsafe { core::slice::from_raw_parts_mut(self.memory.as_ptr(), self.bytes) }
    }
}

const _: () = assert!(SMALL_BYTES >= BLOCK_HEADER_BYTES + MAX_COLD_RECORD_BYTES);
