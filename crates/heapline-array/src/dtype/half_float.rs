//! `f64` to `f16`, rounded once.
//!
//! `half::f16::from_f64` rounds to `f32` first on x86, and drops the low 32 bits
//! elsewhere: 65519.99999999999 becomes infinity there (half-rs#116, half-rs#151).

use half::f16;

use super::value::power_of_two;

const MANTISSA_BITS: u32 = 10;
/// Power of two of the smallest normal number.
const MIN_EXPONENT: i32 = -14;
/// Everything from here on rounds to infinity: half way from the largest number to 2^16.
const OVERFLOW: f64 = 65_520.0;

/// The nearest `f16`, ties to the even mantissa.
pub(crate) fn from_f64(value: f64) -> f16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    if value.is_nan() {
        return f16::from_bits(f16::NAN.to_bits() | sign);
    }
    let magnitude = value.abs();
    if magnitude >= OVERFLOW {
        return f16::from_bits(f16::INFINITY.to_bits() | sign);
    }
    // The exponent of the binade, or of all subnormals: there the spacing is constant.
    let exponent = ((magnitude.to_bits() >> 52) as i32 - 1023).max(MIN_EXPONENT);
    // The spacing is a power of two, so the quotient is exact, and rounded just here.
    let spacings = magnitude / power_of_two(exponent - MANTISSA_BITS as i32);
    let rounded = spacings.round_ties_even() as u16;
    // A normal number has its leading one in `rounded`, which so adds one to the exponent:
    // a binade that rounds up to the next carries by itself.
    let biased = (exponent - MIN_EXPONENT) as u16;
    f16::from_bits(((biased << MANTISSA_BITS) + rounded) | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every finite number of one sign, and what would follow the largest.
    fn all() -> impl Iterator<Item = f64> {
        (0..=f16::MAX.to_bits())
            .map(|bits| f16::from_bits(bits).to_f64())
            .chain([65_536.0])
    }

    #[test]
    fn ties_and_their_neighbours_round_to_the_nearest() {
        for (low_bits, (low, high)) in all().zip(all().skip(1)).enumerate() {
            let low_bits = low_bits as u16;
            let tie = (low + high) / 2.0;
            let even = low_bits + low_bits % 2;
            for (value, bits) in [
                (low, low_bits),
                (tie.next_down(), low_bits),
                (tie, even),
                (tie.next_up(), low_bits + 1),
                (high, low_bits + 1),
            ] {
                assert_eq!(from_f64(value).to_bits(), bits, "{value:e}");
                assert_eq!(from_f64(-value).to_bits(), bits | 0x8000, "-{value:e}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        assert!(from_f64(f64::NAN).is_nan());
        assert_eq!(from_f64(f64::NEG_INFINITY), f16::NEG_INFINITY);
        assert_eq!(from_f64(f64::MAX), f16::INFINITY);
        assert_eq!(from_f64(f64::from_bits(1)).to_bits(), 0);
    }
}
