//! What one thread does with an event: stack, record, stage.

use heapline_trace::{
    ArrayNote, Encoder, FrameAddress as TraceAddress, MAX_ARRAY_RECORD_BYTES,
    MAX_COLD_RECORD_BYTES, MAX_HOT_RECORD_BYTES, MAX_TEXT_BYTES, NodeId, StreamId, TextId,
    TextKind,
};
use heapline_unwind::{
    CutReason, FIRST_NODE, FrameAddress, LOST_NODE, Module, Pages, Registers, StackEnd, StackLog,
    Unwinder,
};

use crate::activations::{Activations, PendingMark};
use crate::clock::Clock;
use crate::sink::{self, Failure};
use crate::stage::Stage;
use crate::sys;
use crate::texts::{Found, StaticText, Texts};
use crate::view_budget::{Admission, ViewBudget};

/// A thread's recording state. Owned by one thread at a time.
pub(crate) struct Recorder {
    unwinder: Unwinder,
    activations: Activations,
    texts: Texts,
    views: ViewBudget,
    writer: Writer,
}

/// The end of the pipeline: encoder and stage.
struct Writer {
    clock: Clock,
    encoder: Encoder,
    stage: Option<Stage>,
}

impl Recorder {
    /// One that owns nothing yet, and is no stream's before it begins a recording.
    pub(crate) const fn new() -> Self {
        Recorder {
            unwinder: Unwinder::new(crate::config::Settings::DEFAULT.max_frames),
            activations: Activations::new(),
            texts: Texts::new(),
            views: ViewBudget::new(),
            writer: Writer {
                clock: Clock::MONOTONIC,
                encoder: Encoder::new(),
                stage: None,
            },
        }
    }

    /// Starts a stream in this recording's trace.
    pub(crate) fn begin_recording(
        &mut self,
        recording: u32,
        stream: StreamId,
        max_frames: u32,
    ) -> Result<(), Failure> {
        self.writer.clock = Clock::choose();
        if let Some(old) = self.writer.stage.take() {
            old.abandon();
        }
        self.activations.clear();
        self.texts.clear();
        self.views.clear();
        self.unwinder.restart(max_frames);
        #[cfg(feature = "test-switches")]
        self.unwinder.set_memo(crate::test_switches::memo());
        self.writer.encoder.restart();
        let stamp = self.stamp(true);
        self.writer.stage = Some(Stage::open(
            recording,
            stream,
            0,
            &mut self.writer.encoder,
            stamp,
        )?);
        sink::anchor(stamp, crate::clock::monotonic_nanoseconds());
        self.introduce(stamp)
    }

    /// The slot has a new thread: tables stay, what belongs to the old stack goes.
    pub(crate) fn change_owner(&mut self) -> Result<(), Failure> {
        self.unwinder.forget_stack();
        self.activations.clear();
        self.introduce(self.stamp(true))
    }

    fn introduce(&mut self, stamp: u64) -> Result<(), Failure> {
        let name = sys::thread_name();
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        let tid = sys::thread_id();
        self.writer.put(MAX_COLD_RECORD_BYTES, |encoder, out| {
            encoder.thread(out, stamp, tid, name)
        })
    }

    /// The time now; see [`Clock::stamp`].
    #[inline]
    pub(crate) fn stamp(&self, ordered: bool) -> u64 {
        self.writer.clock.stamp(ordered)
    }

    /// The node of the stack that these registers are the top of.
    #[inline]
    pub(crate) fn capture(&mut self, registers: Registers) -> Result<NodeId, Failure> {
        let mut log = Log {
            writer: &mut self.writer,
            texts: &mut self.texts,
            failure: None,
        };
        let node = self.unwinder.capture(registers, &mut KernelPages, &mut log);
        match log.failure {
            None => Ok(NodeId(node)),
            Some(failure) => Err(failure),
        }
    }

    /// Records an allocation.
    #[inline]
    pub(crate) fn alloc(
        &mut self,
        stamp: u64,
        address: u64,
        bytes: u64,
        node: NodeId,
        zeroed: bool,
    ) -> Result<(), Failure> {
        self.before_event(stamp)?;
        self.writer.put(MAX_HOT_RECORD_BYTES, |encoder, out| {
            encoder.alloc(out, stamp, address, bytes, node, zeroed)
        })
    }

    /// Records a deallocation.
    #[inline]
    pub(crate) fn dealloc(&mut self, stamp: u64, address: u64) -> Result<(), Failure> {
        self.before_event(stamp)?;
        self.writer.put(MAX_HOT_RECORD_BYTES, |encoder, out| {
            encoder.dealloc(out, stamp, address)
        })
    }

    /// Records a reallocation; see [`Encoder::realloc`].
    #[inline]
    pub(crate) fn realloc(
        &mut self,
        stamps: (u64, u64),
        addresses: (u64, u64),
        bytes: u64,
        node: NodeId,
    ) -> Result<(), Failure> {
        self.before_event(stamps.0)?;
        self.writer.put(MAX_HOT_RECORD_BYTES, |encoder, out| {
            encoder.realloc(out, stamps, addresses, bytes, node)
        })
    }

    /// The line marks of `#[profile]` functions.
    pub(crate) fn activations(&mut self) -> &mut Activations {
        &mut self.activations
    }

    /// The number of a text of this stream, which is told if it is new.
    pub(crate) fn text(&mut self, kind: TextKind, text: &[u8]) -> Result<TextId, Failure> {
        let text = text.get(..MAX_TEXT_BYTES).unwrap_or(text);
        match self.texts.find(kind, text) {
            Found::Known(id) => Ok(id),
            Found::New(id) => {
                self.writer.put(MAX_COLD_RECORD_BYTES, |encoder, out| {
                    encoder.text(out, id, kind, text)
                })?;
                Ok(id)
            }
        }
    }

