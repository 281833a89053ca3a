//! One stream's records as bits: what is foretold costs next to nothing, the rest is
//! said. Writer and reader run the same code over the same state.

mod events;
mod frames;

use super::addresses::Addresses;
use super::call_tree::{CallTree, Reached};
use super::cold_records::ColdRecords;
use super::item::Item;
use super::live_blocks::{Choice, LiveBlocks, NO_BLOCK};
use super::next::{Kind, Next, Pending};
use super::numbers::Tree;
use super::predictor::{Predictor, TABLES, What};
use super::range_coder::{Bit, Coder};
use super::scale::Scale;
use super::times::Times;
use crate::Record;
use events::EventBits;
use frames::FrameBits;

/// A candidate, and what is pending if it is right.
type Candidate = (Next, Option<Pending>);

pub(super) struct StreamModel {
    tree: CallTree,
    live: LiveBlocks,
    addresses: Addresses,
    predictor: Predictor,
    times: Times,
    cold: ColdRecords,
    pending: Option<Pending>,
    /// The node of the newest allocation.
    current: u32,
    last_kind: Kind,
    /// Frames that the stack before went up and down.
    frames_walked: usize,
    last_free: u64,
    is_right: Vec<Bit>,
    kinds: [Tree<3, 8>; 6],
    frame_bits: FrameBits,
    event_bits: EventBits,
}

/// Contexts of [`StreamModel::is_right`]: candidate, its trust, the kind before.
const RIGHT_CONTEXTS: usize = (TABLES + 1) * 4 * 8;

/// Marks the place of a scope record in the program.
const SCOPE_AT: u32 = 3 << 30;

impl StreamModel {
    pub(super) fn new(scale: &Scale) -> Self {
        StreamModel {
            tree: CallTree::new(),
            live: LiveBlocks::new(scale),
            addresses: Addresses::new(scale),
            predictor: Predictor::new(scale),
            times: Times::new(scale),
            cold: ColdRecords::new(),
            pending: None,
            current: 0,
            last_kind: Kind::Other,
            frames_walked: 0,
            last_free: 0,
            is_right: vec![Bit::UNKNOWN; RIGHT_CONTEXTS],
            kinds: std::array::from_fn(|_| Tree::new()),
            frame_bits: FrameBits::new(),
            event_bits: EventBits::new(),
        }
    }

