//! Texts in borrowed buffers: the recorder may not allocate.

use core::ffi::CStr;

/// Appends to a buffer; what does not fit is dropped and remembered.
pub(crate) struct Text<'a> {
    buffer: &'a mut [u8],
    length: usize,
    overflow: bool,
}

impl<'a> Text<'a> {
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Text {
            buffer,
            length: 0,
            overflow: false,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> &mut Self {
        // The last byte stays zero, so that the text is a C string at any time.
        let room = self.buffer.get_mut(self.length..).unwrap_or_default();
        if bytes.len() < room.len() {
            for (to, &from) in room.iter_mut().zip(bytes.iter().chain(&[0])) {
                *to = from;
            }
            self.length += bytes.len();
        } else {
            self.overflow = true;
        }
        self
    }

    pub(crate) fn push_number(&mut self, mut value: u64) -> &mut Self {
        let mut digits = [0; 20];
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
            length += 1;
            if value == 0 {
                break;
            }
        }
        self.push(digits.get(digits.len() - length..).unwrap_or_default())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// The text as a C string; `None` if it did not fit or holds a zero byte.
    pub(crate) fn c_str(&self) -> Option<&CStr> {
        if self.overflow {
            return None;
        }
        CStr::from_bytes_with_nul(self.buffer.get(..=self.length)?).ok()
    }

    /// The same for as long as the buffer lives.
    pub(crate) fn into_c_str(self) -> Option<&'a CStr> {
        let bytes = self.buffer.get(..=self.length)?;
        CStr::from_bytes_with_nul(bytes)
            .ok()
            .filter(|_| !self.overflow)
    }

    /// Cuts the text to its first bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        if let Some(end) = self.buffer.get_mut(self.length) {
            *end = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn texts_are_c_strings_and_never_overflow() {
        let mut buffer = [0xff; 8];
        let mut text = Text::new(&mut buffer);
        text.push(b"ab").push_number(120);
        assert_eq!(text.c_str(), Some(c"ab120"));
        text.truncate(1);
        assert_eq!(text.c_str(), Some(c"a"));
        text.push(b"12345678");
        assert_eq!((text.bytes(), text.c_str()), (&b"a"[..], None));
    }
}
