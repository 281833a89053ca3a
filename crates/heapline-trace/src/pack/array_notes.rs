//! Notes on arrays: each number as its difference to the same number of the note of this
//! kind before.

use super::numbers::{Number, signed};
use super::range_coder::Coder;
use crate::ArrayNote;
use crate::arrays::MAX_NUMBERS;

/// Kinds of notes that are told apart; those of the future share the last one.
const KINDS: usize = 8;

pub(super) struct ArrayNotes {
    kinds: Number,
    numbers: Vec<Number>,
    last: [[u64; MAX_NUMBERS]; KINDS],
}

impl ArrayNotes {
    pub(super) fn new() -> Self {
        ArrayNotes {
            kinds: Number::new(),
            numbers: Vec::new(),
            last: [[0; MAX_NUMBERS]; KINDS],
        }
    }

    /// Writes the note that is given, or reads one; `None` if there is no such note.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        note: Option<&ArrayNote>,
    ) -> Option<ArrayNote> {
        // Most streams have no arrays.
        self.numbers.resize(KINDS * MAX_NUMBERS, Number::new());
        let given = note.map_or([0; MAX_NUMBERS], |note| note.numbers().0);
        let mut kind = 0;
        ArrayNote::from_numbers(|place| {
            if place == 0 {
                let code = self.kinds.code(coder, given[0]);
                kind = usize::try_from(code).unwrap_or(KINDS).min(KINDS - 1);
                return Some(code);
            }
            let last = &mut self.last[kind][place];
            let difference = given[place].wrapping_sub(*last) as i64;
            let number = &mut self.numbers[kind * MAX_NUMBERS + place];
            *last = last.wrapping_add(signed(number, coder, difference) as u64);
            Some(*last)
        })
    }
}
