//! What programs are run under, and the command that does it.

use std::path::Path;
use std::process::Command;

/// A profiler, or the lack of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// The system's allocator.
    Bare,
    /// `stats_alloc`: counts, no stacks.
    Counting,
    /// Installed, and nobody asked for a recording.
    HeaplineIdle,
    Heapline,
    /// The same with `-C force-frame-pointers=yes` in all crates but the standard library.
    HeaplineFramePointers,
    Heapscope,
    Dhat,
    Heaptrack,
    ValgrindDhat,
}

impl Tool {
    pub(crate) const ALL: [Tool; 9] = [
        Tool::Bare,
        Tool::Counting,
        Tool::HeaplineIdle,
        Tool::Heapline,
        Tool::HeaplineFramePointers,
        Tool::Heapscope,
        Tool::Heaptrack,
        Tool::Dhat,
        Tool::ValgrindDhat,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Bare => "bare",
            Tool::Counting => "counting",
            Tool::HeaplineIdle => "heapline idle",
            Tool::Heapline => "heapline",
            Tool::HeaplineFramePointers => "heapline fp",
            Tool::Heapscope => "heapscope",
            Tool::Dhat => "dhat-rs",
            Tool::Heaptrack => "heaptrack",
            Tool::ValgrindDhat => "valgrind DHAT",
        }
    }

    /// What the others are compared with and checked against: always run.
    pub(crate) fn is_reference(self) -> bool {
        matches!(self, Tool::Bare | Tool::Counting)
    }

    /// So slow that it gets fewer rounds.
    pub(crate) fn is_slow(self) -> bool {
        matches!(self, Tool::Dhat | Tool::ValgrindDhat)
    }

    /// Whether it records as heapline.
    pub(crate) fn is_heapline(self) -> bool {
        matches!(self, Tool::Heapline | Tool::HeaplineFramePointers)
    }

    /// Whether it does much of its work in another process or when the program ends.
    pub(crate) fn works_outside(self) -> bool {
        matches!(
            self,
            Tool::Heapscope | Tool::Heaptrack | Tool::Dhat | Tool::ValgrindDhat
        )
    }

    /// Whether its file holds every event; that of the others grows with distinct
    /// stacks, so that bytes per event say nothing.
    pub(crate) fn records_events(self) -> bool {
        self.is_heapline() || self == Tool::Heaptrack
    }

    /// The workload under this tool. `program` is the binary that belongs to it, and
    /// `output` the file it shall write.
    pub(crate) fn command(self, program: &Path, workload: &str, output: &Path) -> Command {
        let mut command = match self {
            Tool::Heaptrack => {
                let mut command = Command::new("heaptrack");
                command.arg("-o").arg(output).arg(program);
                command
            }
            Tool::ValgrindDhat => {
                let mut command = Command::new("valgrind");
                let file = format!("--dhat-out-file={}", output.display());
                command.args(["--tool=dhat", &file]).arg(program);
                command
            }
            _ => Command::new(program),
        };
        command.arg(workload).env_remove("HEAPLINE");
        if self.is_heapline() {
            let path = output.to_string_lossy().replace(',', "\\,");
            command.env("HEAPLINE", format!("quiet,out={path}"));
        } else {
            command.env("PEERS_OUT", output);
        }
        command
    }
}
