//! All streams' stacks as one tree.
//!
//! A *node* is a frame under its caller, so it names a whole stack; a *site* is a
//! distinct address in a distinct module; a *stack* is a node at which events
//! happened. Node numbers below [`NodeId::FIRST_FRAME`] are the trace's roots.

use heapline_trace::{FrameAddress, NodeId};
use rustc_hash::FxHashMap;

use crate::symbols::{Module, Site};

/// A node that carries events: an index into every table of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub u32);

impl StackId {
    /// The index as such.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

const NONE: u32 = u32::MAX;

/// Nodes of a stream that may be missing in a row.
const LARGEST_GAP: usize = 1 << 22;

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    site: u32,
    /// The root at its outer end.
    root: u32,
    stack: u32,
}

/// The tree, its sites and their modules.
#[derive(Debug)]
pub struct StackTree {
    nodes: Vec<Node>,
    children: FxHashMap<(u32, u32), u32>,
    sites: Vec<Site>,
    site_numbers: FxHashMap<(FrameAddress, Option<usize>), u32>,
    modules: Vec<Module>,
    stacks: Vec<u32>,
}

impl Default for StackTree {
    fn default() -> Self {
        let root = |number| Node {
            parent: number,
            site: NONE,
            root: number,
            stack: NONE,
        };
        StackTree {
            nodes: (0..NodeId::FIRST_FRAME.0).map(root).collect(),
            children: FxHashMap::default(),
            sites: Vec::new(),
            site_numbers: FxHashMap::default(),
            modules: Vec::new(),
            stacks: Vec::new(),
        }
    }
}

impl StackTree {
    /// The module's number; the same module of another stream has the same one.
    pub(crate) fn module(&mut self, module: Module) -> usize {
        let known = self.modules.iter().position(|other| {
            (other.start, other.end, other.bias) == (module.start, module.end, module.bias)
                && other.build_id == module.build_id
                && other.path == module.path
        });
        known.unwrap_or_else(|| {
            self.modules.push(module);
            self.modules.len() - 1
        })
    }

    pub(crate) fn site(&mut self, address: FrameAddress, module: Option<usize>) -> u32 {
        let sites = &mut self.sites;
        *self
            .site_numbers
            .entry((address, module))
            .or_insert_with(|| {
                sites.push(Site { address, module });
                (sites.len() - 1) as u32
            })
    }

    pub(crate) fn node(&mut self, parent: u32, site: u32) -> u32 {
        let nodes = &mut self.nodes;
        *self.children.entry((parent, site)).or_insert_with(|| {
            let root = nodes[parent as usize].root;
            nodes.push(Node {
                parent,
                site,
                root,
                stack: NONE,
            });
            (nodes.len() - 1) as u32
        })
    }

    /// The stack that ends at a node.
    fn stack(&mut self, node: u32) -> StackId {
        let entry = &mut self.nodes[node as usize];
        if entry.stack == NONE {
            entry.stack = self.stacks.len() as u32;
            self.stacks.push(node);
        }
        StackId(entry.stack)
    }

    /// How many stacks there are; their numbers are below.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stacks.len()
    }

    /// Whether no event happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty()
    }

    /// Every stack.
    pub fn ids(&self) -> impl Iterator<Item = StackId> + use<> {
        (0..self.stacks.len() as u32).map(StackId)
    }

    /// The sites of a stack, innermost first, as indices into [`StackTree::sites`].
    pub fn sites_of(&self, stack: StackId) -> impl Iterator<Item = usize> + '_ {
        let mut at = self.stacks[stack.index()];
        std::iter::from_fn(move || {
            let node = self.nodes[at as usize];
            at = node.parent;
            (node.site != NONE).then_some(node.site as usize)
        })
    }

    /// What lies outside of the outermost frame: how the walk ended.
    #[must_use]
    pub fn root_of(&self, stack: StackId) -> NodeId {
        NodeId(self.nodes[self.stacks[stack.index()] as usize].root)
    }

    /// The distinct sites.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The distinct modules.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }
}

/// From one stream's numbers to those of the tree.
#[derive(Default)]
pub(crate) struct StreamStacks {
    nodes: Vec<u32>,
    /// The nodes' stacks, apart from them: nearly every event looks here.
    stacks: Vec<u32>,
    modules: Vec<(u64, u64, usize)>,
    sites: FxHashMap<FrameAddress, u32>,
}

