//! The streams' records as events in the order of their stamps.
//!
//! A record of a reallocation is two events: at its start the old block ends, at
//! its stamp the new one begins. Within a stream the file's order holds; between
//! streams the stamps decide, and where [`crate::replay`] sees that they cannot be
//! right it looks ahead into the other streams and takes events out of turn.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

use heapline_trace::{Record, Records, Source, Trace, TraceError};

use crate::stacks::{StackId, StackTree, StreamStacks};
use crate::symbols::Module;

/// Something that happened at a stamp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) stamp: u64,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Begin {
        address: u64,
        bytes: u64,
        stack: StackId,
        by: Cause,
    },
    End {
        address: u64,
        by: Cause,
    },
    /// The stream belongs to another thread from here on.
    Thread,
    Scope(Scope),
}

/// What made a block begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An allocation, or a deallocation.
    Call,
    Reallocation,
}

/// A mark of a `#[profile]` function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Enter {
        depth: u32,
        function: u32,
        line: u32,
    },
    Line {
        depth: u32,
        line: u32,
    },
    Exit {
        depth: u32,
    },
}

/// A thread that recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadName {
    /// Kernel thread id.
    pub tid: u32,
    /// Its name, or nothing.
    pub name: String,
}

/// One stream while it is read.
struct Lane<'a, S> {
    records: Records<'a, S>,
    stacks: StreamStacks,
    /// The oldest event that was not taken yet; `None` at the end.
    head: Option<Event>,
    /// Events behind the head that have been read already.
    ahead: VecDeque<Event>,
    last_stamp: u64,
    threads: Vec<ThreadName>,
    damaged: u64,
}

impl<S: Source> Lane<'_, S> {
    /// Reads up to the next event; `None` at the end.
    fn read(&mut self, tree: &mut StackTree) -> Result<Option<Event>, TraceError> {
        loop {
            let record = match self.records.next() {
                None => return Ok(None),
                Some(Ok(record)) => record,
                Some(Err(error)) if error.is_damaged_block() => {
                    self.damaged += 1;
                    continue;
                }
                Some(Err(error)) => return Err(error),
            };
            if let Some(event) = self.event(record, tree) {
                return Ok(Some(event));
            }
        }
    }

    #[inline]
    fn event(&mut self, record: Record, tree: &mut StackTree) -> Option<Event> {
        let (stamp, what) = match record {
            Record::Alloc {
                stamp,
                address,
                bytes,
                node,
                ..
            } => {
                let stack = self.stacks.stack(tree, node);
                let by = Cause::Call;
                (
                    stamp,
                    What::Begin {
                        address,
                        bytes,
                        stack,
                        by,
                    },
                )
            }
            Record::Dealloc { stamp, address } => {
                let by = Cause::Call;
                (stamp, What::End { address, by })
            }
            Record::Realloc {
                start,
                stamp,
                old_address,
                address,
                bytes,
                node,
            } => {
                let by = Cause::Reallocation;
                let stack = self.stacks.stack(tree, node);
                let what = What::Begin {
                    address,
                    bytes,
                    stack,
                    by,
                };
                self.ahead.push_back(Event { stamp, what });
                let address = old_address;
                (start, What::End { address, by })
            }
            cold => return self.cold(cold, tree),
        };
        Some(Event { stamp, what })
    }

    #[cold]
    fn cold(&mut self, record: Record, tree: &mut StackTree) -> Option<Event> {
        let (stamp, what) = match record {
            Record::Node {
                id,
                parent,
                address,
            } => {
                self.stacks.add_node(tree, id, parent, address);
                return None;
            }
            Record::Module {
                start,
                end,
                bias,
                build_id,
                path,
            } => {
                let path = String::from_utf8_lossy(&path).into_owned();
                let module = Module {
                    start,
                    end,
                    bias,
                    build_id,
                    path,
                };
                self.stacks.add_module(tree, module);
                return None;
            }
            Record::ModulesChanged => {
                self.stacks.forget_modules();
                return None;
            }
            Record::Thread { stamp, tid, name } => {
                let name = String::from_utf8_lossy(&name).into_owned();
                self.threads.push(ThreadName { tid, name });
                (stamp, What::Thread)
            }
            Record::ScopeEnter {
                stamp,
                depth,
                function,
                line,
            } => (
                stamp,
                What::Scope(Scope::Enter {
                    depth,
                    function,
                    line,
                }),
            ),
            Record::ScopeLine { stamp, depth, line } => {
                (stamp, What::Scope(Scope::Line { depth, line }))
            }
            Record::ScopeExit { stamp, depth } => (stamp, What::Scope(Scope::Exit { depth })),
            Record::Unknown { .. }
            | Record::Alloc { .. }
            | Record::Dealloc { .. }
            | Record::Realloc { .. } => return None,
        };
        Some(Event { stamp, what })
    }

    /// Takes the head and puts the next event in its place.
    #[inline]
    fn take(&mut self, tree: &mut StackTree) -> Result<Option<Event>, TraceError> {
        let taken = self.head;
        if let Some(event) = taken {
            self.last_stamp = event.stamp;
            self.head = match self.ahead.pop_front() {
                Some(next) => Some(next),
                None => self.read(tree)?,
            };
        }
        Ok(taken)
    }
}

