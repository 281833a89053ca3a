//! What `#[profile]` functions did, line by line.
//!
//! Per thread there is a stack of activations, each with the line it is at. A line's
//! Increment is what the thread's net bytes changed by while the line was current in
//! some activation of its function; in a recursion only the outermost counts, since
//! the inner ones lie within it. Its Mem usage is the process's live bytes when the
//! activation left it.

use rustc_hash::FxHashMap;

use crate::event::Scope;
use crate::replay::Moment;

/// The line of a function that stands for its entry.
const ENTRY: u32 = 0;

/// What was counted for one line of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScopeLine {
    /// The process's largest live bytes after it; `None` if it was never left.
    pub(crate) live_bytes: Option<u64>,
    /// Net bytes of its executions.
    pub(crate) increment: i64,
}

#[derive(Clone, Copy, Debug)]
struct Activation {
    depth: u32,
    function: u32,
    line: u32,
    /// The thread's net bytes when the line became current.
    net_before: i64,
    /// No outer activation of this thread is at the same line.
    outermost: bool,
}

#[derive(Debug, Default)]
struct Thread {
    net_bytes: i64,
    activations: Vec<Activation>,
    /// How many activations are at a line.
    current: FxHashMap<(u32, u32), u32>,
}

/// All lines of all functions, while they are counted.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    threads: Vec<Thread>,
    lines: FxHashMap<(u32, u32), ScopeLine>,
    live_bytes: u64,
}

impl Scopes {
    #[inline]
    pub(crate) fn net(&mut self, moment: Moment, bytes: i64) {
        self.live_bytes = moment.live_bytes;
        let thread = self.thread(moment.lane);
        thread.net_bytes = thread.net_bytes.wrapping_add(bytes);
    }

    #[inline]
    fn thread(&mut self, lane: usize) -> &mut Thread {
        if lane >= self.threads.len() {
            self.threads.resize_with(lane + 1, Thread::default);
        }
        &mut self.threads[lane]
    }

    /// The lane belongs to another thread: whatever was active is not any more.
    pub(crate) fn new_thread(&mut self, moment: Moment) {
        self.pop(moment.lane, 0);
    }

    pub(crate) fn mark(&mut self, moment: Moment, scope: Scope) {
        self.live_bytes = moment.live_bytes;
        match scope {
            Scope::Enter {
                depth,
                function,
                line,
            } => {
                self.pop(moment.lane, depth);
                if line == ENTRY {
                    self.sample((function, ENTRY));
                }
                self.open(moment.lane, depth, function, line);
            }
            Scope::Line { depth, line } => {
                self.pop(moment.lane, depth.saturating_add(1));
                let activations = &mut self.thread(moment.lane).activations;
                if let Some(left) = activations.pop_if(|activation| activation.depth == depth) {
                    self.close(moment.lane, left);
                    self.open(moment.lane, depth, left.function, line);
                }
            }
            Scope::Exit { depth } => self.pop(moment.lane, depth),
        }
    }

    /// Ends the activations from `depth` on, the innermost first.
    fn pop(&mut self, lane: usize, depth: u32) {
        while let Some(left) = self
            .thread(lane)
            .activations
            .pop_if(|activation| activation.depth >= depth)
        {
            self.close(lane, left);
        }
    }

    fn open(&mut self, lane: usize, depth: u32, function: u32, line: u32) {
        let thread = self.thread(lane);
        let current = thread.current.entry((function, line)).or_default();
        *current += 1;
        thread.activations.push(Activation {
            depth,
            function,
            line,
            net_before: thread.net_bytes,
            outermost: *current == 1,
        });
    }

    fn close(&mut self, lane: usize, left: Activation) {
        let key = (left.function, left.line);
        let thread = self.thread(lane);
        if let Some(current) = thread.current.get_mut(&key) {
            *current -= 1;
        }
        let net = thread.net_bytes.wrapping_sub(left.net_before);
        if left.line == ENTRY {
            return;
        }
        self.sample(key);
        if left.outermost {
            let line = self.lines.entry(key).or_default();
            line.increment = line.increment.wrapping_add(net);
        }
    }

    fn sample(&mut self, key: (u32, u32)) {
        let line = self.lines.entry(key).or_default();
        line.live_bytes = line.live_bytes.max(Some(self.live_bytes));
    }

    /// Ends what is still active and returns the lines by function and index.
    pub(crate) fn finish(mut self) -> FxHashMap<(u32, u32), ScopeLine> {
        for lane in 0..self.threads.len() {
            self.pop(lane, 0);
        }
        self.lines
    }
}
