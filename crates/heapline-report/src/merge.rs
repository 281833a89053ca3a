//! The streams' records as events in the order of their stamps.
//!
//! A record of a reallocation is two events: at its start the old block ends, at
//! its stamp the new one begins. Within a stream the file's order holds; between
//! streams the stamps decide, and where [`crate::replay`] sees that they cannot be
//! right it looks ahead into the other streams and takes events out of turn.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use heapline_trace::{ArrayNote, Source, Trace, TraceError};

use crate::event::{Event, What};
use crate::lane::{Lane, LaneFacts, Shared};
use crate::texts::Texts;

/// The streams of a trace, merged.
pub(crate) struct Merge<'a, S> {
    lanes: Vec<Lane<'a, S>>,
    /// Stamps of the heads. An entry whose lane has another head is stale.
    order: BinaryHeap<Reverse<(u64, usize)>>,
    shared: Shared,
}

impl<'a, S: Source> Merge<'a, S> {
    pub(crate) fn open(trace: &'a Trace<S>) -> Result<Self, TraceError> {
        let mut merge = Merge {
            lanes: Vec::new(),
            order: BinaryHeap::new(),
            shared: Shared::default(),
        };
        for (index, stream) in trace.streams().iter().enumerate() {
            let lane = Lane::open(trace.records(stream), &mut merge.shared)?;
            if let Some(event) = &lane.head {
                merge.order.push(Reverse((event.stamp, index)));
            }
            merge.lanes.push(lane);
        }
        Ok(merge)
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The lane with the oldest event that was not taken, if it is up to `until`.
    #[inline]
    pub(crate) fn next(&mut self, until: u64) -> Option<usize> {
        while let Some(top) = self.order.peek_mut() {
            let Reverse((stamp, lane)) = *top;
            if stamp > until {
                return None;
            }
            let head = self.lanes[lane].head.as_ref();
            if head.is_some_and(|head| head.stamp == stamp) {
                return Some(lane);
            }
            PeekMut::pop(top);
        }
        None
    }

    /// A lane's oldest event.
    #[inline]
    pub(crate) fn head(&self, lane: usize) -> Option<&Event> {
        self.lanes[lane].head.as_ref()
    }

    /// Goes on to a lane's next event.
    #[inline]
    pub(crate) fn advance(&mut self, index: usize) -> Result<(), TraceError> {
        let lane = &mut self.lanes[index];
        lane.advance(&mut self.shared)?;
        let Some(next) = lane.head.as_ref().map(|head| head.stamp) else {
            return Ok(());
        };
        if let Some(mut top) = self.order.peek_mut()
            && top.0.1 == index
        {
            *top = Reverse((next, index));
            return Ok(());
        }
        self.order.push(Reverse((next, index)));
        Ok(())
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
                _ => lane.event_ahead(position - 1, &mut self.shared)?,
            };
            let Some(event) = event.filter(|event| event.stamp <= until) else {
                return Ok(None);
            };
            position += 1;
            let begins = match event.what() {
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

    /// The note on an array that a lane's oldest event is.
    pub(crate) fn take_note(&mut self, lane: usize) -> Option<ArrayNote> {
        self.lanes[lane].take_note()
    }

    /// The texts read so far.
    pub(crate) fn texts(&self) -> &Texts {
        &self.shared.texts
    }

    /// All stacks and texts read, and what each stream held.
    pub(crate) fn finish(self) -> (Shared, Vec<LaneFacts>) {
        let facts = self.lanes.into_iter().map(Lane::finish).collect();
        (self.shared, facts)
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
