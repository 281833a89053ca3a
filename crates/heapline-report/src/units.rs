//! The one place that turns bytes, counts and times into text.

/// Bytes with a binary unit: `512 B`, `1.91 MiB`. Exact below 1 KiB, else three digits.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded to 1024 of a unit is shown as 1 of the next.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), UNITS[unit])
}

/// Bytes to the last one: `8,000,000 B`.
#[must_use]
pub fn exact_bytes(bytes: u64) -> String {
    format!("{} B", count(bytes))
}

/// How much smaller a trace became: `11.4 MiB to 2.10 MiB (1.31 bytes per event)`.
#[must_use]
pub fn reduction(before: u64, after: u64, events: u64) -> String {
    let each = match events {
        0 => String::new(),
        _ => format!(" ({:.2} bytes per event)", after as f64 / events as f64),
    };
    format!("{} to {}{each}", bytes(before), bytes(after))
}

/// A count with its thousands parted: `1,234,567`.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 thread`, `2 threads`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// The same with a noun of irregular plural: `1 process`, `2 processes`.
#[must_use]
pub fn counted_by(number: u64, noun: &str, plural: &str) -> String {
    let noun = if number == 1 { noun } else { plural };
    format!("{} {noun}", count(number))
}

/// A time span: `340 ns`, `12.5 ms`, `1.50 s`, `2 min 3 s`.
#[must_use]
pub fn nanoseconds(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{} µs", three_digits(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", three_digits(value / 1e6)),
        1_000_000_000..60_000_000_000 => format!("{} s", three_digits(value / 1e9)),
        _ => {
            let seconds = nanoseconds / 1_000_000_000;
            format!("{} min {} s", count(seconds / 60), seconds % 60)
        }
    }
}

/// Bytes in MiB with three decimals, as `memory_profiler` writes them: 2^20 bytes are `1.000 MiB`.
#[must_use]
pub fn mebibytes(bytes: i64) -> String {
    format!("{:7.3} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A share of a whole in percent; 0 of nothing is 0.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    };
    format!("{share:.1}%")
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions_say_what_an_event_takes() {
        assert_eq!(
            reduction(1 << 20, 1 << 10, 1_000),
            "1.00 MiB to 1.00 KiB (1.02 bytes per event)"
        );
        assert_eq!(reduction(5_000, 4_200, 0), "4.88 KiB to 4.10 KiB");
    }

    #[test]
    fn bytes_are_exact_when_small_and_three_digits_when_not() {
        for (value, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (10_234, "9.99 KiB"),
            (10_235, "10.0 KiB"),
            (102_348, "99.9 KiB"),
            (102_400, "100 KiB"),
            (1_048_063, "1023 KiB"),
            (1_048_064, "1.00 MiB"),
            (2_002_780, "1.91 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(value), text, "{value}");
        }
    }

    #[test]
    fn counts_are_grouped_by_three() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
        assert_eq!(counted(1, "thread"), "1 thread");
        assert_eq!(counted(0, "thread"), "0 threads");
        assert_eq!(counted_by(1, "process", "processes"), "1 process");
        assert_eq!(counted_by(2, "process", "processes"), "2 processes");
    }

    #[test]
    fn times_take_the_unit_that_fits() {
        for (value, text) in [
            (999, "999 ns"),
            (1_500, "1.50 µs"),
            (12_500_000, "12.5 ms"),
            (1_500_000_000, "1.50 s"),
            (123_000_000_000, "2 min 3 s"),
        ] {
            assert_eq!(nanoseconds(value), text);
        }
    }

    #[test]
    fn mebibytes_are_those_of_memory_profiler() {
        assert_eq!(mebibytes(36_712_743), " 35.012 MiB");
        assert_eq!(mebibytes(8_003_649), "  7.633 MiB");
        assert_eq!(mebibytes(-8_003_649), " -7.633 MiB");
        assert_eq!(mebibytes(10_485_760_000), "10000.000 MiB");
    }

    #[test]
    fn shares_of_nothing_are_nothing() {
        assert_eq!(percent(1, 3), "33.3%");
        assert_eq!(percent(0, 0), "0.0%");
    }
}
