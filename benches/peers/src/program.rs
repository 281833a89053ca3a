//! The main function of every measured program, and the line it ends with.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::workloads;

/// What the line begins with, among whatever a profiler prints.
pub const PREFIX: &str = "peers:";

/// How often a program called its allocator.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Allocations, zeroed ones included.
    pub allocations: u64,
    /// Deallocations.
    pub deallocations: u64,
    /// Reallocations.
    pub reallocations: u64,
}

/// For allocators that do not count.
#[must_use]
pub fn no_counts() -> Option<Counts> {
    None
}

/// Runs the workload that the first argument names, then prints what it came to.
///
/// Counts are taken when everything that allocates here has been done, so that all
/// programs allocate equally often until then and never after.
#[must_use]
pub fn main(counts: fn() -> Option<Counts>) -> ExitCode {
    // The first use of stdout allocates its buffer.
    let mut stdout = io::stdout().lock();
    let name = env::args().nth(1).unwrap_or_default();
    let Some(workload) = workloads::ALL.iter().find(|workload| workload.name == name) else {
        let _ = writeln!(io::stderr(), "no workload is called '{name}'");
        return ExitCode::FAILURE;
    };
    let checksum = (workload.run)();
    let peak_bytes = peak_bytes().unwrap_or_default();
    let cpu_ms = cpu_ms().unwrap_or_default();
    let counts = counts();
    let said = write!(
        stdout,
        "{PREFIX} checksum={checksum} cpu_ms={cpu_ms} peak_bytes={peak_bytes}"
    )
    .and_then(|()| match counts {
        Some(counts) => write!(
            stdout,
            " allocations={} deallocations={} reallocations={}",
            counts.allocations, counts.deallocations, counts.reallocations
        ),
        None => Ok(()),
    })
    .and_then(|()| writeln!(stdout));
    if said.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// CPU time of all threads of this process so far, to 10 ms: the unit of Linux's
/// interface, whatever the kernel's own clock.
fn cpu_ms() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name, in parentheses, and may hold blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some((user + system) * 10)
}

/// The most memory that was ever resident in this process.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
