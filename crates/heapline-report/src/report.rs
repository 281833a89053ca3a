//! A trace, replayed and with symbols: what all tables and pictures are made from.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heapline_trace::{CellCounts, Header, Packing, StopReason, Trace, TraceError};
use rustc_hash::FxHashMap;

use crate::ReportError;
use crate::facts::{FirstPass, ScopeLine, StackFacts, Totals};
use crate::lane::{LaneFacts, ThreadName};
use crate::quality::Quality;
use crate::replay::{Anomalies, replay};
use crate::source::Sources;
use crate::stacks::{StackId, StackTree};
use crate::symbols::{Module, Problem, Site, SymbolOptions, SymbolStore, SymbolTable, resolve};
use crate::trace_file::{End, TraceFile};

/// How a trace is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where symbols and sources are.
    pub symbols: SymbolOptions,
}

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading all events.
    Replay,
    /// Looking up functions and lines.
    Symbols,
    /// Reading the events again, for a question that needs it.
    SecondPass,
    /// Writing the trace packed.
    Packing,
    /// Comparing the packed trace with the raw one.
    Checking,
}

/// How far a phase is: bytes of the trace, or distinct addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// So much of it is done,
    pub done: u64,
    /// of so much.
    pub total: u64,
}

/// One recorder slot of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its number.
    pub id: u32,
    /// Whole blocks in the file; of a packed trace those of the raw one.
    pub blocks: u64,
    /// Bytes of records, in blocks and stage; of a packed trace those of the raw one.
    pub record_bytes: u64,
    /// Allocations, reallocations and deallocations.
    pub events: u64,
    /// The threads that owned it, one after the other.
    pub threads: Vec<ThreadName>,
}

/// A trace and all that was found in it.
pub struct Report {
    pub(crate) path: PathBuf,
    trace: Trace<TraceFile>,
    bytes_read: Arc<AtomicU64>,
    end: End,
    totals: Totals,
    anomalies: Anomalies,
    newest_stamp: u64,
    lanes: Vec<LaneFacts>,
    lane_events: Vec<u64>,
    array_notes: u64,
    pub(crate) stacks: StackTree,
    pub(crate) facts: Vec<StackFacts>,
    pub(crate) scopes: FxHashMap<(u32, u32), ScopeLine>,
    pub(crate) symbols: SymbolTable,
    pub(crate) sources: RefCell<Sources>,
}

impl Report {
    /// Opens and replays a trace and looks up its symbols.
    ///
    /// # Errors
    /// If the file cannot be read or is no trace of this version.
    pub fn open(
        path: &Path,
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ReportError> {
        Self::read(path, TraceFile::open(path)?, options, progress)
    }

    /// The same with a trace in memory; `path` names it in messages.
    ///
    /// # Errors
    /// If the bytes are no trace of this version.
    pub fn from_bytes(
        path: &Path,
        bytes: Vec<u8>,
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ReportError> {
        Self::read(path, TraceFile::in_memory(bytes), options, progress)
    }

    fn read(
        path: &Path,
        file: TraceFile,
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ReportError> {
        let bytes_read = file.bytes_read();
        let failed = |error: TraceError| ReportError::trace(path, error);
        let trace = Trace::open(file).map_err(failed)?;
        let symbol_options = with_carried(&options.symbols, path, &trace);
        let end = End::of(trace.header());
        let mut pass = FirstPass::new(trace.streams().len(), !trace.scopes().is_empty());
        let mut tick = ticker(&trace, &bytes_read, Phase::Replay, progress);
        let outcome = replay(&trace, u64::MAX, &mut pass, &mut tick).map_err(failed)?;
        drop(tick);
        let stacks = outcome.tree;
        let symbols = resolve(
            stacks.modules(),
            stacks.sites(),
            &symbol_options,
            &mut |done, total| {
                progress(Progress {
                    phase: Phase::Symbols,
                    done,
                    total,
                });
            },
        );
        Ok(Report {
            path: path.to_owned(),
            bytes_read,
            end,
            totals: pass.totals,
            anomalies: outcome.anomalies,
            newest_stamp: outcome.newest_stamp,
            lanes: outcome.lanes,
            lane_events: pass.events,
            array_notes: pass.array_notes,
            facts: pass.stacks.finish(stacks.len()),
            scopes: pass.scopes.finish(),
            sources: RefCell::new(Sources::new(&symbols, &symbol_options)),
            trace,
            stacks,
            symbols,
        })
    }

    /// The trace's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The header page.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.trace.header()
    }

    /// The program, as a path.
    #[must_use]
    pub fn program(&self) -> String {
        String::from_utf8_lossy(&self.header().program).into_owned()
    }

    /// Sums over all events.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Nanoseconds from the start of recording to the peak.
    #[must_use]
    pub fn peak_at_ns(&self) -> u64 {
        self.header().nanoseconds(self.totals.peak_stamp)
    }

    /// Nanoseconds from the start of recording to the newest event.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.header().nanoseconds(self.newest_stamp)
    }

    /// How the recording ended.
    #[must_use]
    pub fn end(&self) -> End {
        self.end
    }

    /// Every stack at which something happened.
    #[must_use]
    pub fn stacks(&self) -> &StackTree {
        &self.stacks
    }

    /// What happened at a stack of [`Report::stacks`].
    ///
    /// # Panics
    /// If the number is another report's.
    #[must_use]
    pub fn stack_facts(&self, stack: StackId) -> &StackFacts {
        &self.facts[stack.index()]
    }

    /// Functions and lines of all sites of [`Report::stacks`].
    #[must_use]
    pub fn symbols(&self) -> &SymbolTable {
        &self.symbols
    }

    /// What kept symbols and source text away; source files only as far as they were asked for.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.symbols.problems().to_vec();
        problems.extend(self.sources.borrow().problems().iter().cloned());
        problems
    }

