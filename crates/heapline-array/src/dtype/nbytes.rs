//! Bytes of an array that does not exist yet.

use std::fmt;

use super::DType;

/// The bytes of such an array have no number: their count passes `i64::MAX`.
///
/// This is arithmetic, and says nothing of how much memory there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    dtype: DType,
}

impl Overflow {
    /// The dtype whose elements were too many.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "array is too big: its elements times {} bytes of {} pass the largest signed 64-bit number",
            self.dtype.itemsize(),
            self.dtype
        )
    }
}

impl std::error::Error for Overflow {}

/// Bytes of the elements of an array, before it is made.
///
/// # Errors
/// [`Overflow`] if the product of the lengths that are not zero and the item size passes
/// `i64::MAX`. A length of zero does not excuse the others, as in NumPy.
///
/// ```
/// use heapline_array::{DType, nbytes_for};
///
/// assert_eq!(nbytes_for(&[1000, 1000], DType::Float32), Ok(4_000_000));
/// assert!(nbytes_for(&[1 << 40, 1 << 40], DType::Float32).is_err());
/// ```
pub const fn nbytes_for(shape: &[usize], dtype: DType) -> Result<usize, Overflow> {
    let mut bytes = dtype.itemsize() as u64;
    let mut is_empty = false;
    let mut axis = 0;
    while axis < shape.len() {
        let length = shape[axis] as u64;
        is_empty |= length == 0;
        if length != 0 {
            bytes = match bytes.checked_mul(length) {
                Some(bytes) if bytes <= i64::MAX as u64 => bytes,
                _ => return Err(Overflow { dtype }),
            };
        }
        axis += 1;
    }
    if bytes > isize::MAX as u64 {
        return Err(Overflow { dtype });
    }
    Ok(if is_empty { 0 } else { bytes as usize })
}

/// Whether an array, before it is made, has at most so many bytes. One whose bytes
/// [overflow](Overflow) fits nowhere.
///
/// ```
/// use heapline_array::{DType, fits};
///
/// let available = 1 << 30;
/// assert!(fits(&[10_000, 10_000], DType::Float64, available));
/// assert!(!fits(&[20_000, 10_000], DType::Float64, available));
/// assert!(!fits(&[1 << 40, 1 << 40], DType::Bool, usize::MAX));
/// ```
#[must_use]
pub const fn fits(shape: &[usize], dtype: DType, available_nbytes: usize) -> bool {
    match nbytes_for(shape, dtype) {
        Ok(nbytes) => nbytes <= available_nbytes,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_zero_does_not_excuse_the_others() {
        assert_eq!(nbytes_for(&[0, 1 << 62], DType::Int8), Ok(0));
        assert!(nbytes_for(&[0, 1 << 62], DType::Float64).is_err());
        assert_eq!(nbytes_for(&[], DType::Complex128), Ok(16));
        assert_eq!(
            nbytes_for(&[i64::MAX as usize], DType::Bool),
            Ok(i64::MAX as usize)
        );
        assert!(nbytes_for(&[i64::MAX as usize + 1], DType::Bool).is_err());
    }
}
