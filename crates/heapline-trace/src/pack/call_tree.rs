//! The call tree of a stream as far as it has been read, and ways through it: a stack
//! is foretold as so many frames up from the one before and then down the same sites
//! as last time, which holds wherever in a recursion the program is.

use std::collections::HashMap;

use crate::{FrameAddress, NodeId};

/// Most frames that a way may lead down.
const MOST_DOWN: usize = 24;
/// Callees that a site remembers.
pub(super) const RECENT: usize = 7;
/// Most runs of numbers without a gap; each gap is a lost block.
const MOST_RUNS: usize = 1 << 10;
/// Stands for a node that was never defined.
pub(super) const UNKNOWN_NODE: u32 = u32::MAX;

/// A node, by its place in [`CallTree::nodes`]: what is needed on the way past it.
struct Node {
    parent: u32,
    site: u32,
    depth: u32,
}

/// What is needed at a node.
struct NodeFacts {
    id: NodeId,
    /// Bytes of the newest block allocated here; `u64::MAX` if there is none.
    bytes: u64,
}

/// A place in the program, and what it allocated last.
pub(super) struct Site {
    pub(super) frame: FrameAddress,
    /// Bytes allocated and reallocated to last; `u64::MAX` if never.
    pub(super) bytes: [u64; 2],
    /// Whether each of the newest predictions of bytes failed, the newest in bit 0.
    pub(super) failures: u8,
    pub(super) zeroed: bool,
    /// Sites that were called from here, the last one first.
    below: [u32; RECENT],
}

/// Consecutive numbers of nodes that lie one behind the other.
struct Run {
    first_id: u32,
    first: u32,
    length: u32,
}

/// From one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) up: u8,
    pub(super) down: u8,
    pub(super) target: u32,
}

impl Way {
    /// The way that stays.
    pub(super) const NOWHERE: Way = Way {
        up: 0,
        down: 0,
        target: 0,
    };
    /// `down` of a way that leads to its target from anywhere.
    const FROM_ANYWHERE: u8 = u8::MAX;
}

/// Where a way leads.
pub(super) enum Reached {
    Node(u32),
    /// It ends here: this child does not exist yet, and `left` more are below it.
    Missing {
        parent: u32,
        site: u32,
        left: u8,
    },
}

pub(super) struct CallTree {
    /// The first are the roots.
    nodes: Vec<Node>,
    facts: Vec<NodeFacts>,
    sites: Vec<Site>,
    runs: Vec<Run>,
    /// A hash table of all nodes by parent and site, at most half full; 0 is free.
    children: Vec<u32>,
    /// For the writer alone.
    site_numbers: HashMap<FrameAddress, u32>,
}

impl CallTree {
    pub(super) fn new() -> Self {
        let roots = 0..NodeId::FIRST_FRAME.0;
        let root = |id| Node {
            parent: id,
            site: 0,
            depth: 0,
        };
        CallTree {
            nodes: roots.clone().map(root).collect(),
            facts: roots.map(|id| NodeFacts::new(NodeId(id))).collect(),
            sites: vec![Site::new(FrameAddress::Omitted)],
            runs: vec![Run {
                first_id: 0,
                first: 0,
                length: NodeId::FIRST_FRAME.0,
            }],
            children: vec![0; 64],
            site_numbers: HashMap::new(),
        }
    }

    pub(super) fn nodes(&self) -> u32 {
        self.nodes.len() as u32
    }

    pub(super) fn sites(&self) -> u32 {
        self.sites.len() as u32
    }

    /// Bytes of the newest block allocated at a node; `u64::MAX` if there is none.
    pub(super) fn bytes_at(&self, node: u32) -> u64 {
        self.facts
            .get(node as usize)
            .map_or(u64::MAX, |node| node.bytes)
    }

    pub(super) fn set_bytes_at(&mut self, node: u32, bytes: u64) {
        if let Some(node) = self.facts.get_mut(node as usize) {
            node.bytes = bytes;
        }
    }

    /// The site of a node; of one that is unknown the roots' site.
    pub(super) fn site_of(&self, node: u32) -> u32 {
        self.nodes.get(node as usize).map_or(0, |node| node.site)
    }

    pub(super) fn site(&mut self, site: u32) -> &mut Site {
        // Sites come from nodes, which name sites that exist.
        let site = if site < self.sites() { site } else { 0 };
        &mut self.sites[site as usize]
    }

