//! What comes next, foretold from what came before: tables by the last events' places in
//! the program, the longest memory first.

use super::call_tree::Way;
use super::scale::Scale;

/// Tables that are asked, one after the other.
pub(super) const TABLES: usize = 4;

/// What was next, the last time that the same came before, in eight bytes: there are
/// many of them, and each look at one may miss the processor's caches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prediction {
    kind: u8,
    up: u8,
    down: u8,
    /// Up to 3: how often in a row it was right.
    pub(super) trust: u8,
    number: u32,
}

impl Prediction {
    pub(super) fn what(&self) -> What {
        let way = Way {
            up: self.up,
            down: self.down,
            target: self.number,
        };
        match self.kind {
            1 => What::Alloc(way),
            2 => What::Realloc(way),
            3 => What::Dealloc(self.up),
            4 => What::Scope(self.up, self.number),
            5 => What::Other,
            _ => What::Nothing,
        }
    }

    fn of(what: What) -> Self {
        let (kind, up, down, number) = match what {
            What::Nothing => (0, 0, 0, 0),
            What::Alloc(way) => (1, way.up, way.down, way.target),
            What::Realloc(way) => (2, way.up, way.down, way.target),
            What::Dealloc(choice) => (3, choice, 0, 0),
            What::Scope(scope, line) => (4, scope, 0, line),
            What::Other => (5, 0, 0, 0),
        };
        Prediction {
            kind,
            up,
            down,
            trust: 0,
            number,
        }
    }
}

/// The kinds of records that are foretold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Nothing,
    Alloc(Way),
    Realloc(Way),
    /// A [`super::live_blocks::Choice`].
    Dealloc(u8),
    /// A scope record of this kind at this line.
    Scope(u8, u32),
    /// Any other record.
    Other,
}

pub(super) struct Predictor {
    table: Vec<Prediction>,
    bits: u32,
    /// Places of the last events, newest first.
    places: [u32; 4],
    /// The same by node, not by site.
    nodes: [u32; 3],
    slots: [usize; TABLES],
}

impl Predictor {
    pub(super) fn new(scale: &Scale) -> Self {
        Predictor {
            table: vec![Prediction::default(); 1 << scale.prediction_bits],
            bits: scale.prediction_bits,
            places: [0; 4],
            nodes: [0; 3],
            slots: [0; TABLES],
        }
    }

    /// Looks up what was next before; `view` are the sites of blocks that could be freed.
    pub(super) fn look(&mut self, view: (u32, u32)) {
        let [a, b, ..] = self.places;
        self.slots[2] = self.slot(3, [a, b, view.0, view.1]);
    }

    fn slot(&self, table: u32, words: [u32; 4]) -> usize {
        let mut hash = u64::from(table);
        for word in words {
            hash = (hash.rotate_left(5) ^ u64::from(word)).wrapping_mul(0x517C_C1B7_2722_0A95);
        }
        (hash >> (64 - self.bits)) as usize
    }

    pub(super) fn prediction(&mut self, table: usize) -> &mut Prediction {
        &mut self.table[self.slots[table]]
    }

    /// This came: it is foretold the next time.
    pub(super) fn learn(&mut self, what: What) {
        let new = Prediction::of(what);
        for slot in self.slots {
            let old = &mut self.table[slot];
            *old = Prediction {
                trust: old.trust,
                ..new
            };
        }
    }

    /// An event happens at this place, which is part of what comes before from now on.
    /// The earlier this is called the better: what will be looked up is fetched meanwhile.
    pub(super) fn remember(&mut self, place: u32, node: u32) {
        let [a, b, c, _] = self.places;
        self.places = [place, a, b, c];
        let [x, y, _] = self.nodes;
        self.nodes = [node, x, y];
        self.slots[0] = self.slot(1, [node, x, y, 0]);
        self.slots[1] = self.slot(2, self.places);
        self.slots[3] = self.slot(4, [place, 0, 0, 0]);
        std::hint::black_box(self.table[self.slots[0]].kind);
    }
}
