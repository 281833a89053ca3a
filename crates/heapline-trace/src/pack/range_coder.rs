//! Bits of known probability into bytes and back: an adaptive binary range coder.
//!
//! One trait, [`Coder`], stands for both directions, so that everything above it is
//! written once and cannot fall apart: the encoder is given each bit and returns it,
//! the decoder ignores what it is given and returns the bit that it read.

/// Bits of a probability as the coder uses it.
const PRECISION: u32 = 15;
/// The range is refilled below this.
const REFILL_BELOW: u32 = 1 << 24;
/// Bytes that a decoder may read behind the end before the input counts as cut: the
/// encoder's last five bytes are more than the decoder needs.
const SLACK: usize = 4;

/// How likely a bit of one kind is 0, learnt from those seen so far: quickly at
/// first, slowly once many have been seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bit {
    zero: u16,
    seen: u8,
}

impl Bit {
    pub(super) const UNKNOWN: Bit = Bit {
        zero: 1 << 15,
        seen: 0,
    };

    /// Of [`PRECISION`] bits, never 0 and never 1.
    #[inline]
    fn probability(self) -> u32 {
        (u32::from(self.zero) >> (16 - PRECISION)).clamp(16, (1 << PRECISION) - 16)
    }

    #[inline]
    fn learn(&mut self, bit: bool) {
        let rate = RATES[usize::from(self.seen)];
        // Without a branch on the bit, which no processor can foresee.
        let goal = i32::from(u16::from(bit).wrapping_sub(1));
        let zero = i32::from(self.zero);
        self.zero = (zero + ((goal - zero) >> rate)) as u16;
        self.seen = (self.seen + 1).min(RATES.len() as u8 - 1);
    }
}

/// By how many bits the difference is shifted before it is learnt.
const RATES: [u8; 24] = [
    1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5,
];

/// Either direction.
pub(super) trait Coder {
    /// Whether values are given and written, not read.
    const WRITES: bool;

    /// Codes a bit whose probability is learnt.
    fn bit(&mut self, kind: &mut Bit, bit: bool) -> bool;

    /// Codes the low `count` bits of a value, each as likely 0 as 1.
    fn even_bits(&mut self, count: u32, value: u64) -> u64;
}

/// Writes bits.
pub(super) struct Encoder {
    low: u64,
    range: u32,
    cache: u8,
    /// Bytes that wait for a carry: the cache and so many 0xff behind it.
    waiting: u64,
    bytes: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Encoder {
            low: 0,
            range: u32::MAX,
            cache: 0,
            waiting: 1,
            bytes: Vec::new(),
        }
    }

    /// Bytes written so far, but for a few.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..5 {
            self.shift();
        }
        self.bytes
    }

    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        if self.low < 0xff00_0000 || carry != 0 {
            let mut byte = self.cache;
            while self.waiting > 0 {
                self.bytes.push(byte.wrapping_add(carry));
                byte = 0xff;
                self.waiting -= 1;
            }
            self.cache = (self.low >> 24) as u8;
        }
        self.waiting += 1;
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    #[inline]
    fn refill(&mut self) {
        while self.range < REFILL_BELOW {
            self.range <<= 8;
            self.shift();
        }
    }
}

impl Coder for Encoder {
    const WRITES: bool = true;

    #[inline]
    fn bit(&mut self, kind: &mut Bit, bit: bool) -> bool {
        let bound = (self.range >> PRECISION) * kind.probability();
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        kind.learn(bit);
        self.refill();
        bit
    }

    #[inline]
    fn even_bits(&mut self, count: u32, value: u64) -> u64 {
        for shift in (0..count).rev() {
            self.range >>= 1;
            if value >> shift & 1 != 0 {
                self.low += u64::from(self.range);
            }
            self.refill();
        }
        value
    }
}

/// Reads bits. Behind the end it reads zeros and [`Decoder::is_cut`] says so.
pub(super) struct Decoder {
    bytes: Vec<u8>,
    at: usize,
    range: u32,
    code: u32,
}

impl Decoder {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let mut decoder = Decoder {
            bytes,
            at: 0,
            range: u32::MAX,
            code: 0,
        };
        // The encoder's first byte is the empty cache.
        for _ in 0..5 {
            decoder.code = decoder.code << 8 | decoder.next_byte();
        }
        decoder
    }

    /// Whether more was read than there is.
    pub(super) fn is_cut(&self) -> bool {
        self.at > self.bytes.len() + SLACK
    }

    /// The buffer, for the next group.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[inline]
    fn next_byte(&mut self) -> u32 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        u32::from(byte)
    }

    #[inline]
    fn refill(&mut self) {
        while self.range < REFILL_BELOW {
            self.range <<= 8;
            self.code = self.code << 8 | self.next_byte();
        }
    }
}

impl Coder for Decoder {
    const WRITES: bool = false;

    #[inline]
    fn bit(&mut self, kind: &mut Bit, _: bool) -> bool {
        let bound = (self.range >> PRECISION) * kind.probability();
        let bit = self.code >= bound;
        let mask = u32::from(bit).wrapping_neg();
        self.code -= bound & mask;
        self.range = bound ^ (mask & (bound ^ (self.range - bound)));
        kind.learn(bit);
        self.refill();
        bit
    }

    #[inline]
    fn even_bits(&mut self, count: u32, _: u64) -> u64 {
        let mut value = 0;
        for _ in 0..count {
            self.range >>= 1;
            let bit = self.code >= self.range;
            if bit {
                self.code -= self.range;
            }
            value = value << 1 | u64::from(bit);
            self.refill();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_survive_the_round_trip(
            bits in proptest::collection::vec((0usize..3, any::<bool>()), 0..4_000),
            skewed in any::<bool>(),
        ) {
            let mut kinds = [Bit::UNKNOWN; 3];
            let mut encoder = Encoder::new();
            for (index, &(kind, bit)) in bits.iter().enumerate() {
                encoder.bit(&mut kinds[kind], bit && !skewed);
                encoder.even_bits(5, index as u64 & 31);
            }
            let mut decoder = Decoder::new(encoder.finish());
            let mut kinds = [Bit::UNKNOWN; 3];
            for (index, &(kind, bit)) in bits.iter().enumerate() {
                prop_assert_eq!(decoder.bit(&mut kinds[kind], false), bit && !skewed);
                prop_assert_eq!(decoder.even_bits(5, 0), index as u64 & 31);
            }
            prop_assert!(!decoder.is_cut());
        }
    }

    #[test]
    fn a_likely_bit_costs_next_to_nothing() {
        let mut kind = Bit::UNKNOWN;
        let mut encoder = Encoder::new();
        for _ in 0..80_000 {
            encoder.bit(&mut kind, false);
        }
        let bytes = encoder.finish().len();
        assert!(bytes < 80, "{bytes} bytes for 80,000 bits");
    }

    #[test]
    fn reading_past_the_end_is_noticed() {
        let mut decoder = Decoder::new(Vec::new());
        decoder.even_bits(64, 0);
        assert!(decoder.is_cut());
    }
}
