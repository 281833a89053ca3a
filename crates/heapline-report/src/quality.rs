//! How far a report can be trusted, in one line.

use crate::trace_file::End;
use crate::units;

/// What was lost, cut, or did not fit; all zero and `exact` for a good recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quality {
    /// Allocations, reallocations and deallocations.
    pub events: u64,
    /// Distinct threads that recorded.
    pub threads: u64,
    /// Events that the recorder could not take.
    pub skipped_events: u64,
    /// Allocations and reallocations whose stack was not walked to its end.
    pub cut_stacks: u64,
    /// Allocations and reallocations whose stack is not known.
    pub lost_stacks: u64,
    /// Allocations and reallocations with a frame where more than one library was loaded:
    /// it may be the other one's.
    pub ambiguous_stacks: u64,
    /// Blocks of the file that are missing or damaged.
    pub lost_blocks: u64,
    /// Blocks of memory that began over a live one, or of impossible size.
    pub order_anomalies: u64,
    /// Reallocations under way when the program died.
    pub reallocations_in_flight: u64,
    /// Ends of blocks from before recording began.
    pub unknown_deallocations: u64,
    /// Events put in order against their stamps.
    pub repaired_events: u64,
    /// Places in the program without function or line.
    pub missing_symbols: u64,
    /// Functions have names without their modules.
    pub short_names: bool,
    /// Nothing was skipped, lost, damaged or stopped early: totals are exact.
    pub exact: bool,
    /// How the recording ended.
    pub end: End,
    /// Why it ended before the program did.
    pub stop_reason: Option<&'static str>,
}

impl Quality {
    /// The line at the top of every text report.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = vec![
            if self.exact { "exact" } else { "with losses" }.to_owned(),
            units::counted(self.events, "event"),
            units::counted(self.threads, "thread"),
            self.ending(),
            format!("{} skipped", units::count(self.skipped_events)),
            units::counted(self.cut_stacks, "cut stack"),
            units::counted_by(self.order_anomalies, "anomaly", "anomalies"),
            format!("{} missing", units::counted(self.missing_symbols, "symbol")),
        ];
        parts.extend(self.rare());
        format!("Quality: {}", parts.join(", "))
    }

    fn ending(&self) -> String {
        let word = match self.end {
            End::Exit => "clean exit",
            End::Killed => "killed",
            End::Running => "still running",
            End::Stopped => "stopped",
        };
        match self.stop_reason {
            None => word.to_owned(),
            Some(reason) => format!("stopped early: {reason}"),
        }
    }

    /// What is said only where there is any.
    fn rare(&self) -> Vec<String> {
        let counts = [
            (self.lost_blocks, "lost block"),
            (self.lost_stacks, "lost stack"),
            (self.ambiguous_stacks, "ambiguous stack"),
            (self.unknown_deallocations, "unknown deallocation"),
            (self.reallocations_in_flight, "reallocation in flight"),
            (self.repaired_events, "repaired stamp"),
        ];
        let mut parts: Vec<String> = counts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| match noun {
                "reallocation in flight" => {
                    format!("{} in flight", units::counted(number, "reallocation"))
                }
                _ => units::counted(number, noun),
            })
            .collect();
        if self.short_names {
            parts.push("short names".to_owned());
        }
        parts
    }
}
