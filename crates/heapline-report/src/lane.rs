//! One stream's records as events, with its own numbers of nodes and modules resolved.

use std::collections::VecDeque;

use heapline_trace::{ArrayNote, Record, Records, Source, TraceError};

use crate::event::{Cause, Event, Kind, Scope};
use crate::stacks::{StackTree, StreamStacks};
use crate::symbols::Module;
use crate::texts::{StreamTexts, Texts};

/// What all streams have in common.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) tree: StackTree,
    pub(crate) texts: Texts,
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
pub(crate) struct Lane<'a, S> {
    records: Records<'a, S>,
    stacks: StreamStacks,
    texts: StreamTexts,
    /// Notes on arrays that belong to events which were not taken yet, in their order.
    notes: VecDeque<ArrayNote>,
    /// The oldest event that was not taken yet; `None` at the end.
    pub(crate) head: Option<Event>,
    /// Events behind the head that have been read already.
    ahead: VecDeque<Event>,
    pub(crate) last_stamp: u64,
    threads: Vec<ThreadName>,
    damaged: u64,
}

impl<'a, S: Source> Lane<'a, S> {
    /// Begins to read a stream; its first event is the head.
    pub(crate) fn open(records: Records<'a, S>, shared: &mut Shared) -> Result<Self, TraceError> {
        let mut lane = Lane {
            records,
            stacks: StreamStacks::default(),
            texts: StreamTexts::default(),
            notes: VecDeque::new(),
            head: None,
            ahead: VecDeque::new(),
            last_stamp: 0,
            threads: Vec::new(),
            damaged: 0,
        };
        lane.read(shared)?;
        Ok(lane)
    }

    /// What it turned out to hold.
    pub(crate) fn finish(self) -> LaneFacts {
        LaneFacts {
            threads: self.threads,
            damaged: self.damaged,
        }
    }

    /// Makes the next event that can be read the head; none at the end.
    fn read(&mut self, shared: &mut Shared) -> Result<(), TraceError> {
        self.head = None;
        while self.head.is_none() {
            match self.records.next() {
                None => break,
                Some(Ok(record)) => self.put(record, shared),
                Some(Err(error)) if error.is_damaged_block() => self.damaged += 1,
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes a record the head if it is an event.
    #[inline]
    fn put(&mut self, record: Record, shared: &mut Shared) {
        match record {
            Record::Alloc {
                stamp,
                address,
                bytes,
                node,
                ..
            } => {
                let stack = self.stacks.stack(&mut shared.tree, node);
                self.head = Some(Event::begin(stamp, address, bytes, stack, Cause::Call));
            }
            Record::Dealloc { stamp, address } => {
                self.head = Some(Event::other(stamp, address, Kind::End(Cause::Call)));
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
                let stack = self.stacks.stack(&mut shared.tree, node);
                self.head = Some(Event::other(start, old_address, Kind::End(by)));
                self.ahead
                    .push_back(Event::begin(stamp, address, bytes, stack, by));
            }
            cold => self.head = self.cold(cold, shared),
        }
    }

    #[cold]
    fn cold(&mut self, record: Record, shared: &mut Shared) -> Option<Event> {
        let (stamp, kind) = match record {
            Record::Node {
                id,
                parent,
                address,
            } => {
                self.stacks.add_node(&mut shared.tree, id, parent, address);
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
                self.stacks.add_module(&mut shared.tree, module);
                return None;
            }
            Record::ModulesChanged => {
                self.stacks.modules_changed();
                return None;
            }
            Record::Thread { stamp, tid, name } => {
                let name = String::from_utf8_lossy(&name).into_owned();
                self.threads.push(ThreadName { tid, name });
                (stamp, Kind::Thread)
            }
            Record::ScopeEnter {
                stamp,
                depth,
                function,
                line,
            } => (
                stamp,
                Kind::Scope(Scope::Enter {
                    depth,
                    function,
                    line,
                }),
            ),
            Record::ScopeLine { stamp, depth, line } => {
                (stamp, Kind::Scope(Scope::Line { depth, line }))
            }
            Record::ScopeExit { stamp, depth } => (stamp, Kind::Scope(Scope::Exit { depth })),
            Record::Text { id, kind, text } => {
                self.texts.add(&mut shared.texts, id, kind, text);
                return None;
            }
            Record::Array { stamp, note } => {
                let note = note.with_texts(|id| self.texts.get(id));
                self.notes.push_back(note);
                (stamp, Kind::Array)
            }
            Record::Unknown { .. }
            | Record::Alloc { .. }
            | Record::Dealloc { .. }
            | Record::Realloc { .. } => return None,
        };
        Some(Event::other(stamp, 0, kind))
    }

    /// The note of the head, which is one on an array.
    pub(crate) fn take_note(&mut self) -> Option<ArrayNote> {
        self.notes.pop_front()
    }

    /// Replaces the head, which has been seen, by the next event.
    #[inline]
    pub(crate) fn advance(&mut self, shared: &mut Shared) -> Result<(), TraceError> {
        if let Some(head) = &self.head {
            self.last_stamp = head.stamp;
        }
        if let Some(next) = self.ahead.pop_front() {
            self.head = Some(next);
            return Ok(());
        }
        self.read(shared)
    }

    /// The event at a position behind the head, read if need be.
    pub(crate) fn event_ahead(
        &mut self,
        position: usize,
        shared: &mut Shared,
    ) -> Result<Option<Event>, TraceError> {
        while self.ahead.len() <= position {
            let (before, head) = (self.ahead.len(), self.head);
            self.read(shared)?;
            let read = std::mem::replace(&mut self.head, head);
            let Some(event) = read else {
                return Ok(None);
            };
            // A reallocation has put its second half behind itself.
            self.ahead.insert(before, event);
        }
        Ok(self.ahead.get(position).copied())
    }
}

/// What a stream turned out to hold.
#[derive(Clone, Debug)]
pub(crate) struct LaneFacts {
    pub(crate) threads: Vec<ThreadName>,
    pub(crate) damaged: u64,
}
