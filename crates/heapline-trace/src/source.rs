//! Where the bytes of a trace come from.

use std::io;

/// Bytes that can be read at any offset. The bytes may change while they are
/// read: a trace is opened while its program runs.
pub trait Source {
    /// Bytes there are now.
    ///
    /// # Errors
    /// Whatever the underlying file answers.
    fn length(&self) -> io::Result<u64>;

    /// Reads into `buffer` from `offset`; returns fewer bytes only at the end.
    ///
    /// # Errors
    /// Whatever the underlying file answers.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Source for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..))
            .unwrap_or(&[]);
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}
