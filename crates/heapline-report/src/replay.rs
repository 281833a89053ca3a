//! Events into blocks: the live map, and who hears of every block's begin and end.
//!
//! Memory is proportional to live blocks and distinct stacks, never to events.
//!
//! **Order.** At each address begins and ends must alternate. Where they do not,
//! the other streams are looked into for the missing half, first among events of
//! the same stamp, then within [`REPAIR_NS`]; if it is there, it is taken first. A
//! block that begins over a live one may also be the visible half of a reallocation
//! that was under way when the program died: the record of a reallocation follows
//! it, so that stream has no record behind that stamp.

use heapline_trace::{ArrayNote, EndState, Header, Source, Trace, TraceError};
use rustc_hash::FxHashMap;

use crate::event::{Cause, Scope, What};
use crate::lane::LaneFacts;
use crate::merge::Merge;
use crate::stacks::{StackId, StackTree};
use crate::texts::Texts;

/// How far two stamps may contradict the order of what they stamp.
const REPAIR_NS: u64 = 10_000;

/// Events between two reports of progress.
const PROGRESS_EVENTS: u64 = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct LiveBlock {
    bytes: u64,
    /// The number of its begin, to tell whether its thread allocated anything since.
    serial: u64,
    stack: StackId,
}

impl LiveBlock {
    fn at(&self, address: u64) -> Block {
        Block {
            address,
            bytes: self.bytes,
            stack: self.stack,
        }
    }
}

/// A block, while it lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) address: u64,
    pub(crate) bytes: u64,
    /// Where it was allocated, or reallocated last.
    pub(crate) stack: StackId,
}

/// Where a replay stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) stamp: u64,
    pub(crate) lane: usize,
    /// Bytes of all live blocks, the event included.
    pub(crate) live_bytes: u64,
}

/// How a block ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was freed.
    Freed {
        /// By the thread that allocated it, which had allocated nothing since.
        temporary: bool,
    },
    /// It was reallocated.
    Reallocated,
    /// Its end is missing in the trace.
    Unseen,
}

/// Hears of everything that a replay finds.
pub(crate) trait Observer {
    fn begin(&mut self, moment: Moment, block: Block, by: Cause);
    fn end(&mut self, moment: Moment, block: Block, ending: Ending);
    /// A block ended whose begin is not in the trace.
    fn end_of_unknown(&mut self, _moment: Moment, _address: u64, _by: Cause) {}
    fn thread(&mut self, _moment: Moment) {}
    fn scope(&mut self, _moment: Moment, _scope: Scope) {}
    fn array(&mut self, _moment: Moment, _note: &ArrayNote, _texts: &Texts) {}
}

/// What did not fit together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Anomalies {
    /// Blocks that began over a live one without an explanation.
    pub(crate) order_anomalies: u64,
    /// Blocks that began over one whose reallocation was under way at the end.
    pub(crate) reallocations_in_flight: u64,
    /// Ends of blocks that were not live: allocated before recording began.
    pub(crate) unknown_deallocations: u64,
    /// Events whose stamps contradicted their order by less than 10 µs, put right.
    pub(crate) repaired: u64,
}

/// What is left when all events have been seen.
pub(crate) struct Outcome {
    pub(crate) tree: StackTree,
    pub(crate) texts: Texts,
    pub(crate) lanes: Vec<LaneFacts>,
    pub(crate) anomalies: Anomalies,
    pub(crate) newest_stamp: u64,
}

/// Replays a trace, up to and including the events at `until`.
pub(crate) fn replay<S: Source, O: Observer>(
    trace: &Trace<S>,
    until: u64,
    observer: &mut O,
    progress: &mut dyn FnMut(),
) -> Result<Outcome, TraceError> {
    let mut replay = Replay::open(trace, observer)?;
    let mut events = 0u64;
    while let Some(lane) = replay.merge.next(until) {
        replay.step(lane)?;
        events += 1;
        if events.is_multiple_of(PROGRESS_EVENTS) {
            progress();
        }
    }
    let newest_stamp = replay.newest_stamp;
    let anomalies = replay.anomalies;
    let (shared, lanes) = replay.merge.finish();
    Ok(Outcome {
        tree: shared.tree,
        texts: shared.texts,
        lanes,
        anomalies,
        newest_stamp,
    })
}

