//! Bytes back into records. Any bytes give a record or an error with its offset.

use crate::cache::{AddressCache, NodeCache};
use crate::record::{
    ADDRESS_CACHED, ALLOC, ALLOC_TIME, DEALLOC, DEALLOC_TIME, FIRST_WITH_LENGTH, IN_PLACE,
    KIND_MASK, NEW_CACHED, NODE_CACHED, REALLOC, REALLOC_TIME, ZEROED,
};
use crate::varint::{Input, unzigzag};
use crate::{ArrayNote, BlockHeader, FrameAddress, NodeId, Record, RecordKind, TextId, TextKind};

/// The delta state of one block while it is read.
pub(crate) struct Decoder {
    addresses: AddressCache,
    nodes: NodeCache,
    last_stamp: u64,
    last_code: u64,
    next_node: u32,
}

impl Decoder {
    /// The state at the start of a block.
    pub(crate) fn new(header: &BlockHeader) -> Self {
        Decoder {
            addresses: AddressCache::new(),
            nodes: NodeCache::new(),
            last_stamp: header.base_stamp,
            last_code: 0,
            next_node: header.first_node,
        }
    }

    /// Stamp of the newest record read.
    pub(crate) fn last_stamp(&self) -> u64 {
        self.last_stamp
    }

    /// Reads the record at `*at` and moves `*at` behind it. `None` says that the bytes are no record.
    pub(crate) fn record(&mut self, bytes: &[u8], at: &mut usize) -> Option<Record> {
        let mut input = Input::new(bytes, *at);
        let tag = input.byte()?;
        let record = match tag & KIND_MASK {
            ALLOC => self.alloc(&mut input, tag),
            DEALLOC => self.dealloc(&mut input, tag),
            REALLOC => self.realloc(&mut input, tag),
            _ => self.other(&mut input, tag >> 2),
        }?;
        *at = input.position();
        Some(record)
    }

    #[inline]
    fn alloc(&mut self, input: &mut Input<'_>, tag: u8) -> Option<Record> {
        let stamp = self.time(input, tag, ALLOC_TIME)?;
        let address = self.address(input, tag & ADDRESS_CACHED != 0)?;
        let bytes = input.varint()?;
        let node = self.node(input, tag & NODE_CACHED != 0)?;
        Some(Record::Alloc {
            stamp,
            address,
            bytes,
            node,
            zeroed: tag & ZEROED != 0,
        })
    }

    #[inline]
    fn dealloc(&mut self, input: &mut Input<'_>, tag: u8) -> Option<Record> {
        let stamp = self.time(input, tag, DEALLOC_TIME)?;
        let address = self.address(input, tag & ADDRESS_CACHED != 0)?;
        Some(Record::Dealloc { stamp, address })
    }

    fn realloc(&mut self, input: &mut Input<'_>, tag: u8) -> Option<Record> {
        let start = self.time(input, tag, REALLOC_TIME)?;
        let delta = input.varint()?;
        let stamp = self.advance(delta)?;
        let old_address = self.address(input, tag & ADDRESS_CACHED != 0)?;
        let address = if tag & IN_PLACE != 0 {
            old_address
        } else {
            self.address(input, tag & NEW_CACHED != 0)?
        };
        let bytes = input.varint()?;
        let node = self.node(input, tag & NODE_CACHED != 0)?;
        Some(Record::Realloc {
            start,
            stamp,
            old_address,
            address,
            bytes,
            node,
        })
    }

    fn other(&mut self, input: &mut Input<'_>, code: u8) -> Option<Record> {
        if code < FIRST_WITH_LENGTH {
            return self.frame(input, code);
        }
        let mut body = Input::new(input.slice()?, 0);
        self.cold(&mut body, code)
    }

