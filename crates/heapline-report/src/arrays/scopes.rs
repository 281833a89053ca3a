//! Which line of a `#[profile]` function each thread is at.

use crate::event::Scope;

#[derive(Clone, Copy, Debug)]
struct Activation {
    depth: u32,
    function: u32,
    line: u32,
}

/// The innermost activations of all lanes.
#[derive(Debug, Default)]
pub(super) struct CurrentLines {
    lanes: Vec<Vec<Activation>>,
}

impl CurrentLines {
    fn lane(&mut self, lane: usize) -> &mut Vec<Activation> {
        if lane >= self.lanes.len() {
            self.lanes.resize_with(lane + 1, Vec::new);
        }
        &mut self.lanes[lane]
    }

    /// The lane belongs to another thread.
    pub(super) fn clear(&mut self, lane: usize) {
        self.lane(lane).clear();
    }

    pub(super) fn mark(&mut self, lane: usize, scope: Scope) {
        let activations = self.lane(lane);
        let end = |activations: &mut Vec<Activation>, depth: u32| {
            while activations.pop_if(|other| other.depth >= depth).is_some() {}
        };
        match scope {
            Scope::Enter {
                depth,
                function,
                line,
            } => {
                end(activations, depth);
                activations.push(Activation {
                    depth,
                    function,
                    line,
                });
            }
            Scope::Line { depth, line } => {
                end(activations, depth.saturating_add(1));
                if let Some(last) = activations.last_mut().filter(|last| last.depth == depth) {
                    last.line = line;
                }
            }
            Scope::Exit { depth } => end(activations, depth),
        }
    }

    /// Function and index of the line that the lane is at.
    pub(super) fn current(&self, lane: usize) -> Option<(u32, u32)> {
        let innermost = self.lanes.get(lane)?.last()?;
        Some((innermost.function, innermost.line))
    }
}