    /// The number of a text that lies at one place for ever, found by that; `text` is asked
    /// for it if it has not been told.
    pub(crate) fn static_text(
        &mut self,
        kind: TextKind,
        place: StaticText,
        text: impl FnOnce(&mut Self) -> Result<TextId, Failure>,
    ) -> Result<TextId, Failure> {
        if let Some(id) = self.texts.at(kind, place) {
            return Ok(id);
        }
        let id = text(self)?;
        self.texts.remember_at(kind, place, id);
        Ok(id)
    }

    /// Counts a view that a line made; see [`ViewBudget`].
    pub(crate) fn admit_view(&mut self, place: TextId) -> Admission {
        self.views.admit(place)
    }

    /// Records something about an array.
    pub(crate) fn array(&mut self, stamp: u64, note: &ArrayNote) -> Result<(), Failure> {
        self.writer.put(MAX_ARRAY_RECORD_BYTES, |encoder, out| {
            encoder.array(out, stamp, note)
        })
    }

    /// Line marks that wait for an event come before it.
    #[inline]
    fn before_event(&mut self, stamp: u64) -> Result<(), Failure> {
        if self.activations.count_event() {
            self.write_marks(stamp)
        } else {
            Ok(())
        }
    }

    /// Writes the marks that wait, with this stamp.
    #[cold]
    pub(crate) fn write_marks(&mut self, stamp: u64) -> Result<(), Failure> {
        while let Some(mark) = self.activations.next_pending() {
            self.writer
                .put(MAX_HOT_RECORD_BYTES, |encoder, out| match mark {
                    PendingMark::Enter {
                        depth,
                        function,
                        line,
                    } => encoder.scope_enter(out, stamp, depth, function, line),
                    PendingMark::Line { depth, line } => {
                        encoder.scope_line(out, stamp, depth, line)
                    }
                })?;
        }
        Ok(())
    }

    /// Writes that the activation at this depth ended.
    pub(crate) fn write_exit(&mut self, depth: u32) -> Result<(), Failure> {
        let stamp = self.stamp(true);
        self.writer.put(MAX_HOT_RECORD_BYTES, |encoder, out| {
            encoder.scope_exit(out, stamp, depth)
        })
    }
}

impl Writer {
    #[inline]
    fn put(
        &mut self,
        room: usize,
        write: impl FnOnce(&mut Encoder, &mut [u8]) -> Option<usize>,
    ) -> Result<(), Failure> {
        self.put_with(room, |encoder, out| {
            write(encoder, out).map(|length| (length, ()))
        })
    }

    #[inline]
    fn put_with<T>(
        &mut self,
        room: usize,
        write: impl FnOnce(&mut Encoder, &mut [u8]) -> Option<(usize, T)>,
    ) -> Result<T, Failure> {
        match &mut self.stage {
            Some(stage) => stage.append(&mut self.encoder, room, self.clock, write),
            None => Err(Failure::RECORD),
        }
    }
}

/// The unwinder's memory.
struct KernelPages;

impl Pages for KernelPages {
    fn zeroed(&mut self, words: usize) -> Option<&'static mut [u64]> {
        sys::map_words(words)
    }

    fn release(&mut self, words: &'static mut [u64]) {
        sys::release_words(words);
    }
}

/// What the unwinder finds anew is written.
struct Log<'a> {
    writer: &'a mut Writer,
    texts: &'a mut Texts,
    failure: Option<Failure>,
}

impl StackLog for Log<'_> {
    #[cold]
    fn node(&mut self, node: u32, parent: u32, address: FrameAddress) -> bool {
        let put = self.writer.put_with(MAX_HOT_RECORD_BYTES, |encoder, out| {
            encoder.node(out, NodeId(parent), trace_address(address))
        });
        match put {
            // Both count from the same number, one by one.
            Ok(written) => written.0 == node,
            Err(failure) => {
                self.failure = Some(failure);
                false
            }
        }
    }

    fn module(&mut self, module: &Module<'_>) {
        let range = (module.start, module.end);
        let put = self.writer.put(MAX_COLD_RECORD_BYTES, |encoder, out| {
            encoder.module(out, range, module.bias, module.build_id, module.path)
        });
        self.note(put);
    }

    fn modules_changed(&mut self) {
        self.texts.forget_statics();
        let put = self.writer.put(MAX_COLD_RECORD_BYTES, |encoder, out| {
            encoder.modules_changed(out)
        });
        self.note(put);
    }

    #[cfg(feature = "test-switches")]
    fn verified(&mut self, same: bool) {
        use heapline_trace::HeaderField;
        sink::count(HeaderField::VerifiedStacks);
        if !same {
            sink::count(HeaderField::MismatchedStacks);
        }
    }
}

impl Log<'_> {
    fn note(&mut self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.failure = Some(failure);
        }
    }
}

fn trace_address(address: FrameAddress) -> TraceAddress {
    match address {
        FrameAddress::ReturnAddress(address) => TraceAddress::Return(address),
        FrameAddress::Exact(address) => TraceAddress::Exact(address),
        FrameAddress::Omitted => TraceAddress::Omitted,
    }
}

// The trace names the same nodes by the same numbers.
const _: () = assert!(
    FIRST_NODE == NodeId::FIRST_FRAME.0
        && LOST_NODE == NodeId::LOST.0
        && StackEnd::Complete.root() == NodeId::COMPLETE.0
        && StackEnd::Cut(CutReason::NoModule).root() == NodeId::FIRST_CUT.0
);