    fn frame(&mut self, input: &mut Input<'_>, code: u8) -> Option<Record> {
        let id = self.next_node;
        let parent = id.checked_sub(input.varint_u32()?)?;
        // Parents come first: no cycles, whatever the bytes say. The distance 0 would be one.
        if parent == id || id < NodeId::FIRST_FRAME.0 {
            return None;
        }
        let address = match code {
            _ if code == RecordKind::Node as u8 => FrameAddress::Return(self.code(input)?),
            _ if code == RecordKind::NodeExact as u8 => FrameAddress::Exact(self.code(input)?),
            _ if code == RecordKind::NodeOmitted as u8 => FrameAddress::Omitted,
            _ => return None,
        };
        self.next_node = id.checked_add(1)?;
        Some(Record::Node {
            id: NodeId(id),
            parent: NodeId(parent),
            address,
        })
    }

    fn cold(&mut self, body: &mut Input<'_>, code: u8) -> Option<Record> {
        Some(match code {
            _ if code == RecordKind::Module as u8 => Record::Module {
                start: body.varint()?,
                end: body.varint()?,
                bias: body.varint()?,
                build_id: body.slice()?.to_vec(),
                path: body.slice()?.to_vec(),
            },
            _ if code == RecordKind::ModulesChanged as u8 => Record::ModulesChanged,
            _ if code == RecordKind::Thread as u8 => Record::Thread {
                stamp: self.stamp(body)?,
                tid: body.varint_u32()?,
                name: body.slice()?.to_vec(),
            },
            _ if code == RecordKind::ScopeEnter as u8 => Record::ScopeEnter {
                stamp: self.stamp(body)?,
                depth: body.varint_u32()?,
                function: body.varint_u32()?,
                line: body.varint_u32()?,
            },
            _ if code == RecordKind::ScopeLine as u8 => Record::ScopeLine {
                stamp: self.stamp(body)?,
                depth: body.varint_u32()?,
                line: body.varint_u32()?,
            },
            _ if code == RecordKind::ScopeExit as u8 => Record::ScopeExit {
                stamp: self.stamp(body)?,
                depth: body.varint_u32()?,
            },
            _ if code == RecordKind::Text as u8 => Record::Text {
                id: TextId(body.varint_u32()?),
                kind: TextKind::from_code(u64::from(body.byte()?))?,
                text: body.slice()?.to_vec(),
            },
            _ if code == RecordKind::Array as u8 => Record::Array {
                stamp: self.stamp(body)?,
                note: ArrayNote::from_numbers(|_| body.varint())?,
            },
            kind => Record::Unknown { kind },
        })
    }

    fn advance(&mut self, delta: u64) -> Option<u64> {
        self.last_stamp = self.last_stamp.checked_add(delta)?;
        Some(self.last_stamp)
    }

    fn stamp(&mut self, input: &mut Input<'_>) -> Option<u64> {
        let delta = input.varint()?;
        self.advance(delta)
    }

    #[inline]
    fn time(&mut self, input: &mut Input<'_>, tag: u8, (shift, escape): (u32, u64)) -> Option<u64> {
        let mut delta = u64::from(tag >> shift);
        if delta == escape {
            delta = delta.checked_add(input.varint()?)?;
        }
        self.advance(delta)
    }

    #[inline]
    fn address(&mut self, input: &mut Input<'_>, cached: bool) -> Option<u64> {
        let address = if cached {
            self.addresses.get(input.byte()?)
        } else {
            match input.varint()? {
                1 => input.varint()?,
                odd if odd & 1 == 1 => return None,
                even => self
                    .addresses
                    .last()
                    .wrapping_add((unzigzag(even >> 1) << 3) as u64),
            }
        };
        self.addresses.remember(address);
        Some(address)
    }

    #[inline]
    fn node(&mut self, input: &mut Input<'_>, cached: bool) -> Option<NodeId> {
        let node = if cached {
            self.nodes.get(input.byte()?)
        } else {
            self.next_node.checked_sub(input.varint_u32()?)?
        };
        self.nodes.remember(node);
        Some(NodeId(node))
    }

