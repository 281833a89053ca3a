//! Numbers and symbols as bits of learnt probability.

use super::range_coder::{Bit, Coder};

/// A symbol of `BITS` bits, `SIZE` = 2 to the `BITS`, high bit first: each bit's
/// probability depends on those before it.
#[derive(Clone)]
pub(super) struct Tree<const BITS: u32, const SIZE: usize> {
    nodes: [Bit; SIZE],
}

impl<const BITS: u32, const SIZE: usize> Tree<BITS, SIZE> {
    pub(super) const fn new() -> Self {
        Tree {
            nodes: [Bit::UNKNOWN; SIZE],
        }
    }

    #[inline]
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, symbol: usize) -> usize {
        let mut at = 1;
        for shift in (0..BITS).rev() {
            let bit = coder.bit(&mut self.nodes[at], symbol >> shift & 1 != 0);
            at = at << 1 | usize::from(bit);
        }
        at - SIZE
    }
}

/// Mantissa bits below the leading one whose probabilities are learnt.
const LEARNT: u32 = 3;

/// A number of any size: its bits are counted first, then come those below the
/// leading one; of numbers below 256 all are learnt, else the upper ones.
#[derive(Clone)]
pub(super) struct Number {
    lengths: Tree<7, 128>,
    small: [Bit; 256],
    upper: [[Bit; 1 << LEARNT]; 16],
}

impl Number {
    pub(super) const fn new() -> Self {
        Number {
            lengths: Tree::new(),
            small: [Bit::UNKNOWN; 256],
            upper: [[Bit::UNKNOWN; 1 << LEARNT]; 16],
        }
    }

    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, value: u64) -> u64 {
        let length = 64 - value.leading_zeros();
        // 7 bits say up to 127; what no encoder writes reads as the longest.
        let length = (self.lengths.code(coder, length as usize) as u32).min(64);
        if length < 2 {
            return u64::from(length);
        }
        if length <= 8 {
            return self.small(coder, length, value);
        }
        let even = length - 1 - LEARNT;
        // Long numbers share their probabilities.
        let upper = &mut self.upper[((length - 9) as usize).min(15)];
        let mut at = 1;
        for shift in (even..length - 1).rev() {
            let bit = coder.bit(
                &mut upper[at & ((1 << LEARNT) - 1)],
                value >> shift & 1 != 0,
            );
            at = at << 1 | usize::from(bit);
        }
        let below = coder.even_bits(even, value & ((1 << even) - 1));
        (at as u64) << even | below
    }

    fn small<C: Coder>(&mut self, coder: &mut C, length: u32, value: u64) -> u64 {
        let mut at = 1;
        for shift in (0..length - 1).rev() {
            let bit = coder.bit(&mut self.small[at], value >> shift & 1 != 0);
            at = at << 1 | usize::from(bit);
        }
        at as u64
    }
}

/// A difference of either sign.
pub(super) fn signed<C: Coder>(number: &mut Number, coder: &mut C, value: i64) -> i64 {
    crate::varint::unzigzag(number.code(coder, crate::varint::zigzag(value)))
}

#[cfg(test)]
mod tests {
    use super::super::range_coder::{Decoder, Encoder};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_survive_the_round_trip(
            values in proptest::collection::vec((any::<u64>(), 0u32..64), 0..300),
        ) {
            let mut encoder = Encoder::new();
            let mut number = Number::new();
            let mut tree = Tree::<6, 64>::new();
            for &(value, shift) in &values {
                number.code(&mut encoder, value >> shift);
                signed(&mut number, &mut encoder, value as i64 >> shift);
                tree.code(&mut encoder, shift as usize);
            }
            let mut decoder = Decoder::new(encoder.finish());
            let mut number = Number::new();
            let mut tree = Tree::<6, 64>::new();
            for &(value, shift) in &values {
                prop_assert_eq!(number.code(&mut decoder, 0), value >> shift);
                prop_assert_eq!(signed(&mut number, &mut decoder, 0), value as i64 >> shift);
                prop_assert_eq!(tree.code(&mut decoder, 0), shift as usize);
            }
        }
    }
}
