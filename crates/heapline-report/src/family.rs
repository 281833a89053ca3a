//! Several processes' recordings as one: who was forked or started by whom, and sums.

use std::path::PathBuf;

use crate::facts::Totals;
use crate::quality::Quality;
use crate::report::Report;

/// What is left of a report once its trace has been put beside others.
#[derive(Clone, Debug)]
pub struct Process {
    /// The trace's path.
    pub path: PathBuf,
    /// The program, as a path.
    pub program: String,
    /// The program's arguments, its name first.
    pub command: Vec<String>,
    /// Process id.
    pub pid: u32,
    /// Its parent's; of a forked child that recorded because its parent did, that one's.
    pub parent_pid: u32,
    /// `CLOCK_REALTIME` in nanoseconds when recording began.
    pub start_realtime_ns: u64,
    /// Nanoseconds from the start of recording to the newest event.
    pub duration_ns: u64,
    /// Nanoseconds from the start of recording to the peak.
    pub peak_at_ns: u64,
    /// Sums over all events of this process.
    pub totals: Totals,
    /// Allocations the inner allocator refused.
    pub failed_allocations: u64,
    /// How far these figures can be trusted.
    pub quality: Quality,
    /// How many of the family stand between it and the eldest.
    pub generation: u32,
}

impl Process {
    /// What a family needs to know of a report.
    #[must_use]
    pub fn of(report: &Report) -> Process {
        let header = report.header();
        Process {
            path: report.path().to_owned(),
            program: report.program(),
            command: header.command(),
            pid: header.pid,
            parent_pid: header.parent_pid,
            start_realtime_ns: header.start_realtime_ns,
            duration_ns: report.duration_ns(),
            peak_at_ns: report.peak_at_ns(),
            totals: report.totals(),
            failed_allocations: header.failed_allocations,
            quality: report.quality(),
            generation: 0,
        }
    }
}

/// Processes, each behind its parent.
#[derive(Clone, Debug)]
pub struct Family {
    processes: Vec<Process>,
}

impl Family {
    /// Puts processes in order: those whose parent is not among them by the time at which
    /// their recordings began, each followed by its children, and theirs, in the same order.
    #[must_use]
    pub fn new(mut processes: Vec<Process>) -> Family {
        processes.sort_by_key(|process| (process.start_realtime_ns, process.pid));
        let parents: Vec<Option<usize>> = (0..processes.len())
            .map(|child| parent_of(&processes, child))
            .collect();
        let mut order = Vec::with_capacity(processes.len());
        let mut waiting: Vec<(usize, u32)> = children(&parents, None, 0).collect();
        while let Some((process, generation)) = waiting.pop() {
            order.push((process, generation));
            waiting.extend(children(&parents, Some(process), generation + 1));
        }
        let mut processes: Vec<Option<Process>> = processes.into_iter().map(Some).collect();
        let ordered = order.into_iter().filter_map(|(process, generation)| {
            let process = processes[process].take()?;
            Some(Process {
                generation,
                ..process
            })
        });
        Family {
            processes: ordered.collect(),
        }
    }

    /// The processes, each behind its parent.
    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Sums over all processes. Its peak is the sum of their peaks, which they need not have
    /// reached at one time: no less than the most bytes that were ever live in all of them
    /// together. It has no time.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut sum = Totals::default();
        for totals in self.processes.iter().map(|process| &process.totals) {
            for (sum, amount) in [
                (&mut sum.allocations, totals.allocations),
                (&mut sum.allocated_bytes, totals.allocated_bytes),
                (&mut sum.deallocations, totals.deallocations),
                (&mut sum.deallocated_bytes, totals.deallocated_bytes),
                (&mut sum.reallocations, totals.reallocations),
                (&mut sum.reallocated_bytes, totals.reallocated_bytes),
                (&mut sum.temporary_allocations, totals.temporary_allocations),
                (&mut sum.peak_bytes, totals.peak_bytes),
                (&mut sum.live_at_end_bytes, totals.live_at_end_bytes),
                (&mut sum.live_at_end_blocks, totals.live_at_end_blocks),
            ] {
                *sum = sum.saturating_add(amount);
            }
        }
        sum
    }

    /// How many processes' figures are not exact.
    #[must_use]
    pub fn with_losses(&self) -> usize {
        let processes = self.processes.iter();
        processes.filter(|process| !process.quality.exact).count()
    }
}

/// The newest process with the parent's id that began before the child: ids come again.
fn parent_of(by_start: &[Process], child: usize) -> Option<usize> {
    let id = by_start[child].parent_pid;
    let is_parent = |process: &Process| process.pid == id;
    by_start[..child].iter().rposition(is_parent)
}

/// A process's children, the eldest last, with their generation.
fn children(
    parents: &[Option<usize>],
    of: Option<usize>,
    generation: u32,
) -> impl Iterator<Item = (usize, u32)> + '_ {
    let found = move |&(_, parent): &(usize, &Option<usize>)| *parent == of;
    let children = parents.iter().enumerate().rev().filter(found);
    children.map(move |(child, _)| (child, generation))
}