struct Replay<'a, S, O> {
    merge: Merge<'a, S>,
    observer: &'a mut O,
    live: FxHashMap<u64, LiveBlock>,
    live_bytes: u64,
    serial: u64,
    newest_stamp: u64,
    lanes: Vec<LaneState>,
    anomalies: Anomalies,
    repair: Repair,
}

#[derive(Clone, Copy, Default)]
struct LaneState {
    /// Serial of the block that its thread allocated or reallocated last.
    newest_block: u64,
    /// An event of it, or one in front of which it goes, is being settled.
    settling: bool,
    /// It has explained a reallocation in flight.
    used_in_flight: bool,
}

/// What may be put right in this trace.
#[derive(Clone, Copy)]
struct Repair {
    window: u64,
    /// Every block was seen, so an end without a begin is an inversion.
    ends: bool,
    /// The trace has no end: reallocations in flight come before inversions.
    cut_off: bool,
}

impl Repair {
    fn of(header: &Header) -> Self {
        let ns = |stamp: u64| header.nanoseconds(header.start_stamp.saturating_add(stamp));
        Repair {
            // A clock that cannot be read gives no window, and then only ties are settled.
            window: if ns(1 << 32) == 0 {
                0
            } else {
                (u128::from(REPAIR_NS) << 32).div_ceil(u128::from(ns(1 << 32))) as u64
            },
            ends: !header.began_late,
            cut_off: header.end_state == EndState::Running,
        }
    }
}

impl<'a, S: Source, O: Observer> Replay<'a, S, O> {
    fn open(trace: &'a Trace<S>, observer: &'a mut O) -> Result<Self, TraceError> {
        let merge = Merge::open(trace)?;
        Ok(Replay {
            lanes: vec![LaneState::default(); merge.lanes()],
            merge,
            observer,
            live: FxHashMap::default(),
            live_bytes: 0,
            serial: 0,
            newest_stamp: trace.header().start_stamp,
            anomalies: Anomalies::default(),
            repair: Repair::of(trace.header()),
        })
    }

    fn moment(&self, stamp: u64, lane: usize) -> Moment {
        Moment {
            stamp,
            lane,
            live_bytes: self.live_bytes,
        }
    }

    /// Takes a lane's oldest event.
    #[inline]
    fn step(&mut self, lane: usize) -> Result<(), TraceError> {
        let Some(event) = self.merge.head(lane) else {
            return Ok(());
        };
        let stamp = event.stamp;
        self.newest_stamp = self.newest_stamp.max(stamp);
        match event.what() {
            What::Begin {
                address,
                bytes,
                stack,
                by,
            } => {
                self.serial += 1;
                let bytes = self.plausible(bytes);
                let block = LiveBlock {
                    bytes,
                    serial: self.serial,
                    stack,
                };
                // The common case is one probe: an address that was free.
                if let Some(old) = self.live.insert(address, block) {
                    self.live.insert(address, old);
                    self.begin_over_live(lane, stamp, address)?;
                    self.live.insert(address, block);
                }
                self.live_bytes += bytes;
                self.lanes[lane].newest_block = block.serial;
                let moment = self.moment(stamp, lane);
                self.observer.begin(moment, block.at(address), by);
            }
            What::End { address, by } => {
                let mut block = self.live.remove(&address);
                if block.is_none() && self.find_begin(lane, stamp, address)? {
                    block = self.live.remove(&address);
                }
                self.end(lane, stamp, address, block, by);
            }
            What::Thread => {
                self.lanes[lane].newest_block = 0;
                self.observer.thread(self.moment(stamp, lane));
            }
            What::Scope(scope) => self.observer.scope(self.moment(stamp, lane), scope),
            What::Array => {
                if let Some(note) = self.merge.take_note(lane) {
                    let moment = self.moment(stamp, lane);
                    self.observer.array(moment, &note, self.merge.texts());
                }
            }
        }
        self.merge.advance(lane)
    }

