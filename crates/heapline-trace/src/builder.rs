//! Synthetic traces for tests, written by the same encoder as real ones.

use crate::block::{BLOCK_HEADER_BYTES, BlockHeader, BlockWord, CellKind, cell_bytes};
use crate::{
    ArrayNote, Encoder, FrameAddress, HEADER_BYTES, Header, MAX_COLD_RECORD_BYTES, NodeId,
    ScopeLayout, StreamId, TextId, TextKind,
};

/// Builds a whole trace file in memory.
///
/// ```
/// use heapline_trace::{FrameAddress, NodeId, Trace, TraceBuilder};
///
/// let mut builder = TraceBuilder::new();
/// let main = builder.stream();
/// let node = main.node(NodeId::COMPLETE, FrameAddress::Return(0x1234));
/// main.alloc(10, 0x5000, 64, node).dealloc(20, 0x5000);
/// let trace = Trace::open(builder.finish()).expect("a good trace");
/// assert_eq!(trace.records(&trace.streams()[0]).count(), 4);
/// ```
#[derive(Default)]
pub struct TraceBuilder {
    /// The header that the file gets; its tail is filled in.
    pub header: Header,
    streams: Vec<StreamBuilder>,
    scopes: Vec<Vec<u8>>,
}

impl TraceBuilder {
    /// An empty trace with a default header.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stream; it begins with a Thread record at stamp 0 and the tid 1, 2, ….
    pub fn stream(&mut self) -> &mut StreamBuilder {
        let id = StreamId(self.streams.len() as u32);
        let mut stream = StreamBuilder::new(id);
        stream.thread(0, id.0 + 1, b"");
        self.streams.push(stream);
        let last = self.streams.len() - 1;
        &mut self.streams[last]
    }

    /// A stream added before, to interleave.
    ///
    /// # Panics
    /// If there is none with this number.
    pub fn stream_at(&mut self, index: usize) -> &mut StreamBuilder {
        &mut self.streams[index]
    }

    /// Adds the table of a `#[profile]` function; returns its number.
    pub fn scopes(
        &mut self,
        file: &str,
        name: &str,
        lines: &[u32],
        last_line: u32,
        executions: &[u64],
    ) -> u32 {
        let function = self.scopes.len() as u32;
        let layout = ScopeLayout::new(lines.len(), file, name);
        let mut cell = vec![0; cell_bytes(layout.bytes())];
        layout.write(&mut cell, function, lines, last_line, file, name);
        for (index, count) in executions.iter().enumerate() {
            let at = ScopeLayout::counters_offset() + index * 8;
            cell[at..at + 8].copy_from_slice(&count.to_le_bytes());
        }
        self.scopes.push(cell);
        function
    }

    /// The file's bytes: scope tables, stages, then the blocks in the order of their sequence numbers.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut file = vec![0; HEADER_BYTES];
        for cell in &self.scopes {
            file.extend_from_slice(cell);
        }
        let rounds = self
            .streams
            .iter()
            .map(|stream| stream.blocks.len())
            .max()
            .unwrap_or(0);
        for stream in &self.streams {
            stream.write(
                &mut file,
                CellKind::Stage,
                stream.blocks.len(),
                &stream.open,
            );
        }
        for round in 0..rounds {
            for stream in &self.streams {
                if let Some(block) = stream.blocks.get(round) {
                    stream.write(&mut file, CellKind::Block, round, block);
                }
            }
        }
        self.header.tail = file.len() as u64;
        file[..HEADER_BYTES].copy_from_slice(&self.header.encode());
        file
    }
}

/// Writes the records of one stream. Stamps must ascend.
pub struct StreamBuilder {
    id: StreamId,
    encoder: Encoder,
    blocks: Vec<Records>,
    open: Records,
}

/// Records of one block with the header fields that belong to them.
struct Records {
    base_stamp: u64,
    first_node: u32,
    last_stamp: u64,
    bytes: Vec<u8>,
}

impl StreamBuilder {
    fn new(id: StreamId) -> Self {
        let encoder = Encoder::new();
        let open = Records {
            base_stamp: 0,
            first_node: encoder.next_node(),
            last_stamp: 0,
            bytes: Vec::new(),
        };
        StreamBuilder {
            id,
            encoder,
            blocks: Vec::new(),
            open,
        }
    }

    /// Adds a frame of the call tree.
    pub fn node(&mut self, parent: NodeId, address: FrameAddress) -> NodeId {
        let mut node = NodeId::LOST;
        self.put(|encoder, out| {
            let (length, id) = encoder.node(out, parent, address)?;
            node = id;
            Some(length)
        });
        node
    }

