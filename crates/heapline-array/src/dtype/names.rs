//! The texts that name a dtype: canonical, C-like, one letter, array protocol.

use std::fmt;
use std::str::FromStr;

use super::{DType, Kind};

/// A text that names no dtype of this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDType {
    text: String,
}

impl fmt::Display for UnknownDType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data type '{}' not understood", self.text)
    }
}

impl std::error::Error for UnknownDType {}

impl DType {
    /// NumPy's one-letter code on a 64-bit Unix, such as `d`.
    #[must_use]
    pub const fn char(self) -> char {
        match self {
            DType::Bool => '?',
            DType::Int8 => 'b',
            DType::Int16 => 'h',
            DType::Int32 => 'i',
            DType::Int64 => 'l',
            DType::UInt8 => 'B',
            DType::UInt16 => 'H',
            DType::UInt32 => 'I',
            DType::UInt64 => 'L',
            DType::Float16 => 'e',
            DType::Float32 => 'f',
            DType::Float64 => 'd',
            DType::Complex64 => 'F',
            DType::Complex128 => 'D',
        }
    }

    /// The array-protocol text, such as `<f8`: byte order, kind, bytes. It is the
    /// machine's own order; one-byte types have `|`. Allocates its text.
    #[must_use]
    pub fn protocol_str(self) -> String {
        let order = match self.itemsize() {
            1 => '|',
            _ if cfg!(target_endian = "big") => '>',
            _ => '<',
        };
        format!("{order}{}{}", self.kind().letter(), self.itemsize())
    }
}

/// Names beside the canonical ones. `long`, `intp` and the like have 64 bits.
fn by_alias(text: &str) -> Option<DType> {
    Some(match text {
        "?" | "bool_" => DType::Bool,
        "b" | "byte" => DType::Int8,
        "B" | "ubyte" => DType::UInt8,
        "h" | "short" => DType::Int16,
        "H" | "ushort" => DType::UInt16,
        "i" | "intc" => DType::Int32,
        "I" | "uintc" => DType::UInt32,
        "l" | "q" | "p" | "n" | "int" | "int_" | "long" | "longlong" | "intp" => DType::Int64,
        "L" | "Q" | "P" | "N" | "uint" | "ulong" | "ulonglong" | "uintp" => DType::UInt64,
        "e" | "half" => DType::Float16,
        "f" | "single" => DType::Float32,
        "d" | "double" | "float" => DType::Float64,
        "F" | "csingle" => DType::Complex64,
        "D" | "cdouble" | "complex" => DType::Complex128,
        _ => return None,
    })
}

/// Kind and bytes, such as `f8`.
fn by_kind_and_bytes(text: &str) -> Option<DType> {
    let mut letters = text.chars();
    let (kind, bytes) = (letters.next()?, letters.as_str());
    let kind = [
        Kind::Bool,
        Kind::Signed,
        Kind::Unsigned,
        Kind::Float,
        Kind::Complex,
    ]
    .into_iter()
    .find(|known| known.letter() == kind)?;
    let fits = |dtype: &&DType| dtype.kind() == kind && dtype.itemsize().to_string() == bytes;
    DType::ALL.iter().find(fits).copied()
}

impl FromStr for DType {
    type Err = UnknownDType;

    /// Reads canonical names (`float64`), C's (`double`), letters (`d`) and the array
    /// protocol's (`f8`, `<f8`). Case matters.
    ///
    /// # Errors
    /// For any other text, and for the foreign byte order: elements of it are no Rust
    /// numbers. `float128`, `f16` and `g` are long doubles and unknown, too.
    fn from_str(text: &str) -> Result<Self, UnknownDType> {
        let by_name = || {
            DType::ALL
                .iter()
                .find(|dtype| dtype.name() == text)
                .copied()
        };
        let by_protocol = || {
            let mut letters = text.chars();
            let order = letters.next()?;
            let rest = letters.as_str();
            let dtype = by_kind_and_bytes(rest).or_else(|| by_letter(rest))?;
            let native = if cfg!(target_endian = "big") {
                '>'
            } else {
                '<'
            };
            let is_ours = [native, '=', '|'].contains(&order);
            let has_no_order = dtype.itemsize() == 1 && ['<', '>'].contains(&order);
            (is_ours || has_no_order).then_some(dtype)
        };
        by_name()
            .or_else(|| by_alias(text))
            .or_else(|| by_kind_and_bytes(text))
            .or_else(by_protocol)
            .ok_or_else(|| UnknownDType {
                text: text.to_owned(),
            })
    }
}

/// The one-letter codes, which may follow a byte order as well.
fn by_letter(text: &str) -> Option<DType> {
    (text.chars().count() == 1)
        .then(|| by_alias(text))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dtype_says_of_itself_parses_back() {
        for &dtype in DType::ALL {
            let protocol = dtype.protocol_str();
            for text in [
                dtype.name(),
                &protocol,
                &protocol[1..],
                &dtype.char().to_string(),
            ] {
                assert_eq!(text.parse(), Ok(dtype), "{text}");
            }
        }
    }

    #[test]
    fn what_numpy_does_not_know_is_unknown() {
        for text in [
            "", "f5", "float_", "f16", "g", "float128", "c32", "Float64", " f8", ">f8", "<", "O",
            "S1", "<float64", "é",
        ] {
            assert!(text.parse::<DType>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_byte_has_no_byte_order() {
        for text in ["<i1", ">i1", "=i1", "|i1", "<b", ">b"] {
            assert_eq!(text.parse(), Ok(DType::Int8), "{text}");
        }
    }
}