    /// Codes an item: writes the one that is given, or reads one. `None` if there is no
    /// such item, which only a reader of damaged bytes can meet.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, item: &Item) -> Option<Item> {
        let actual = if C::WRITES {
            self.foreseeable(item)
        } else {
            Next::Other
        };
        let (next, is_foretold) = self.code_next(coder, actual, item)?;
        let kind = next.kind();
        let item = match next {
            Next::At { is_realloc, node } => {
                let hit = usize::from(is_foretold);
                self.learn_way(is_realloc, node);
                let record = if is_realloc {
                    self.code_realloc(coder, node, hit, item)?
                } else {
                    self.code_alloc(coder, node, hit, item)?
                };
                Item::Record(record)
            }
            Next::Free { choice, block } => {
                self.predictor.learn(What::Dealloc(choice.0));
                let hit = usize::from(is_foretold);
                Item::Record(self.code_dealloc(coder, (choice, block), hit, item)?)
            }
            Next::Node { parent, site } => {
                Item::Record(self.code_node(coder, (parent, site), item)?)
            }
            Next::Scope { kind, line } => {
                self.predictor.learn(What::Scope(kind, line));
                let place = SCOPE_AT | (line << 2 | u32::from(kind));
                self.predictor.remember(place, place);
                self.cold
                    .code_scope(coder, &mut self.times, (kind, line), item)
            }
            Next::Other => {
                self.predictor.learn(What::Other);
                self.cold.code_other(coder, &mut self.times, item)?
            }
        };
        self.last_kind = kind;
        Some(item)
    }

    /// For the writer: the part of an item that could be foretold.
    fn foreseeable(&self, item: &Item) -> Next {
        let Item::Record(record) = item else {
            return Next::Other;
        };
        match record {
            Record::Alloc { node, .. } => Next::At {
                is_realloc: false,
                node: self.tree.find(*node),
            },
            Record::Realloc { node, .. } => Next::At {
                is_realloc: true,
                node: self.tree.find(*node),
            },
            Record::Dealloc { address, .. } => {
                let (choice, block) = self.live.find(*address);
                Next::Free { choice, block }
            }
            Record::Node {
                parent, address, ..
            } => Next::Node {
                parent: self.tree.find(*parent),
                site: self.tree.find_site(*address).unwrap_or(u32::MAX),
            },
            Record::ScopeEnter { line, .. } => Next::Scope {
                kind: 0,
                line: *line,
            },
            Record::ScopeLine { line, .. } => Next::Scope {
                kind: 1,
                line: *line,
            },
            Record::ScopeExit { .. } => Next::Scope { kind: 2, line: 0 },
            _ => Next::Other,
        }
    }

    /// Says which candidate is right, or what is next if none is.
    fn code_next<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: Next,
        item: &Item,
    ) -> Option<(Next, bool)> {
        self.predictor.look(self.live.sites_in_view());
        let pending = self.pending.take();
        let mut tried = [None; TABLES + 1];
        for index in 0..=TABLES {
            let candidate = match index {
                0 => pending.map(|pending| self.next_pending(pending)),
                _ => self.candidate(index - 1),
            };
            let Some((next, then)) = candidate else {
                continue;
            };
            let is_tried = tried.iter().flatten().any(|&tried: &Next| tried.is(next));
            if is_tried {
                continue;
            }
            tried[index] = Some(next);
            if self.code_is_right(coder, index, next.is(actual)) {
                self.pending = then;
                return Some((next, index < 2));
            }
        }
        Some((self.code_unforeseen(coder, actual, item)?, false))
    }

    fn code_is_right<C: Coder>(&mut self, coder: &mut C, index: usize, is_right: bool) -> bool {
        let trust = match index {
            0 => 0,
            _ => self.predictor.prediction(index - 1).trust,
        };
        let context = (index * 4 + usize::from(trust)) * 8 + self.last_kind as usize;
        let is_right = coder.bit(&mut self.is_right[context], is_right);
        if index > 0 {
            let trust = if is_right { (trust + 1).min(3) } else { 0 };
            self.predictor.prediction(index - 1).trust = trust;
        }
        is_right
    }

    fn next_pending(&self, pending: Pending) -> Candidate {
        let newest = self.tree.nodes() - 1;
        if pending.left == 0 {
            let next = Next::At {
                is_realloc: pending.is_realloc,
                node: newest,
            };
            return (next, None);
        }
        let left = pending.left - 1;
        let site = self.tree.site_outside(pending.target, left);
        let next = Next::Node {
            parent: newest,
            site,
        };
        (next, Some(Pending { left, ..pending }))
    }

    fn candidate(&mut self, table: usize) -> Option<Candidate> {
        let what = self.predictor.prediction(table).what();
        Some(match what {
            What::Nothing => return None,
            What::Alloc(way) | What::Realloc(way) => {
                let is_realloc = matches!(what, What::Realloc(_));
                match self.tree.follow(self.current, way)? {
                    Reached::Node(node) => (Next::At { is_realloc, node }, None),
                    Reached::Missing { parent, site, left } => {
                        let pending = Pending {
                            is_realloc,
                            target: way.target,
                            left,
                        };
                        (Next::Node { parent, site }, Some(pending))
                    }
                }
            }
            What::Dealloc(choice) => {
                let choice = Choice(choice);
                let block = if choice.is_open() {
                    NO_BLOCK
                } else {
                    self.live.chosen(choice)?
                };
                (Next::Free { choice, block }, None)
            }
            What::Scope(kind, line) => (Next::Scope { kind, line }, None),
            What::Other => (Next::Other, None),
        })
    }

    fn code_unforeseen<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: Next,
        item: &Item,
    ) -> Option<Next> {
        let before = self.last_kind as usize;
        let kind = self.kinds[before].code(coder, actual.kind() as usize);
        Some(match *Kind::ALL.get(kind)? {
            kind @ (Kind::Alloc | Kind::Realloc) => {
                let node = match actual {
                    Next::At { node, .. } => node,
                    _ => 0,
                };
                let is_realloc = kind == Kind::Realloc;
                let node = self.code_known_node(coder, node)?;
                Next::At { is_realloc, node }
            }
            Kind::Dealloc => {
                let choice = match actual {
                    Next::Free { choice, .. } => choice,
                    _ => Choice::UNKNOWN,
                };
                let (choice, block) = self.code_choice(coder, before, choice)?;
                Next::Free { choice, block }
            }
            Kind::Node => self.code_new_node(coder, actual, item)?,
            Kind::Scope => {
                let (kind, line) = match actual {
                    Next::Scope { kind, line } => (kind, line),
                    _ => (0, 0),
                };
                let (kind, line) = self.cold.code_scope_line(coder, kind, line)?;
                Next::Scope { kind, line }
            }
            Kind::Other => Next::Other,
        })
    }
}