    /// Adds an allocation.
    pub fn alloc(&mut self, stamp: u64, address: u64, bytes: u64, node: NodeId) -> &mut Self {
        self.put(|encoder, out| encoder.alloc(out, stamp, address, bytes, node, false))
    }

    /// Adds an allocation of zeroed memory.
    pub fn alloc_zeroed(
        &mut self,
        stamp: u64,
        address: u64,
        bytes: u64,
        node: NodeId,
    ) -> &mut Self {
        self.put(|encoder, out| encoder.alloc(out, stamp, address, bytes, node, true))
    }

    /// Adds a deallocation.
    pub fn dealloc(&mut self, stamp: u64, address: u64) -> &mut Self {
        self.put(|encoder, out| encoder.dealloc(out, stamp, address))
    }

    /// Adds a reallocation: stamps before and after, addresses old and new.
    pub fn realloc(
        &mut self,
        stamps: (u64, u64),
        addresses: (u64, u64),
        bytes: u64,
        node: NodeId,
    ) -> &mut Self {
        self.put(|encoder, out| encoder.realloc(out, stamps, addresses, bytes, node))
    }

    /// Adds a module.
    pub fn module(
        &mut self,
        range: (u64, u64),
        bias: u64,
        build_id: &[u8],
        path: &str,
    ) -> &mut Self {
        self.put(|encoder, out| encoder.module(out, range, bias, build_id, path.as_bytes()))
    }

    /// Adds a text that array notes can name.
    pub fn text(&mut self, id: TextId, kind: TextKind, text: &[u8]) -> &mut Self {
        self.put(|encoder, out| encoder.text(out, id, kind, text))
    }

    /// Adds a note on an array.
    pub fn array(&mut self, stamp: u64, note: &ArrayNote) -> &mut Self {
        self.put(|encoder, out| encoder.array(out, stamp, note))
    }

    /// Says that a module is gone.
    pub fn modules_changed(&mut self) -> &mut Self {
        self.put(|encoder, out| encoder.modules_changed(out))
    }

    /// From here on the stream belongs to another thread.
    pub fn thread(&mut self, stamp: u64, tid: u32, name: &[u8]) -> &mut Self {
        self.put(|encoder, out| encoder.thread(out, stamp, tid, name))
    }

    /// A call of a `#[profile]` function begins.
    pub fn scope_enter(&mut self, stamp: u64, depth: u32, function: u32, line: u32) -> &mut Self {
        self.put(|encoder, out| encoder.scope_enter(out, stamp, depth, function, line))
    }

    /// A call moves on to another line.
    pub fn scope_line(&mut self, stamp: u64, depth: u32, line: u32) -> &mut Self {
        self.put(|encoder, out| encoder.scope_line(out, stamp, depth, line))
    }

    /// A call ends.
    pub fn scope_exit(&mut self, stamp: u64, depth: u32) -> &mut Self {
        self.put(|encoder, out| encoder.scope_exit(out, stamp, depth))
    }

    /// Ends the current block, as a full stage would.
    pub fn flush(&mut self) -> &mut Self {
        let base_stamp = self.encoder.last_stamp();
        self.encoder.begin_block(base_stamp);
        let open = Records {
            base_stamp,
            first_node: self.encoder.next_node(),
            last_stamp: base_stamp,
            bytes: Vec::new(),
        };
        self.blocks.push(std::mem::replace(&mut self.open, open));
        self
    }

    fn put(&mut self, record: impl FnOnce(&mut Encoder, &mut [u8]) -> Option<usize>) -> &mut Self {
        let mut out = [0; MAX_COLD_RECORD_BYTES];
        if let Some(length) = record(&mut self.encoder, &mut out) {
            self.open.bytes.extend_from_slice(&out[..length]);
            self.open.last_stamp = self.encoder.last_stamp();
        }
        self
    }

    fn write(&self, file: &mut Vec<u8>, kind: CellKind, sequence: usize, records: &Records) {
        let cell = cell_bytes(BLOCK_HEADER_BYTES + records.bytes.len());
        let header = BlockHeader {
            stream: self.id,
            word: BlockWord {
                sequence: sequence as u32,
                used: records.bytes.len() as u32,
            },
            base_stamp: records.base_stamp,
            first_node: records.first_node,
            cell_bytes: cell as u32,
            anchor_stamp: if kind == CellKind::Block {
                records.last_stamp
            } else {
                0
            },
            anchor_monotonic_ns: 0,
        };
        let start = file.len();
        file.extend_from_slice(&header.encode(kind, &records.bytes));
        file.extend_from_slice(&records.bytes);
        file.resize(start + cell, 0);
    }
}
