//! Nodes of the call tree: old ones by the way from the one before, new ones by parent
//! and site.

use super::super::call_tree::{RECENT, UNKNOWN_NODE, Way};
use super::super::item::Item;
use super::super::next::{Next, Pending};
use super::super::numbers::{Number, Tree, signed};
use super::super::range_coder::{Bit, Coder};
use super::StreamModel;
use crate::{FrameAddress, NodeId, Record};

/// Learnt probabilities of what is said about frames.
pub(super) struct FrameBits {
    has_way: Bit,
    frames_up: Number,
    frames_down: [Tree<5, 32>; 8],
    /// Of the first frame down and of those below.
    recency: [Tree<3, 8>; 2],
    is_known_node: Bit,
    node_distance: Number,
    unknown_node: Number,
    is_next_id: Bit,
    node_id: Number,
    is_known_site: Bit,
    site_distance: Number,
    frame_kind: Tree<2, 4>,
    frame_address: Number,
    last_frame: u64,
}

impl FrameBits {
    pub(super) fn new() -> Self {
        FrameBits {
            has_way: Bit::UNKNOWN,
            frames_up: Number::new(),
            frames_down: std::array::from_fn(|_| Tree::new()),
            recency: std::array::from_fn(|_| Tree::new()),
            is_known_node: Bit::UNKNOWN,
            node_distance: Number::new(),
            unknown_node: Number::new(),
            is_next_id: Bit::UNKNOWN,
            node_id: Number::new(),
            is_known_site: Bit::UNKNOWN,
            site_distance: Number::new(),
            frame_kind: Tree::new(),
            frame_address: Number::new(),
            last_frame: 0,
        }
    }
}

impl StreamModel {
    /// A node of the tree by the way to it, or by its number, or that it is none of it.
    pub(super) fn code_known_node<C: Coder>(&mut self, coder: &mut C, node: u32) -> Option<u32> {
        let way = if C::WRITES && node != UNKNOWN_NODE {
            self.tree.way(self.current, node)
        } else {
            Way::NOWHERE
        };
        let has_way = C::WRITES && node != UNKNOWN_NODE && self.tree.can_descend(way);
        if coder.bit(&mut self.frame_bits.has_way, has_way) {
            return self.code_way(coder, way);
        }
        let bits = &mut self.frame_bits;
        if !coder.bit(&mut bits.is_known_node, node != UNKNOWN_NODE) {
            return Some(UNKNOWN_NODE);
        }
        let nodes = self.tree.nodes();
        let distance = u64::from(nodes.wrapping_sub(node));
        let distance = bits.node_distance.code(coder, distance);
        let node = nodes.checked_sub(u32::try_from(distance).ok()?)?;
        (node < nodes).then_some(node)
    }

    /// So many frames up, so many down, and the site of each of these.
    fn code_way<C: Coder>(&mut self, coder: &mut C, way: Way) -> Option<u32> {
        let up = self.frame_bits.frames_up.code(coder, u64::from(way.up));
        let context = up.min(7) as usize;
        let down = self.frame_bits.frames_down[context].code(coder, usize::from(way.down)) as u8;
        let mut node = self.tree.outside(self.current, u8::try_from(up).ok()?)?;
        for left in (0..down).rev() {
            let caller = self.tree.site_of(node);
            let callee = self.tree.site_outside(way.target, left);
            let is_below = usize::from(left + 1 < down);
            let callee = self.code_callee(coder, is_below, (caller, callee))?;
            node = self.tree.child(node, callee)?;
            self.tree.called(caller, callee);
        }
        Some(node)
    }

    fn code_callee<C: Coder>(
        &mut self,
        coder: &mut C,
        is_below: usize,
        (caller, callee): (u32, u32),
    ) -> Option<u32> {
        let recency = self.tree.recency(caller, callee);
        let recency = self.frame_bits.recency[is_below].code(coder, recency);
        if recency < RECENT {
            return self.tree.recent(caller, recency);
        }
        self.code_site(coder, callee)
    }

    fn code_site<C: Coder>(&mut self, coder: &mut C, site: u32) -> Option<u32> {
        let sites = self.tree.sites();
        let distance = u64::from(sites.wrapping_sub(site));
        let distance = self.frame_bits.site_distance.code(coder, distance);
        let site = sites.checked_sub(u32::try_from(distance).ok()?)?;
        (site < sites).then_some(site)
    }

    /// The number of a node that is given as one of the tree, or as none of it.
    pub(super) fn code_id<C: Coder>(
        &mut self,
        coder: &mut C,
        node: u32,
        id: NodeId,
    ) -> Option<NodeId> {
        if node != UNKNOWN_NODE {
            return self.tree.id_of(node);
        }
        let id = self.frame_bits.unknown_node.code(coder, u64::from(id.0));
        Some(NodeId(u32::try_from(id).ok()?))
    }

    pub(super) fn code_new_node<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: Next,
        item: &Item,
    ) -> Option<Next> {
        let (parent, site) = match actual {
            Next::Node { parent, site } => (parent, site),
            _ => (0, 0),
        };
        let parent = self.code_known_node(coder, parent)?;
        let is_known = site < self.tree.sites();
        let site = if coder.bit(&mut self.frame_bits.is_known_site, is_known) {
            let caller = self.tree.site_of(parent);
            self.code_callee(coder, 0, (caller, site))?
        } else {
            let frame = self.code_frame(coder, item)?;
            self.tree.add_site(frame)
        };
        // What has a new node is most likely an allocation there.
        self.pending = Some(Pending {
            is_realloc: false,
            target: 0,
            left: 0,
        });
        Some(Next::Node { parent, site })
    }

    fn code_frame<C: Coder>(&mut self, coder: &mut C, item: &Item) -> Option<FrameAddress> {
        let frame = match item {
            Item::Record(Record::Node { address, .. }) => *address,
            _ => FrameAddress::Omitted,
        };
        let (kind, code) = match frame {
            FrameAddress::Return(code) => (0, code),
            FrameAddress::Exact(code) => (1, code),
            FrameAddress::Omitted => (2, 0),
        };
        let bits = &mut self.frame_bits;
        let kind = bits.frame_kind.code(coder, kind);
        if kind == 2 {
            return Some(FrameAddress::Omitted);
        }
        let distance = code.wrapping_sub(bits.last_frame) as i64;
        let distance = signed(&mut bits.frame_address, coder, distance);
        let code = bits.last_frame.wrapping_add(distance as u64);
        bits.last_frame = code;
        match kind {
            0 => Some(FrameAddress::Return(code)),
            1 => Some(FrameAddress::Exact(code)),
            _ => None,
        }
    }

    pub(super) fn code_node<C: Coder>(
        &mut self,
        coder: &mut C,
        (parent, site): (u32, u32),
        item: &Item,
    ) -> Option<Record> {
        let (id, parent_id) = match item {
            Item::Record(Record::Node { id, parent, .. }) => (*id, *parent),
            _ => (NodeId(0), NodeId(0)),
        };
        let next = self.tree.next_id();
        let id = if coder.bit(&mut self.frame_bits.is_next_id, id.0 == next) {
            NodeId(next)
        } else {
            let id = self.frame_bits.node_id.code(coder, u64::from(id.0));
            NodeId(u32::try_from(id).ok()?)
        };
        let parent_id = self.code_id(coder, parent, parent_id)?;
        let address = self.tree.site(site).frame;
        self.tree.add(id, parent, site)?;
        Some(Record::Node {
            id,
            parent: parent_id,
            address,
        })
    }
}