impl StreamStacks {
    pub(crate) fn add_module(&mut self, tree: &mut StackTree, module: Module) {
        let range = (module.start, module.end);
        self.modules.push((range.0, range.1, tree.module(module)));
        self.sites.clear();
    }

    /// Addresses may mean something else from here on. Modules stay: those that are
    /// still mapped are not told again, and of two that overlap the later one counts.
    pub(crate) fn modules_changed(&mut self) {
        self.sites.clear();
    }

    /// A node whose caller was never seen stays unknown itself.
    pub(crate) fn add_node(
        &mut self,
        tree: &mut StackTree,
        id: NodeId,
        parent: NodeId,
        address: FrameAddress,
    ) {
        let parent = self.node(parent);
        if parent == NodeId::LOST.0 {
            return;
        }
        let site = self.site(tree, address);
        let index = id.0.saturating_sub(NodeId::FIRST_FRAME.0) as usize;
        // Numbers ascend by one, and a gap is what lost blocks held. A larger one is
        // a flipped bit, which must not ask for gigabytes.
        if index > self.nodes.len() + LARGEST_GAP {
            return;
        }
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, NodeId::LOST.0);
            self.stacks.resize(index + 1, NONE);
        }
        self.nodes[index] = tree.node(parent, site);
        self.stacks[index] = NONE;
    }

    fn site(&mut self, tree: &mut StackTree, address: FrameAddress) -> u32 {
        if let Some(&site) = self.sites.get(&address) {
            return site;
        }
        let module = address.call_site().and_then(|code| {
            let holds = |&&(start, end, _): &&(u64, u64, usize)| (start..end).contains(&code.0);
            self.modules.iter().rev().find(holds).map(|module| module.2)
        });
        let site = tree.site(address, module);
        self.sites.insert(address, site);
        site
    }

    /// The stream's node in the tree, or the root of lost stacks.
    fn node(&self, id: NodeId) -> u32 {
        if id.is_root() {
            return id.0;
        }
        let index = (id.0 - NodeId::FIRST_FRAME.0) as usize;
        self.nodes.get(index).copied().unwrap_or(NodeId::LOST.0)
    }

    /// The stack that ends at the stream's node.
    #[inline]
    pub(crate) fn stack(&mut self, tree: &mut StackTree, id: NodeId) -> StackId {
        let index = id.0.wrapping_sub(NodeId::FIRST_FRAME.0) as usize;
        match self.stacks.get(index) {
            Some(&stack) if stack != NONE => StackId(stack),
            _ => self.new_stack(tree, id),
        }
    }

    #[cold]
    fn new_stack(&mut self, tree: &mut StackTree, id: NodeId) -> StackId {
        let stack = tree.stack(self.node(id));
        let index = id.0.wrapping_sub(NodeId::FIRST_FRAME.0) as usize;
        if let Some(known) = self.stacks.get_mut(index) {
            *known = stack.0;
        }
        stack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(start: u64, path: &str) -> Module {
        Module {
            start,
            end: start + 0x1000,
            bias: start,
            build_id: Vec::new(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn streams_share_stacks_and_modules_part_them() {
        let mut tree = StackTree::default();
        let mut streams = [StreamStacks::default(), StreamStacks::default()];
        let first = NodeId::FIRST_FRAME;
        for stream in &mut streams {
            stream.add_module(&mut tree, module(0x1000, "app"));
            let at = FrameAddress::Return(0x1010);
            stream.add_node(&mut tree, first, NodeId::COMPLETE, at);
        }
        let node = streams[0].node(first);
        assert_eq!(node, streams[1].node(first));
        let [one, _] = &mut streams;
        one.modules_changed();
        one.add_module(&mut tree, module(0x1000, "plugin"));
        let later = NodeId(first.0 + 1);
        one.add_node(
            &mut tree,
            later,
            NodeId::COMPLETE,
            FrameAddress::Return(0x1010),
        );
        assert_ne!(one.node(later), node);
        assert_eq!((tree.modules().len(), tree.sites().len()), (2, 2));
    }

    #[test]
    fn a_node_under_an_unknown_one_is_lost() {
        let mut tree = StackTree::default();
        let mut stream = StreamStacks::default();
        let (unknown, inner) = (NodeId(20), NodeId(21));
        stream.add_node(&mut tree, inner, unknown, FrameAddress::Return(5));
        assert_eq!(stream.node(inner), NodeId::LOST.0);
        assert_eq!(stream.node(NodeId(9_999)), NodeId::LOST.0);
    }
}
