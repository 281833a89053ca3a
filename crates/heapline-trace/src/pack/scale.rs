//! How much memory a stream's model may take: for a trace of few streams megabytes, for
//! one of thousands kilobytes each. Writer and reader compute it alike, so it is part
//! of the format.

/// Sizes of a stream's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// Slots of the table of predictions are 2 to this power.
    pub(super) prediction_bits: u32,
    /// Contexts of time differences are 2 to this power.
    pub(super) time_bits: u32,
    /// Live blocks that are remembered.
    pub(super) live_blocks: usize,
    /// Freed addresses that are remembered of each size.
    pub(super) freed_addresses: usize,
}

impl Scale {
    /// For a stream with so many bytes of records in the raw trace, one of `streams`.
    pub(super) fn new(record_bytes: u64, streams: usize) -> Self {
        let records = bits(record_bytes / 4);
        // What the streams together may take is shared out.
        let share = bits(streams as u64);
        let within = |most: u32, least: u32| records.min(most.saturating_sub(share)).max(least);
        Scale {
            prediction_bits: within(21, 7).min(20),
            time_bits: within(15, 5).min(13),
            live_blocks: 1 << within(21, 8).min(16),
            freed_addresses: 1 << within(16, 5).min(11),
        }
    }
}

fn bits(number: u64) -> u32 {
    64 - number.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_streams_take_little_memory_each() {
        let one = Scale::new(1 << 30, 1);
        assert_eq!((one.prediction_bits, one.live_blocks), (20, 1 << 16));
        let many = Scale::new(1 << 30, 10_000);
        assert_eq!((many.prediction_bits, many.time_bits), (7, 5));
        assert_eq!(Scale::new(100, 1).live_blocks, 1 << 8);
    }
}
