//! Deep random recursion: binary trees built by a recursion that turns left and right at
//! random, so that nearly every allocation has a call stack of its own.

use crate::random::Random;

const TREES: u64 = 8;
const NODES_PER_TREE: u64 = 200_000;

struct Node {
    key: u64,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
}

pub(super) fn run() -> u64 {
    (0..TREES)
        .map(|seed| {
            let tree = build(NODES_PER_TREE, &mut Random::new(seed));
            sum(tree.as_deref(), 1)
        })
        .sum()
}

/// A tree of so many nodes. One side gets up to a quarter of them: a node is 30 calls
/// deep on average, and 80 at most.
fn build(nodes: u64, random: &mut Random) -> Option<Box<Node>> {
    if nodes == 0 {
        return None;
    }
    let key = random.next();
    let small = random.below(nodes.div_ceil(4));
    let large = nodes - 1 - small;
    let (left, right) = if key & 1 == 0 {
        (small, large)
    } else {
        (large, small)
    };
    let mut node = Box::new(Node {
        key,
        left: None,
        right: None,
    });
    node.left = build(left, random);
    node.right = build(right, random);
    Some(node)
}

/// Keys weighted by their depth.
fn sum(node: Option<&Node>, depth: u64) -> u64 {
    node.map_or(0, |node| {
        let below = sum(node.left.as_deref(), depth + 1);
        (node.key >> 40) * depth + below + sum(node.right.as_deref(), depth + 1)
    }) % 1_000_000_007
}
