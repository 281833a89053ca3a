//! Numbers as text in tables.

/// With so many digits behind the point and its thousands parted; `-` if there is none.
pub(crate) fn shown(number: Option<f64>, digits: usize) -> String {
    let Some(number) = number else {
        return "-".to_owned();
    };
    let text = format!("{:.digits$}", number.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    // What is rounded to zero has no sign.
    let is_zero = text.bytes().all(|digit| matches!(digit, b'0' | b'.'));
    let sign = if number < 0.0 && !is_zero { "-" } else { "" };
    format!("{sign}{}{fraction}", parted(whole))
}

fn parted(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn numbers() {
        assert_eq!(shown(None, 2), "-");
        assert_eq!(shown(Some(1.5), 2), "1.50");
        assert_eq!(shown(Some(1_234_567.0), 0), "1,234,567");
        assert_eq!(shown(Some(-123.4), 0), "-123");
        assert_eq!(shown(Some(-123_456.0), 0), "-123,456");
        assert_eq!(shown(Some(-0.04), 1), "0.0");
        assert_eq!(shown(Some(12_345.67), 1), "12,345.7");
    }
}