    /// Notes on arrays; 0 if the program told of none.
    #[must_use]
    pub fn array_notes(&self) -> u64 {
        self.array_notes
    }

    /// How many cells of each kind the file has.
    #[must_use]
    pub fn cells(&self) -> CellCounts {
        self.trace.counts()
    }

    /// What packing made of the trace, if it is packed.
    #[must_use]
    pub fn packing(&self) -> Option<Packing> {
        self.trace.packing()
    }

    /// The recorder slots.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        let lanes = self.lanes.iter().zip(&self.lane_events);
        self.trace
            .streams()
            .iter()
            .zip(lanes)
            .map(|(stream, (lane, &events))| StreamInfo {
                id: stream.id.0,
                blocks: stream.blocks() as u64,
                record_bytes: stream.record_bytes(),
                events,
                threads: lane.threads.clone(),
            })
            .collect()
    }

    /// Distinct threads that recorded.
    #[must_use]
    pub fn threads(&self) -> u64 {
        let tids = self.lanes.iter().flat_map(|lane| &lane.threads);
        tids.map(|thread| thread.tid).collect::<BTreeSet<_>>().len() as u64
    }

    /// How far all this can be trusted.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let header = self.header();
        let damaged: u64 = self.lanes.iter().map(|lane| lane.damaged).sum();
        let lost_blocks = self.trace.losses().missing_blocks + damaged;
        let order_anomalies = self.anomalies.order_anomalies;
        let lost_stages = header.anonymous_stages && self.end == End::Killed;
        let stopped_early = header.stop_reason != StopReason::None;
        let losses = header.skipped_events + lost_blocks + order_anomalies;
        let short = |problem: &Problem| matches!(problem, Problem::ShortNames(_));
        Quality {
            events: self.totals.events(),
            threads: self.threads(),
            skipped_events: header.skipped_events,
            cut_stacks: self.events_where(|stack| self.is_cut(stack)),
            lost_stacks: self
                .events_where(|stack| self.stacks.root_of(stack) == heapline_trace::NodeId::LOST),
            ambiguous_stacks: self.ambiguous_stacks(),
            lost_blocks,
            order_anomalies,
            reallocations_in_flight: self.anomalies.reallocations_in_flight,
            unknown_deallocations: self.anomalies.unknown_deallocations,
            repaired_events: self.anomalies.repaired,
            missing_symbols: self.symbols.missing(),
            short_names: self.symbols.problems().iter().any(short),
            exact: losses == 0 && !lost_stages && !stopped_early,
            end: self.end,
            stop_reason: header.stop_reason.text(),
        }
    }

    /// Events whose stack has a frame in a place where more than one module was loaded. A
    /// thread notices that a library was replaced when it next looks at what is mapped;
    /// what it recorded in between belongs to the new one under the old one's name.
    fn ambiguous_stacks(&self) -> u64 {
        let sites = self.stacks.sites().iter();
        let ambiguous: Vec<bool> = sites.map(|site| self.is_ambiguous(site)).collect();
        if !ambiguous.contains(&true) {
            return 0;
        }
        self.events_where(|stack| self.stacks.sites_of(stack).any(|site| ambiguous[site]))
    }

    fn is_ambiguous(&self, site: &Site) -> bool {
        let modules = self.stacks.modules();
        let own = site.module.and_then(|index| modules.get(index));
        let (Some(own), Some(address)) = (own, site.address.call_site()) else {
            return false;
        };
        let is_another = |module: &&Module| {
            (&module.build_id, &module.path, module.bias) != (&own.build_id, &own.path, own.bias)
        };
        let mut others = modules.iter().filter(is_another);
        others.any(|module| (module.start..module.end).contains(&address.0))
    }

    /// Whether frames of the stack are missing at its outer end. Not where the walk
    /// ended at the `main` that rustc makes for C: with `panic=abort` that has no unwind
    /// table in some builds, and outside of it is libc's start code alone.
    fn is_cut(&self, stack: StackId) -> bool {
        let ends_at_main = || {
            let outermost = self.stacks.sites_of(stack).last()?;
            let frame = self.symbols.frame(*self.symbols.frames(outermost).last()?);
            Some(frame.function == "main" && frame.file.is_none())
        };
        self.stacks.root_of(stack).is_cut_root() && ends_at_main() != Some(true)
    }

    /// Allocations and reallocations at such stacks.
    fn events_where(&self, chosen: impl Fn(StackId) -> bool) -> u64 {
        self.stacks
            .ids()
            .filter(|&stack| chosen(stack))
            .map(|stack| self.stack_facts(stack))
            .map(|facts| facts.allocations + facts.reallocations)
            .sum()
    }

    /// Frames and source text, so that reports outlive the build.
    #[must_use]
    pub fn symbol_store(&self) -> SymbolStore {
        let files: Vec<String> = self
            .trace
            .scopes()
            .iter()
            .map(|table| table.file.clone())
            .collect();
        SymbolStore::collect(
            self.stacks.modules(),
            self.stacks.sites(),
            &self.symbols,
            &mut self.sources.borrow_mut(),
            &files,
        )
    }

    /// Whether the trace carries its own symbols, as packed ones can.
    #[must_use]
    pub fn carries_symbols(&self) -> bool {
        let packing = self.trace.packing();
        packing.is_some_and(|packing| packing.attachment_bytes > 0)
    }

    /// Writes [`Report::symbol_store`] to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save_symbols(&self, path: &Path) -> Result<(), ReportError> {
        self.symbol_store()
            .save(path)
            .map_err(|error| ReportError::store(path, error))
    }

    pub(crate) fn trace(&self) -> &Trace<TraceFile> {
        &self.trace
    }

    /// Runs a second pass over the trace.
    pub(crate) fn second_pass<T>(
        &self,
        progress: &mut dyn FnMut(Progress),
        pass: impl FnOnce(&Trace<TraceFile>, &mut dyn FnMut()) -> Result<T, TraceError>,
    ) -> Result<T, ReportError> {
        let mut tick = ticker(&self.trace, &self.bytes_read, Phase::SecondPass, progress);
        pass(&self.trace, &mut tick).map_err(|error| ReportError::trace(&self.path, error))
    }
}

/// The options with the symbols that the trace carries.
fn with_carried(options: &SymbolOptions, path: &Path, trace: &Trace<TraceFile>) -> SymbolOptions {
    // What is damaged is read as nothing, which is no store either.
    let carried = trace.attachment().unwrap_or(Some(Vec::new()));
    SymbolOptions {
        carried: carried.map(|bytes| (path.to_owned(), bytes)),
        ..options.clone()
    }
}

/// Reports a pass's progress by the bytes that were read since it began.
fn ticker<'a>(
    trace: &Trace<TraceFile>,
    bytes_read: &'a Arc<AtomicU64>,
    phase: Phase,
    progress: &'a mut dyn FnMut(Progress),
) -> impl FnMut() + use<'a> {
    let total = trace
        .streams()
        .iter()
        .map(|stream| stream.stored_bytes())
        .sum();
    let before = bytes_read.load(Ordering::Relaxed);
    move || {
        let read = bytes_read.load(Ordering::Relaxed).saturating_sub(before);
        progress(Progress {
            phase,
            done: read.min(total),
            total,
        });
    }
}
