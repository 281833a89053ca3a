//! What the tests build captures into: a tree of nodes in vectors, memory that
//! is leaked, and the `backtrace` crate's stack to compare with.
#![allow(dead_code)]

use std::collections::{HashMap, HashSet};

use heapline_unwind::{
    FIRST_NODE, FrameAddress, Module, Pages, Registers, StackEnd, StackLog, Unwinder,
};

/// Memory without end.
pub(crate) struct LeakedPages;

impl Pages for LeakedPages {
    fn zeroed(&mut self, words: usize) -> Option<&'static mut [u64]> {
        Some(Box::leak(vec![0; words].into_boxed_slice()))
    }

    fn release(&mut self, _words: &'static mut [u64]) {}
}

/// No memory, or as much as there are requests left.
pub(crate) struct NoPages;

impl Pages for NoPages {
    fn zeroed(&mut self, _words: usize) -> Option<&'static mut [u64]> {
        None
    }

    fn release(&mut self, _words: &'static mut [u64]) {}
}

/// A module as it was told.
#[derive(Clone, Debug)]
pub(crate) struct KnownModule {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) bias: u64,
    pub(crate) build_id: Vec<u8>,
    pub(crate) path: String,
}

/// The nodes that were told.
#[derive(Default)]
pub(crate) struct Tree {
    /// Parent and frame, by number.
    nodes: HashMap<u32, (u32, FrameAddress)>,
    pairs: HashSet<(u32, FrameAddress)>,
    pub(crate) modules: Vec<KnownModule>,
    pub(crate) modules_changed: u32,
    /// Nodes told.
    pub(crate) told: u64,
}

impl StackLog for Tree {
    fn node(&mut self, node: u32, parent: u32, address: FrameAddress) -> bool {
        assert_eq!(u64::from(node), u64::from(FIRST_NODE) + self.told);
        assert!(parent < node && !self.nodes.contains_key(&node));
        assert!(self.pairs.insert((parent, address)), "told twice");
        self.nodes.insert(node, (parent, address));
        self.told += 1;
        true
    }

    fn module(&mut self, module: &Module<'_>) {
        self.modules.push(KnownModule {
            start: module.start,
            end: module.end,
            bias: module.bias,
            build_id: module.build_id.to_vec(),
            path: String::from_utf8_lossy(module.path).into_owned(),
        });
    }

    fn modules_changed(&mut self) {
        self.modules_changed += 1;
        // A node may be told anew, under another number.
        self.pairs.clear();
    }
}

impl Tree {
    /// Frames of a node, innermost first, and the end of its stack.
    pub(crate) fn stack(&self, node: u32) -> (Vec<FrameAddress>, StackEnd) {
        let mut frames = Vec::new();
        let mut node = node;
        while let Some(&(parent, address)) = self.nodes.get(&node) {
            frames.push(address);
            node = parent;
        }
        (frames, StackEnd::of_root(node).expect("a root"))
    }
}

/// An unwinder with the tree it fills.
pub(crate) struct Recorder {
    /// Some 14 KiB: too much for the frames of deep recursion.
    pub(crate) unwinder: Box<Unwinder>,
    pub(crate) tree: Tree,
}

impl Recorder {
    pub(crate) fn new(max_frames: u32) -> Recorder {
        Recorder {
            unwinder: Box::new(Unwinder::new(max_frames)),
            tree: Tree::default(),
        }
    }

    pub(crate) fn capture(&mut self, start: Registers) -> u32 {
        self.unwinder
            .capture(start, &mut LeakedPages, &mut self.tree)
    }

    /// Captures the stack of the calling function and its callers, and panics
    /// unless it is what libgcc finds. The first frame is left out: there, the
    /// two ask at different instructions.
    #[inline(never)]
    pub(crate) fn check(&mut self) -> usize {
        let start = Registers::current();
        let node = self.capture(start);
        let (frames, end) = self.tree.stack(node);
        let right = oracle(start.sp);
        assert_eq!(end, StackEnd::Complete);
        assert_eq!(plain(&frames[1..]), right[1..]);
        frames.len()
    }
}

pub(crate) fn plain(frames: &[FrameAddress]) -> Vec<u64> {
    let address = |frame: &FrameAddress| match *frame {
        FrameAddress::ReturnAddress(address) | FrameAddress::Exact(address) => address,
        FrameAddress::Omitted => 0,
    };
    frames.iter().map(address).collect()
}

/// Instruction pointers of the frame with this stack pointer and all frames
/// outside of it, innermost first, from libgcc.
///
/// libgcc gives one more frame, with an address of zero, at the end of a stack
/// whose outermost frame says that it is the outermost: it steps out of that
/// frame and reports where it arrives before it looks whether it has arrived
/// anywhere.
#[inline(never)]
pub(crate) fn oracle(sp: u64) -> Vec<u64> {
    let mut frames = Vec::new();
    let mut inside = false;
    backtrace::trace(|frame| {
        inside |= frame.sp() as u64 == sp;
        if inside {
            frames.push(frame.ip() as u64);
        }
        true
    });
    assert_eq!(frames.pop(), Some(0));
    frames
}