    fn code(&mut self, input: &mut Input<'_>) -> Option<u64> {
        self.last_code = self
            .last_code
            .wrapping_add(unzigzag(input.varint()?) as u64);
        Some(self.last_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockWord, Encoder, MAX_COLD_RECORD_BYTES, StreamId};

    fn header(base_stamp: u64) -> BlockHeader {
        BlockHeader {
            stream: StreamId(0),
            word: BlockWord {
                sequence: 0,
                used: 0,
            },
            base_stamp,
            first_node: NodeId::FIRST_FRAME.0,
            cell_bytes: 4096,
            anchor_stamp: 0,
            anchor_monotonic_ns: 0,
        }
    }

    /// Every kind of record, with addresses odd, huge, repeated and colliding.
    #[test]
    fn every_record_survives_the_round_trip() {
        let mut encoder = Encoder::new();
        encoder.begin_block(1_000);
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        let mut out = [0; MAX_COLD_RECORD_BYTES];
        let (length, leaf) = encoder
            .node(
                &mut out,
                NodeId::COMPLETE,
                FrameAddress::Return(0x5555_0000_1234),
            )
            .expect("fits");
        bytes.extend_from_slice(&out[..length]);
        expected.push(Record::Node {
            id: leaf,
            parent: NodeId::COMPLETE,
            address: FrameAddress::Return(0x5555_0000_1234),
        });
        let (length, omitted) = encoder
            .node(&mut out, leaf, FrameAddress::Omitted)
            .expect("fits");
        bytes.extend_from_slice(&out[..length]);
        expected.push(Record::Node {
            id: omitted,
            parent: leaf,
            address: FrameAddress::Omitted,
        });
        let mut stamp = 1_000;
        for (round, address) in [
            16,
            0x7fff_ffff_fff1,
            16,
            u64::MAX,
            0,
            1 << 63,
            0x5500_0000_0010,
            0x5500_0000_0010,
        ]
        .into_iter()
        .enumerate()
        {
            stamp += 1 << (round * 5);
            let zeroed = round % 2 == 0;
            let node = if zeroed { leaf } else { NodeId::LOST };
            let length = encoder
                .alloc(&mut out, stamp, address, 1 << (7 * round), node, zeroed)
                .expect("fits");
            bytes.extend_from_slice(&out[..length]);
            expected.push(Record::Alloc {
                stamp,
                address,
                bytes: 1 << (7 * round),
                node,
                zeroed,
            });
            let moved = address.wrapping_add(48 * (round as u64 % 3));
            let length = encoder
                .realloc(
                    &mut out,
                    (stamp + 1, stamp + 9),
                    (address, moved),
                    77,
                    omitted,
                )
                .expect("fits");
            bytes.extend_from_slice(&out[..length]);
            expected.push(Record::Realloc {
                start: stamp + 1,
                stamp: stamp + 9,
                old_address: address,
                address: moved,
                bytes: 77,
                node: omitted,
            });
            stamp += 9;
            let length = encoder.dealloc(&mut out, stamp, moved).expect("fits");
            bytes.extend_from_slice(&out[..length]);
            expected.push(Record::Dealloc {
                stamp,
                address: moved,
            });
        }
        let path = vec![b'p'; 4096];
        let lengths = [
            encoder
                .module(&mut out, (1, 2), 3, b"id", &path)
                .map(|length| out[..length].to_vec()),
            encoder
                .modules_changed(&mut out)
                .map(|length| out[..length].to_vec()),
            encoder
                .thread(&mut out, stamp, 5, b"main")
                .map(|length| out[..length].to_vec()),
            encoder
                .scope_enter(&mut out, stamp + 1, 0, 2, 3)
                .map(|length| out[..length].to_vec()),
            encoder
                .scope_line(&mut out, stamp + 1, 0, 4)
                .map(|length| out[..length].to_vec()),
            encoder
                .scope_exit(&mut out, stamp + 2, 0)
                .map(|length| out[..length].to_vec()),
        ];
        for record in lengths {
            bytes.extend(record.expect("fits"));
        }
        expected.extend([
            Record::Module {
                start: 1,
                end: 2,
                bias: 3,
                build_id: b"id".to_vec(),
                path,
            },
            Record::ModulesChanged,
            Record::Thread {
                stamp,
                tid: 5,
                name: b"main".to_vec(),
            },
            Record::ScopeEnter {
                stamp: stamp + 1,
                depth: 0,
                function: 2,
                line: 3,
            },
            Record::ScopeLine {
                stamp: stamp + 1,
                depth: 0,
                line: 4,
            },
            Record::ScopeExit {
                stamp: stamp + 2,
                depth: 0,
            },
        ]);
        let text = (TextId(3), TextKind::Name, b"weights");
        let length = encoder
            .text(&mut out, text.0, text.1, text.2)
            .expect("fits");
        bytes.extend_from_slice(&out[..length]);
        expected.push(Record::Text {
            id: text.0,
            kind: text.1,
            text: text.2.to_vec(),
        });
        for note in notes() {
            let length = encoder.array(&mut out, stamp + 3, &note).expect("fits");
            assert!(length <= crate::MAX_ARRAY_RECORD_BYTES, "{length}");
            bytes.extend_from_slice(&out[..length]);
            expected.push(Record::Array {
                stamp: stamp + 3,
                note,
            });
        }
        // A kind from the future, with three bytes.
        bytes.extend([63 << 2, 3, 1, 2, 3]);
        expected.push(Record::Unknown { kind: 63 });

        let mut decoder = Decoder::new(&header(1_000));
        let mut at = 0;
        for record in expected {
            assert_eq!(decoder.record(&bytes, &mut at), Some(record));
        }
        assert_eq!(at, bytes.len());
        assert_eq!(decoder.record(&bytes, &mut at), None);
    }

    /// Every kind of note, with the largest numbers.
    fn notes() -> [ArrayNote; 7] {
        let handle = crate::ArrayHandle {
            id: u64::MAX,
            base: 7,
            address: u64::MAX,
            layout: TextId(u32::MAX),
            unique_bytes: Some(u64::MAX - 1),
            mapped_bytes: Some(0),
            record_bytes: 1 << 20,
            operation: TextId(1),
            place: TextId(2),
        };
        [
            ArrayNote::Handle(handle),
            ArrayNote::Handle(crate::ArrayHandle {
                unique_bytes: None,
                mapped_bytes: None,
                ..handle
            }),
            ArrayNote::Tracked {
                address: 0,
                layout: TextId(9),
                unique_bytes: Some(0),
                name: TextId(3),
                place: TextId(4),
            },
            ArrayNote::Dropped { id: 1 },
            ArrayNote::Copied {
                from: 1,
                to: 2,
                bytes: u64::MAX,
                fits_narrower: true,
                operation: TextId(5),
                place: TextId(6),
            },
            ArrayNote::Counted {
                views: u64::MAX,
                place: TextId(6),
            },
            ArrayNote::Renamed {
                id: 2,
                name: TextId(3),
            },
        ]
    }

    #[test]
    fn a_pair_in_a_loop_takes_few_bytes() {
        let mut encoder = Encoder::new();
        encoder.begin_block(0);
        let mut out = [0; 64];
        let mut total = 0;
        for round in 0..100 {
            let node = NodeId(0);
            total += encoder
                .alloc(&mut out, round * 10, 0x5500_0000_1230, 64, node, false)
                .expect("fits");
            total += encoder
                .dealloc(&mut out, round * 10 + 5, 0x5500_0000_1230)
                .expect("fits");
        }
        assert!(total <= 700, "{total} bytes for 100 pairs");
    }

    #[test]
    fn a_node_that_is_its_own_parent_is_refused() {
        let mut decoder = Decoder::new(&header(0));
        assert_eq!(
            decoder.record(&[(RecordKind::Node as u8) << 2, 0, 0], &mut 0),
            None
        );
        assert_eq!(decoder.record(&[0], &mut 0), None);
    }
}