/// What a stream turned out to hold.
#[derive(Clone, Debug)]
pub(crate) struct LaneFacts {
    pub(crate) threads: Vec<ThreadName>,
    pub(crate) damaged: u64,
}

/// The streams of a trace, merged.
pub(crate) struct Merge<'a, S> {
    lanes: Vec<Lane<'a, S>>,
    /// Stamps of the heads. An entry whose lane has another head is stale.
    order: BinaryHeap<Reverse<(u64, usize)>>,
    tree: StackTree,
}

impl<'a, S: Source> Merge<'a, S> {
    pub(crate) fn open(trace: &'a Trace<S>) -> Result<Self, TraceError> {
        let mut merge = Merge {
            lanes: Vec::new(),
            order: BinaryHeap::new(),
            tree: StackTree::default(),
        };
        for (index, stream) in trace.streams().iter().enumerate() {
            let mut lane = Lane {
                records: trace.records(stream),
                stacks: StreamStacks::default(),
                head: None,
                ahead: VecDeque::new(),
                last_stamp: 0,
                threads: Vec::new(),
                damaged: 0,
            };
            lane.head = lane.read(&mut merge.tree)?;
            if let Some(event) = lane.head {
                merge.order.push(Reverse((event.stamp, index)));
            }
            merge.lanes.push(lane);
        }
        Ok(merge)
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The stamp of the oldest event that was not taken.
    pub(crate) fn next_stamp(&self) -> Option<u64> {
        self.order.peek().map(|Reverse((stamp, _))| *stamp)
    }

    /// The oldest event and its lane.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Event)>, TraceError> {
        loop {
            let Some(mut top) = self.order.peek_mut() else {
                return Ok(None);
            };
            let Reverse((stamp, index)) = *top;
            let lane = &mut self.lanes[index];
            if lane.head.is_none_or(|head| head.stamp != stamp) {
                PeekMut::pop(top);
                continue;
            }
            let Some(event) = lane.take(&mut self.tree)? else {
                continue;
            };
            match lane.head {
                Some(head) => *top = Reverse((head.stamp, index)),
                None => {
                    PeekMut::pop(top);
                }
            }
            return Ok(Some((index, event)));
        }
    }

    /// Takes a lane's head out of turn.
    pub(crate) fn take(&mut self, lane: usize) -> Result<Option<Event>, TraceError> {
        let event = self.lanes[lane].take(&mut self.tree)?;
        if let Some(head) = self.lanes[lane].head {
            self.order.push(Reverse((head.stamp, lane)));
        }
        Ok(event)
    }

    /// Looks ahead in a lane for its next event at an address: its stamp, whether a
    /// block begins there, and how many events must be taken to have it.
    pub(crate) fn look_ahead(
        &mut self,
        lane: usize,
        address: u64,
        until: u64,
    ) -> Result<Option<Ahead>, TraceError> {
        let lane = &mut self.lanes[lane];
        let mut position = 0;
        loop {
            let event = match position {
                0 => lane.head,
                _ => lane.event_ahead(position - 1, &mut self.tree)?,
            };
            let Some(event) = event.filter(|event| event.stamp <= until) else {
                return Ok(None);
            };
            position += 1;
            let begins = match event.what {
                What::Begin { address: at, .. } if at == address => true,
                What::End { address: at, .. } if at == address => false,
                _ => continue,
            };
            return Ok(Some(Ahead {
                stamp: event.stamp,
                begins,
                events: position,
            }));
        }
    }

    /// Whether a lane has no event behind the stamp, now or later.
    pub(crate) fn is_over(&self, lane: usize, stamp: u64) -> bool {
        let lane = &self.lanes[lane];
        lane.head.is_none() && lane.last_stamp <= stamp
    }

    /// The tree of all stacks read, and what each stream held.
    pub(crate) fn finish(self) -> (StackTree, Vec<LaneFacts>) {
        let facts = |lane: Lane<'_, S>| LaneFacts {
            threads: lane.threads,
            damaged: lane.damaged,
        };
        (self.tree, self.lanes.into_iter().map(facts).collect())
    }
}

impl<S: Source> Lane<'_, S> {
    /// The event at a position behind the head, read if need be.
    fn event_ahead(
        &mut self,
        position: usize,
        tree: &mut StackTree,
    ) -> Result<Option<Event>, TraceError> {
        while self.ahead.len() <= position {
            let before = self.ahead.len();
            let Some(event) = self.read(tree)? else {
                return Ok(None);
            };
            // A reallocation has put its second half behind itself.
            self.ahead.insert(before, event);
        }
        Ok(self.ahead.get(position).copied())
    }
}

/// An event that lies ahead in a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    pub(crate) stamp: u64,
    pub(crate) begins: bool,
    /// How many events to take from the lane until it has been taken.
    pub(crate) events: usize,
}