    pub(super) fn id_of(&self, node: u32) -> Option<NodeId> {
        self.facts.get(node as usize).map(|node| node.id)
    }

    /// The newest node with this number, or [`UNKNOWN_NODE`].
    pub(super) fn find(&self, id: NodeId) -> u32 {
        let within = |run: &&Run| id.0.wrapping_sub(run.first_id) < run.length;
        self.runs
            .iter()
            .rev()
            .find(within)
            .map_or(UNKNOWN_NODE, |run| run.first + (id.0 - run.first_id))
    }

    /// The number that the next node has if no block was lost.
    pub(super) fn next_id(&self) -> u32 {
        self.runs
            .last()
            .map_or(0, |run| run.first_id.wrapping_add(run.length))
    }

    /// The site of a frame, for the writer; none if it is new.
    pub(super) fn find_site(&self, frame: FrameAddress) -> Option<u32> {
        self.site_numbers.get(&frame).copied()
    }

    pub(super) fn add_site(&mut self, frame: FrameAddress) -> u32 {
        let number = self.sites();
        self.sites.push(Site::new(frame));
        self.site_numbers.insert(frame, number);
        number
    }

    /// Adds a node. `None` if the numbers have more gaps than a trace can have.
    pub(super) fn add(&mut self, id: NodeId, parent: u32, site: u32) -> Option<u32> {
        let number = self.nodes();
        let next = self.next_id();
        let runs = self.runs.len();
        match self.runs.last_mut().filter(|_| next == id.0) {
            Some(run) => run.length += 1,
            None if runs == MOST_RUNS => return None,
            None => self.runs.push(Run {
                first_id: id.0,
                first: number,
                length: 1,
            }),
        }
        let depth = self.nodes.get(parent as usize).map_or(0, |node| node.depth);
        self.facts.push(NodeFacts::new(id));
        self.nodes.push(Node {
            // A parent that is unknown ends every way, as a root does.
            parent: if parent < number { parent } else { 0 },
            site,
            depth: depth + 1,
        });
        if self.nodes.len() * 2 > self.children.len() {
            self.grow_children();
        }
        let slot = self.child_slot(self.nodes[number as usize].parent, site);
        self.children[slot] = number;
        self.called(self.site_of(parent), site);
        Some(number)
    }

    fn grow_children(&mut self) {
        let slots = self.children.len() * 2;
        self.children.clear();
        self.children.resize(slots, 0);
        for number in NodeId::FIRST_FRAME.0..self.nodes() - 1 {
            let node = &self.nodes[number as usize];
            let slot = self.child_slot(node.parent, node.site);
            self.children[slot] = number;
        }
    }

