//! LEB128 integers and zigzag signs, over cursors that cannot run out of bounds.

/// Writes into a slice; what does not fit is dropped and remembered, never a panic.
pub(crate) struct Output<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Output<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Output { bytes, at: 0 }
    }

    #[inline]
    pub(crate) fn byte(&mut self, value: u8) {
        if let Some(slot) = self.bytes.get_mut(self.at) {
            *slot = value;
        }
        self.at += 1;
    }

    #[inline]
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    pub(crate) fn slice(&mut self, value: &[u8]) {
        self.varint(value.len() as u64);
        if let Some(room) = self.bytes.get_mut(self.at..self.at + value.len()) {
            room.copy_from_slice(value);
        }
        self.at += value.len();
    }

    /// Bytes written, or `None` if they did not all fit.
    #[inline]
    pub(crate) fn finish(self) -> Option<usize> {
        (self.at <= self.bytes.len()).then_some(self.at)
    }
}

/// Reads from a slice; every read past its end is `None`.
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Input { bytes, at }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let value = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(value)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            // The tenth byte has room for one bit only.
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }

    /// Four bytes, the least significant first.
    pub(crate) fn word(&mut self) -> Option<u32> {
        let bytes = self.bytes.get(self.at..)?.first_chunk()?;
        self.at += bytes.len();
        Some(u32::from_le_bytes(*bytes))
    }

    pub(crate) fn varint_u32(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }

    pub(crate) fn slice(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let end = self.at.checked_add(length)?;
        let value = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(value)
    }
}

/// Small numbers of either sign become small numbers.
#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_survive_the_round_trip() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = [0; 10];
                let mut output = Output::new(&mut bytes);
                output.varint(value);
                let length = output.finish().expect("ten bytes hold any u64");
                let mut input = Input::new(&bytes[..length], 0);
                assert_eq!(input.varint(), Some(value));
                assert_eq!(input.position(), length);
                assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
            }
        }
    }

    #[test]
    fn overlong_and_cut_integers_are_refused() {
        assert_eq!(Input::new(&[0xff; 12], 0).varint(), None);
        assert_eq!(Input::new(&[0x80, 0x80], 0).varint(), None);
    }

    #[test]
    fn output_that_does_not_fit_is_reported() {
        let mut bytes = [0; 1];
        let mut output = Output::new(&mut bytes);
        output.varint(300);
        assert_eq!(output.finish(), None);
    }
}
