//! The one place that formats bytes.

const STEP: f64 = 1024.0;
const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Three digits and a unit, as in NumPy's `MemoryError`: `8.00 PiB`, `745. GiB`.
pub(crate) fn binary(nbytes: u64) -> String {
    let mut unit = (nbytes.max(1).ilog2() / 10) as usize;
    let mut number = nbytes as f64 / (1_u64 << (10 * unit)) as f64;
    // 1023.9 of a unit would print as 1024.
    if number.round() == STEP && unit + 1 < UNITS.len() {
        unit += 1;
        number /= STEP;
    }
    let name = UNITS[unit];
    match number {
        _ if unit == 0 => format!("{number:.0} {name}"),
        ..9.995 => format!("{number:.2} {name}"),
        ..99.95 => format!("{number:.1} {name}"),
        // As C's `%#.3g` does, with a point and nothing behind it.
        _ => format!("{number:.0}. {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::binary;

    #[test]
    fn it_reads_like_numpy() {
        for (nbytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.00 KiB"),
            (8 << 50, "8.00 PiB"),
            (16_000_000, "15.3 MiB"),
            (800_000_000_000, "745. GiB"),
            ((1 << 30) - 1, "1.00 GiB"),
            (1000 << 20, "1000. MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(binary(nbytes), text);
        }
    }
}
