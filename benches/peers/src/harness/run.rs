//! One run of one program under one tool: what it used, and what it said.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use heapline_peers::program::{Counts, PREFIX};
use wait4::Wait4;

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// CPU time, user and system, of the command and all it waited for.
    pub(crate) cpu_ns: u64,
    /// Of that, what the program itself had used at its end, to 10 ms.
    pub(crate) program_cpu_ns: u64,
    /// The most memory that was resident, in the largest process.
    pub(crate) peak_bytes: u64,
    /// Size of the trace or profile.
    pub(crate) file_bytes: u64,
    pub(crate) checksum: u64,
    /// By the allocator that counts.
    pub(crate) counts: Option<Counts>,
}

/// Runs the command, which writes its trace into this empty folder.
pub(crate) fn run(mut command: Command, folder: &Path) -> Result<Sample, String> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error: io::Error| error.to_string();
    let mut child = command.spawn().map_err(failed)?;
    let mut stderr = child.stderr.take();
    let reader = thread::spawn(move || text(stderr.as_mut()));
    let stdout = text(child.stdout.as_mut());
    let stderr = reader.join().unwrap_or_default();
    let used = child.wait4().map_err(failed)?;
    if !used.status.success() {
        let last = stderr.lines().last().unwrap_or_default();
        return Err(format!("{}: {last}", used.status));
    }
    let line = stdout.lines().find_map(|line| line.strip_prefix(PREFIX));
    let line = line.ok_or("it did not say what it did")?;
    let program_peak_bytes = number(line, "peak_bytes").unwrap_or_default();
    let usage = used.rusage;
    Ok(Sample {
        cpu_ns: (usage.utime + usage.stime).as_nanos() as u64,
        program_cpu_ns: number(line, "cpu_ms").unwrap_or_default() * 1_000_000,
        peak_bytes: peak_bytes(usage.maxrss, program_peak_bytes),
        file_bytes: bytes_below(folder).map_err(failed)?,
        checksum: number(line, "checksum").ok_or("it has no checksum")?,
        counts: counts(line),
    })
}

/// A process starts with its parent's peak as its own, so one as small as the harness
/// is asked instead.
fn peak_bytes(of_command: u64, of_program: u64) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let of_harness = kibibytes.unwrap_or_default() * 1024;
    if of_command > of_harness {
        of_command
    } else {
        of_program
    }
}

fn text(pipe: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    // What could not be read is missing from the text, and the checks find it.
    let _ = pipe.map(|pipe| pipe.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The number behind `name=`.
pub(crate) fn number(line: &str, name: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

/// All three numbers, or nothing.
pub(crate) fn counts(line: &str) -> Option<Counts> {
    Some(Counts {
        allocations: number(line, "allocations")?,
        deallocations: number(line, "deallocations")?,
        reallocations: number(line, "reallocations")?,
    })
}

fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