    /// No heap holds 2^63 bytes: such a size is damage, and must not overflow a sum.
    #[inline]
    fn plausible(&mut self, bytes: u64) -> u64 {
        if self.live_bytes.saturating_add(bytes) <= i64::MAX as u64 {
            return bytes;
        }
        self.anomalies.order_anomalies += 1;
        0
    }

    #[inline]
    fn end(&mut self, lane: usize, stamp: u64, address: u64, block: Option<LiveBlock>, by: Cause) {
        let Some(block) = block else {
            self.anomalies.unknown_deallocations += 1;
            let moment = self.moment(stamp, lane);
            return self.observer.end_of_unknown(moment, address, by);
        };
        self.live_bytes -= block.bytes;
        let temporary = self.lanes[lane].newest_block == block.serial;
        let ending = match by {
            Cause::Call => Ending::Freed { temporary },
            Cause::Reallocation => Ending::Reallocated,
        };
        let moment = self.moment(stamp, lane);
        self.observer.end(moment, block.at(address), ending);
    }

    /// Makes room for a block that begins where another one lives.
    #[cold]
    fn begin_over_live(&mut self, lane: usize, stamp: u64, address: u64) -> Result<(), TraceError> {
        let settled = self.settle(lane, stamp, address, false, stamp)?
            || (self.repair.cut_off && self.explain_in_flight(lane, stamp))
            || self.settle(lane, stamp, address, false, self.latest(stamp))?
            || self.explain_in_flight(lane, stamp);
        let Some(block) = self.live.remove(&address) else {
            return Ok(());
        };
        if !settled {
            self.anomalies.order_anomalies += 1;
        }
        self.live_bytes -= block.bytes;
        let moment = self.moment(stamp, lane);
        self.observer.end(moment, block.at(address), Ending::Unseen);
        Ok(())
    }

    /// Looks for the begin of a block that ends without being live.
    #[cold]
    fn find_begin(&mut self, lane: usize, stamp: u64, address: u64) -> Result<bool, TraceError> {
        Ok(self.settle(lane, stamp, address, true, stamp)?
            || (self.repair.ends && self.settle(lane, stamp, address, true, self.latest(stamp))?))
    }

    fn latest(&self, stamp: u64) -> u64 {
        stamp.saturating_add(self.repair.window)
    }

    /// Looks into the other lanes for the begin or end that must come before the
    /// event at hand, and takes it with all that its stream has in front of it.
    fn settle(
        &mut self,
        lane: usize,
        stamp: u64,
        address: u64,
        begins: bool,
        until: u64,
    ) -> Result<bool, TraceError> {
        let mut found = None;
        for other in 0..self.lanes.len() {
            if other == lane || self.lanes[other].settling {
                continue;
            }
            let ahead = self.merge.look_ahead(other, address, until)?;
            if let Some(ahead) = ahead.filter(|ahead| ahead.begins == begins)
                && found.is_none_or(|(_, stamp, _)| ahead.stamp < stamp)
            {
                found = Some((other, ahead.stamp, ahead.events));
            }
        }
        let Some((other, found_at, events)) = found else {
            return Ok(false);
        };
        self.anomalies.repaired += u64::from(found_at > stamp);
        let before = (self.lanes[lane].settling, self.lanes[other].settling);
        self.lanes[lane].settling = true;
        self.lanes[other].settling = true;
        for _ in 0..events {
            self.step(other)?;
        }
        self.lanes[lane].settling = before.0;
        self.lanes[other].settling = before.1;
        Ok(true)
    }

    /// Whether some stream ended in the middle of a reallocation before the stamp;
    /// each can have done so once.
    fn explain_in_flight(&mut self, lane: usize, stamp: u64) -> bool {
        let candidate = (0..self.lanes.len()).find(|&other| {
            other != lane && !self.lanes[other].used_in_flight && self.merge.is_over(other, stamp)
        });
        let Some(other) = candidate else {
            return false;
        };
        self.lanes[other].used_in_flight = true;
        self.anomalies.reallocations_in_flight += 1;
        true
    }
}
