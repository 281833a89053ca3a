//! Execution counts of `#[profile]` lines, kept in the trace file itself: they are
//! exact at any instant, whatever kills the program.
#![allow(unsafe_code)]

use core::mem::{offset_of, size_of};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use heapline_trace::{ScopeLayout, cell_bytes};

use crate::sink::{self, Failure};
use crate::thread_state::Entered;
use crate::{root, sys};

/// The first bytes of a scope cell; see [`ScopeLayout`]. The last number is this
/// process's own and means nothing to readers.
#[repr(C)]
struct Prefix {
    /// Magic, function, lines, last line, lengths of the texts.
    stated: [AtomicU32; 5],
    /// Number of the first line among the lines of all functions.
    first_line: AtomicU32,
    unused: [u32; 10],
}

const _: () = assert!(size_of::<Prefix>() == ScopeLayout::counters_offset());
const _: () = assert!(offset_of!(Prefix, first_line) == 20);

/// A function's cell in the current trace.
#[derive(Clone, Copy)]
pub(crate) struct ScopeCell {
    prefix: &'static Prefix,
    executions: &'static [AtomicU64],
}

/// Where a function's cell is, if it has one. A forked child has the pointer but not the
/// mapping.
pub(crate) struct CellPointer {
    prefix: AtomicPtr<Prefix>,
    /// The recording that the cell belongs to.
    recording: AtomicU32,
}

impl CellPointer {
    pub(crate) const fn new() -> Self {
        CellPointer {
            prefix: AtomicPtr::new(null_mut()),
            recording: AtomicU32::new(0),
        }
    }

    /// The function's cell under this recording. That a thread has entered the
    /// recorder shows that the recording is this process's own.
    pub(crate) fn get(&self, _entered: &Entered, recording: u32) -> Option<ScopeCell> {
        if self.recording.load(Ordering::Acquire) != recording {
            return None;
        }
        // SAFETY: a cell made by `claim` in this process, which is never unmapped.
        let prefix = unsafe { self.prefix.load(Ordering::Acquire).as_ref() }?;
        let lines = prefix.stated[2].load(Ordering::Relaxed) as usize;
        // SAFETY: `claim` has made room for so many counters behind the prefix.
        let executions = unsafe {
            core::slice::from_raw_parts(core::ptr::from_ref(prefix).add(1).cast(), lines)
        };
        Some(ScopeCell { prefix, executions })
    }

    /// Claims a cell in the trace and writes what it is about.
    pub(crate) fn claim(&self, numbers: Numbers, texts: Texts) -> Result<(), Failure> {
        let layout = ScopeLayout::new(texts.lines.len(), texts.file, texts.name);
        let bytes = cell_bytes(layout.bytes());
        let mut memory = sink::claim_mapped(numbers.recording, bytes)?;
        // SAFETY: the mapping is that long, zeroed, and known to nobody else yet.
        let cell = unsafe { core::slice::from_raw_parts_mut(memory.as_ptr(), bytes) };
        layout.write(
            cell,
            numbers.function,
            texts.lines,
            texts.last_line,
            texts.file,
            texts.name,
        );
        // SAFETY: the mapping begins with a prefix, page-aligned; `cell` is not used any more.
        let prefix = unsafe { memory.cast::<Prefix>().as_ref() };
        prefix
            .first_line
            .store(numbers.first_line, Ordering::Relaxed);
        if let Some(old) = self.mapped()
            // SAFETY: the old cell is this function's, hence as large; whoever still counts
            // in it counts in the new one. The new one's address is known to nobody.
            && unsafe { sys::move_mapping(memory, bytes, old) }.is_ok()
        {
            memory = old;
        }
        self.prefix
            .store(memory.as_ptr().cast::<Prefix>(), Ordering::Release);
        self.recording.store(numbers.recording, Ordering::Release);
        Ok(())
    }

    /// The cell that the function had in a recording before, if this process has it.
    fn mapped(&self) -> Option<NonNull<u8>> {
        let recording = self.recording.load(Ordering::Acquire);
        let is_ours = root::get().is_some_and(|root| root.made(recording));
        NonNull::new(self.prefix.load(Ordering::Acquire).cast::<u8>()).filter(|_| is_ours)
    }
}

/// The numbers of a cell.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) recording: u32,
    pub(crate) function: u32,
    pub(crate) first_line: u32,
}

/// What a cell is about.
#[derive(Clone, Copy)]
pub(crate) struct Texts {
    pub(crate) lines: &'static [u32],
    pub(crate) last_line: u32,
    pub(crate) file: &'static str,
    pub(crate) name: &'static str,
}

impl ScopeCell {
    pub(crate) fn function(self) -> u32 {
        self.prefix.stated[1].load(Ordering::Relaxed)
    }

    pub(crate) fn first_line(self) -> u32 {
        self.prefix.first_line.load(Ordering::Relaxed)
    }

    /// Counts an execution of the line with this index.
    pub(crate) fn count(self, line: u32) {
        if let Some(counter) = self.executions.get(line as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
