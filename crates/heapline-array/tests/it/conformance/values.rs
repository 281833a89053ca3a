//! Numbers as the cases write them: decimal text, and patterns of bits.

use half::f16;
use heapline_array::{Element, NdArray};
use ndarray::Zip;
use num_complex::Complex;
use serde_json::Value;

/// What the checks need of each type of element.
pub(super) trait Number: Element {
    /// From text, or from a pair of texts.
    fn parse(text: &Value) -> Result<Self, String>;
    /// The patterns of its parts; `None` for NaN.
    fn bits(self) -> Vec<Option<u64>>;
    /// Addition as NumPy's, which wraps; `or` of truth values.
    fn plus(self, other: Self) -> Self;
    /// What element `k` of a base array is.
    fn counted(k: usize) -> Self;
    /// Each element and itself. By the crate's operator, but where Rust's own addition is
    /// not NumPy's: that of integers may panic, and truth values have none.
    fn doubled(array: &NdArray<Self>) -> NdArray<Self> {
        let view = array.view();
        let doubled = Zip::from(&view).map_collect(|element| element.plus(*element));
        NdArray::from_array(doubled)
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is no text"))
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Result<T, String> {
    let text = text(value)?;
    text.parse()
        .map_err(|_| format!("{text} is no such number"))
}

impl Number for bool {
    fn parse(value: &Value) -> Result<Self, String> {
        parsed(value)
    }

    fn bits(self) -> Vec<Option<u64>> {
        vec![Some(self.into())]
    }

    fn plus(self, other: Self) -> Self {
        self | other
    }

    fn counted(k: usize) -> Self {
        k % 2 == 1
    }
}

macro_rules! integer {
    ($($type:ty, $unsigned:ty, $counted:expr;)*) => {$(
        impl Number for $type {
            fn parse(value: &Value) -> Result<Self, String> {
                parsed(value)
            }

            fn bits(self) -> Vec<Option<u64>> {
                vec![Some((self as $unsigned).into())]
            }

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn counted(k: usize) -> Self {
                let counted: fn(usize) -> usize = $counted;
                counted(k) as $type
            }
        }
    )*};
}

integer! {
    i8, u8, |k| k % 128;
    u8, u8, |k| k % 128;
    i16, u16, |k| k;
    u16, u16, |k| k;
    i32, u32, |k| k;
    u32, u32, |k| k;
    i64, u64, |k| k;
    u64, u64, |k| k;
}

macro_rules! float {
    ($($type:ty, $parse:expr, $from_f64:expr;)*) => {$(
        impl Number for $type {
            fn parse(value: &Value) -> Result<Self, String> {
                $parse(value)
            }

            fn bits(self) -> Vec<Option<u64>> {
                vec![(!self.is_nan()).then(|| self.to_bits().into())]
            }

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn doubled(array: &NdArray<Self>) -> NdArray<Self> {
                array + array
            }

            fn counted(k: usize) -> Self {
                $from_f64(k as f64)
            }
        }
    )*};
}

float! {
    f16, |value| parsed::<f64>(value).map(f16::from_f64_const), f16::from_f64_const;
    f32, parsed::<f32>, |k| k as f32;
    f64, parsed::<f64>, |k| k;
}

macro_rules! complex {
    ($($part:ty),*) => {$(
        impl Number for Complex<$part> {
            fn parse(value: &Value) -> Result<Self, String> {
                match value.as_array().map(Vec::as_slice) {
                    Some([re, im]) => Ok(Complex::new(<$part>::parse(re)?, <$part>::parse(im)?)),
                    _ => Err(format!("{value} is no pair")),
                }
            }

            fn bits(self) -> Vec<Option<u64>> {
                [self.re.bits(), self.im.bits()].concat()
            }

            fn plus(self, other: Self) -> Self {
                self + other
            }

            fn doubled(array: &NdArray<Self>) -> NdArray<Self> {
                array + array
            }

            fn counted(k: usize) -> Self {
                // NumPy's `k - k * 1j` has no negative zero.
                Complex::new(k as $part, 0.0 - k as $part)
            }
        }
    )*};
}

complex!(f32, f64);

/// `"0x3f80"`, a pair of such, or null for NaN.
pub(super) fn parse_bits(value: &Value) -> Result<Vec<Option<u64>>, String> {
    match value {
        Value::Null => Ok(vec![None]),
        Value::Array(parts) => {
            let parts: Result<Vec<_>, String> = parts.iter().map(parse_bits).collect();
            Ok(parts?.concat())
        }
        other => {
            let text = text(other)?;
            let digits = text.strip_prefix("0x").ok_or("bits without 0x")?;
            let bits = u64::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
            Ok(vec![Some(bits)])
        }
    }
}

/// Whether both are the same number, signs of zeros aside.
pub(super) fn is_same<A: Number>(a: A, b: A) -> bool {
    a == b || a.bits() == b.bits()
}

/// C99's `0x1.8p-3`.
pub(super) fn parse_hex_float(text: &str) -> Result<f64, String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let bad = || format!("{text} is no hexadecimal float");
    let rest = rest.strip_prefix("0x").ok_or_else(bad)?;
    let (digits, exponent) = rest.split_once('p').ok_or_else(bad)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa = u64::from_str_radix(&format!("{whole}{fraction}"), 16).map_err(|_| bad())?;
    let exponent: i32 = exponent.parse().map_err(|_| bad())?;
    let mut value = sign * mantissa as f64;
    // Step by step, as 2^-1074 itself is no normal number.
    for _ in 0..fraction.len() * 4 {
        value /= 2.0;
    }
    for _ in 0..exponent.unsigned_abs() {
        value *= if exponent < 0 { 0.5 } else { 2.0 };
    }
    Ok(value)
}
