//! The stacks below which something is counted.

use crate::{EVENTS, counted, depth, paths, recursion};

/// How the stacks of one benchmark differ from event to event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A loop at the end of so many calls: one stack.
    Depth(u32),
    /// One event at the end of so many calls.
    Once(u32),
    /// 12 calls, each to one of two functions: 4,096 stacks, in random order.
    Alternating,
    /// A recursion that turns left and right at random: nearly every stack is new,
    /// also in the second round.
    Recursion,
}

impl Shape {
    /// Calls `event` [`EVENTS`] times, or once.
    fn run(self, round: u32, event: &mut dyn FnMut()) {
        match self {
            Shape::Depth(calls) => depth::run(calls, &mut || {
                for _ in 0..EVENTS {
                    event();
                }
            }),
            Shape::Once(calls) => depth::run(calls, event),
            Shape::Alternating => paths::run(event),
            Shape::Recursion => recursion::run(u64::from(round), event),
        }
    }
}

/// Calls `event` below the stacks of the shape; the second round finds those of the first.
pub fn counted_in(shape: Shape, event: &mut dyn FnMut()) {
    counted(&mut |round| shape.run(round, event));
}
