//! The value of `--at`.

use heapline_report::At;

use crate::error::CliError;

/// `peak`, `end`, or a time with its unit.
pub(super) fn at(text: &str) -> Result<At, CliError> {
    let unusable = || {
        CliError::usage(format!(
            "--at takes peak, end or a time such as 1.5s or 20ms, not '{text}'"
        ))
    };
    match text {
        "peak" => return Ok(At::Peak),
        "end" => return Ok(At::End),
        _ => {}
    }
    let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
    let (number, scale) = units
        .into_iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))
        .ok_or_else(unusable)?;
    let number: f64 = number.parse().map_err(|_| unusable())?;
    if !(0.0..1e12).contains(&number) {
        return Err(unusable());
    }
    Ok(At::Nanoseconds((number * scale).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(at("1.5s").ok(), Some(At::Nanoseconds(1_500_000_000)));
        assert_eq!(at("20ms").ok(), Some(At::Nanoseconds(20_000_000)));
        assert_eq!(at("peak").ok(), Some(At::Peak));
        for text in ["", "1.5", "s", "-1s", "1e99s", "NaNs", "later"] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