    /// Where a child is in the table, or is to be.
    fn child_slot(&self, parent: u32, site: u32) -> usize {
        let key = u64::from(parent) << 32 | u64::from(site);
        let bits = self.children.len().trailing_zeros();
        let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits)) as usize;
        while let number @ 1.. = self.children[slot] {
            let node = &self.nodes[number as usize];
            if node.parent == parent && node.site == site {
                break;
            }
            slot = (slot + 1) & (self.children.len() - 1);
        }
        slot
    }

    /// How long ago a site called another one: 0 is the last time, [`RECENT`] too long.
    pub(super) fn recency(&self, caller: u32, callee: u32) -> usize {
        let below = &self.sites[caller as usize].below;
        let place = below.iter().position(|&site| site == callee);
        place.unwrap_or(RECENT)
    }

    pub(super) fn recent(&self, caller: u32, recency: usize) -> Option<u32> {
        self.sites[caller as usize].below.get(recency).copied()
    }

    /// A site called another one just now.
    pub(super) fn called(&mut self, caller: u32, callee: u32) {
        let place = self.recency(caller, callee).min(RECENT - 1);
        let below = &mut self.sites[caller as usize].below[..=place];
        below.rotate_right(1);
        below[0] = callee;
    }

    /// The node some frames outside of another one.
    pub(super) fn outside(&self, node: u32, frames: u8) -> Option<u32> {
        let mut node = node;
        for _ in 0..frames {
            node = self.nodes.get(node as usize)?.parent;
        }
        Some(node)
    }

    /// Whether each step down a way finds its node.
    pub(super) fn can_descend(&self, way: Way) -> bool {
        let mut node = way.target;
        for _ in 0..way.down {
            let Some(child) = self.nodes.get(node as usize) else {
                return false;
            };
            if self.child(child.parent, child.site) != Some(node) {
                return false;
            }
            node = child.parent;
        }
        way.down != Way::FROM_ANYWHERE
    }

    pub(super) fn child(&self, parent: u32, site: u32) -> Option<u32> {
        let number = self.children[self.child_slot(parent, site)];
        (number != 0).then_some(number)
    }

    /// The way from one node to another.
    pub(super) fn way(&self, from: u32, to: u32) -> Way {
        let (mut a, mut b, mut up, mut down) = (from, to, 0u8, 0u8);
        let depth = |node: u32| self.nodes.get(node as usize).map_or(0, |node| node.depth);
        let parent = |node: u32| self.nodes.get(node as usize).map_or(0, |node| node.parent);
        while a != b {
            let (above, below) = (depth(a), depth(b));
            let is_far = up == u8::MAX || usize::from(down) == MOST_DOWN;
            if is_far || (above == 0 && below == 0) {
                return Way {
                    up: 0,
                    down: Way::FROM_ANYWHERE,
                    target: to,
                };
            }
            if above >= below {
                a = parent(a);
                up += 1;
            } else {
                b = parent(b);
                down += 1;
            }
        }
        Way {
            up,
            down,
            target: to,
        }
    }

    /// Goes a way from a node.
    pub(super) fn follow(&self, from: u32, way: Way) -> Option<Reached> {
        if way.down == Way::FROM_ANYWHERE {
            return Some(Reached::Node(way.target));
        }
        let start = self.outside(from, way.up)?;
        let mut sites = [0; MOST_DOWN];
        let down = usize::from(way.down);
        let mut end = way.target;
        for site in sites.get_mut(..down)?.iter_mut().rev() {
            let node = self.nodes.get(end as usize)?;
            *site = node.site;
            end = node.parent;
        }
        if end == start {
            return Some(Reached::Node(way.target));
        }
        let mut node = start;
        for (index, &site) in sites[..down].iter().enumerate() {
            match self.child(node, site) {
                Some(child) => node = child,
                None => {
                    return Some(Reached::Missing {
                        parent: node,
                        site,
                        left: (down - index - 1) as u8,
                    });
                }
            }
        }
        Some(Reached::Node(node))
    }

    /// The site of the frame that lies `left` frames outside of a node.
    pub(super) fn site_outside(&self, node: u32, left: u8) -> u32 {
        self.outside(node, left)
            .map_or(0, |node| self.site_of(node))
    }
}

impl NodeFacts {
    fn new(id: NodeId) -> Self {
        NodeFacts {
            id,
            bytes: u64::MAX,
        }
    }
}

impl Site {
    fn new(frame: FrameAddress) -> Self {
        Site {
            frame,
            bytes: [u64::MAX; 2],
            failures: 0,
            zeroed: false,
            below: [0; RECENT],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_holds_elsewhere_in_the_tree() {
        let mut tree = CallTree::new();
        let mut add = |id: u32, parent: u32, site: u64| {
            let frame = FrameAddress::Return(site);
            let site = tree.find_site(frame).unwrap_or_else(|| tree.sites());
            if site == tree.sites() {
                tree.add_site(frame);
            }
            tree.add(NodeId(id), parent, site).expect("no gaps")
        };
        // main calls f twice; below each f lie g and h.
        let main = add(16, 0, 1);
        let (first, second) = (add(17, main, 2), add(18, main, 3));
        let (g, h) = (add(19, first, 4), add(20, first, 5));
        let other_g = add(21, second, 4);
        let way = tree.way(g, h);
        assert_eq!((way.up, way.down), (1, 1));
        let missing = tree.follow(other_g, way);
        assert!(
            matches!(missing, Some(Reached::Missing { parent, left: 0, .. }) if parent == second)
        );
        let site = tree.site_of(h);
        let other_h = tree.add(NodeId(22), second, site).expect("no gaps");
        assert!(matches!(tree.follow(other_g, way), Some(Reached::Node(node)) if node == other_h));
        assert_eq!(tree.find(NodeId(22)), other_h);
        assert_eq!(tree.find(NodeId(23)), UNKNOWN_NODE);
    }
}
