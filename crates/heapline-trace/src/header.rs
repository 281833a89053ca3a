//! Page 0: identity, clocks, configuration, and the counters that are updated in place.

mod decode;

/// The format that this crate writes and reads. Change the bytes, change this.
pub const VERSION: u32 = 1;

/// What the version says in addition in a packed trace: readers from before there were
/// any refuse it.
const PACKED: u32 = 1 << 16;

/// Bytes of the header page.
pub const HEADER_BYTES: usize = 4096;

const MAGIC: &[u8; 8] = b"HEAPLINE";
/// Where the length-prefixed texts begin.
const TEXTS: usize = 512;

/// Byte offsets of the header's numbers, for the recorder, which updates them in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum HeaderField {
    /// u32: the format's version.
    Version = 8,
    /// u8: [`ClockMode`].
    ClockMode = 16,
    /// u8: [`UnwindMode`].
    UnwindMode = 17,
    /// u8: a stamp is the counter shifted right by this many bits.
    TickShift = 18,
    /// u8: 1 if stages are anonymous memory, so that a kill loses up to one stage a thread.
    AnonymousStages = 19,
    /// u32: process id.
    Pid = 20,
    /// u32: parent's process id; of a forked child that records because the process it was
    /// forked from did, that one's.
    ParentPid = 24,
    /// u32: most frames stored of a stack.
    MaxFrames = 28,
    /// u64: stamp when recording began.
    StartStamp = 32,
    /// u64: `CLOCK_MONOTONIC` in nanoseconds at that stamp.
    StartMonotonicNs = 40,
    /// u64: `CLOCK_REALTIME` in nanoseconds at that stamp.
    StartRealtimeNs = 48,
    /// u64: the process's start time in clock ticks since boot, which tells a reused pid apart.
    ProcessStartTime = 56,
    /// u64: first byte of the file that no cell has claimed.
    Tail = 64,
    /// u64: stamp of the newest clock anchor.
    AnchorStamp = 72,
    /// u64: `CLOCK_MONOTONIC` in nanoseconds at that stamp.
    AnchorMonotonicNs = 80,
    /// u64: events that came while their thread was inside the recorder.
    SkippedEvents = 88,
    /// u64: allocations the inner allocator refused.
    FailedAllocations = 96,
    /// u32: [`EndState`].
    EndState = 104,
    /// u32: [`StopReason`].
    StopReason = 108,
    /// u64: stamp at which recording stopped.
    StopStamp = 112,
    /// u32: 1 once a second thread has recorded.
    Threaded = 120,
    /// u32: 1 if the program had allocated before recording began.
    BeganLate = 124,
    /// u64: stacks that a test build walked twice, with the memo and without.
    VerifiedStacks = 128,
    /// u64: those of them for which the two walks differed.
    MismatchedStacks = 136,
}

macro_rules! coded_enum {
    ($(#[$meta:meta])* $name:ident : $($(#[$vmeta:meta])* $variant:ident = $code:literal),+ $(,)?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vmeta])* $variant = $code),+ }
        impl $name {
            /// The variant with this code.
            #[must_use]
            pub fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

coded_enum! {
    /// What a stamp is.
    ClockMode:
    /// The processor's invariant time stamp counter.
    Tsc = 1,
    /// `CLOCK_MONOTONIC` in nanoseconds.
    Monotonic = 2,
}

coded_enum! {
    /// How stacks were captured.
    UnwindMode:
    /// Rules from unwind tables, memoised.
    Rules = 1,
    /// The `backtrace` crate.
    Backtrace = 2,
}

coded_enum! {
    /// What the recorder last knew about its own end.
    EndState:
    /// Nothing was said: the program runs, or it was killed.
    Running = 0,
    /// The program ran its exit handlers.
    Exit = 1,
    /// Recording was stopped while the program went on.
    Stopped = 2,
}

coded_enum! {
    /// Why recording stopped before the program did.
    StopReason:
    /// It did not, or someone asked for it.
    None = 0,
    /// The disk is full, or nearly.
    DiskFull = 1,
    /// The file reached the process's file size limit or `max_file`.
    FileSize = 2,
    /// The trace's descriptor was closed or replaced by the program.
    Descriptor = 3,
    /// Memory for the recorder could not be mapped.
    Memory = 4,
    /// Writing failed for another reason.
    Write = 5,
}

impl StopReason {
    /// The reason in words.
    #[must_use]
    pub fn text(self) -> Option<&'static str> {
        Some(match self {
            StopReason::None => return None,
            StopReason::DiskFull => "disk full",
            StopReason::FileSize => "file size limit reached",
            StopReason::Descriptor => "the program closed the trace's descriptor",
            StopReason::Memory => "no memory for the recorder",
            StopReason::Write => "the trace could not be written",
        })
    }
}

/// The header page as values. Texts are bytes: paths need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What a stamp is.
    pub clock_mode: ClockMode,
    /// How stacks were captured.
    pub unwind_mode: UnwindMode,
    /// A stamp is the counter shifted right by this many bits.
    pub tick_shift: u8,
    /// Whether stages are anonymous memory.
    pub anonymous_stages: bool,
    /// Process id.
    pub pid: u32,
    /// Parent's process id; of a forked child that records because the process it was forked
    /// from did, that one's.
    pub parent_pid: u32,
    /// Most frames stored of a stack.
    pub max_frames: u32,
    /// Stamp when recording began.
    pub start_stamp: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds at that stamp.
    pub start_monotonic_ns: u64,
    /// `CLOCK_REALTIME` in nanoseconds at that stamp.
    pub start_realtime_ns: u64,
    /// The process's start time in clock ticks since boot.
    pub process_start_time: u64,
    /// First byte of the file that no cell has claimed.
    pub tail: u64,
    /// Stamp of the newest clock anchor.
    pub anchor_stamp: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds at that stamp.
    pub anchor_monotonic_ns: u64,
    /// Events that came while their thread was inside the recorder.
    pub skipped_events: u64,
    /// Allocations the inner allocator refused.
    pub failed_allocations: u64,
    /// What the recorder last knew about its own end.
    pub end_state: EndState,
    /// Why recording stopped before the program did.
    pub stop_reason: StopReason,
    /// Stamp at which recording stopped.
    pub stop_stamp: u64,
    /// Whether the program had allocated before recording began, so that it may free what
    /// the trace does not know.
    pub began_late: bool,
    /// Stacks that a test build walked twice, with the memo and without.
    pub verified_stacks: u64,
    /// Those of them for which the two walks differed.
    pub mismatched_stacks: u64,
    /// Absolute path of the program.
    pub program: Vec<u8>,
    /// Its arguments, each ended by a zero byte.
    pub arguments: Vec<u8>,
    /// Its working directory when recording began.
    pub directory: Vec<u8>,
}

impl Default for Header {
    fn default() -> Self {
        Header {
            clock_mode: ClockMode::Monotonic,
            unwind_mode: UnwindMode::Rules,
            tick_shift: 0,
            anonymous_stages: false,
            pid: 0,
            parent_pid: 0,
            max_frames: 4096,
            start_stamp: 0,
            start_monotonic_ns: 0,
            start_realtime_ns: 0,
            process_start_time: 0,
            tail: HEADER_BYTES as u64,
            anchor_stamp: 0,
            anchor_monotonic_ns: 0,
            skipped_events: 0,
            failed_allocations: 0,
            end_state: EndState::Running,
            stop_reason: StopReason::None,
            stop_stamp: 0,
            began_late: false,
            verified_stacks: 0,
            mismatched_stacks: 0,
            program: Vec::new(),
            arguments: Vec::new(),
            directory: Vec::new(),
        }
    }
}

/// The texts that the recorder writes once, without allocating.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Absolute path of the program.
    pub program: &'a [u8],
    /// Its arguments, each ended by a zero byte.
    pub arguments: &'a [u8],
    /// Its working directory.
    pub directory: &'a [u8],
}

/// Writes the parts that never change and the texts into a zeroed page, the
/// magic last. Texts that do not fit are cut. Never allocates.
pub fn write_identity(page: &mut [u8; HEADER_BYTES], identity: Identity<'_>) {
    put(page, HeaderField::Version as usize, &VERSION.to_le_bytes());
    let mut at = TEXTS;
    let texts = [identity.program, identity.directory, identity.arguments];
    for (index, text) in texts.into_iter().enumerate() {
        // The length prefixes of the texts that follow must fit as well.
        let room = HEADER_BYTES.saturating_sub(at + 2 * (texts.len() - index));
        let text = text.get(..text.len().min(room)).unwrap_or(&[]);
        put(page, at, &(text.len() as u16).to_le_bytes());
        put(page, at + 2, text);
        at += 2 + text.len();
    }
    put(page, 0, MAGIC);
}

/// What a trace's first bytes say of the process that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// How the recording ended, if it says.
    pub end_state: EndState,
    /// The process's number.
    pub pid: u32,
    /// Its start time in clock ticks since boot; 0 if unknown.
    pub process_start_time: u64,
}

/// A number of the header, if the bytes go as far.
fn u32_at(bytes: &[u8], field: HeaderField) -> Option<u32> {
    let field = bytes.get(field as usize..)?;
    field.first_chunk().copied().map(u32::from_le_bytes)
}

/// A number of the header, if the bytes go as far.
fn u64_at(bytes: &[u8], field: HeaderField) -> Option<u64> {
    let field = bytes.get(field as usize..)?;
    field.first_chunk().copied().map(u64::from_le_bytes)
}

fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(room) = page.get_mut(at..at + bytes.len()) {
        room.copy_from_slice(bytes);
    }
}

impl Header {
    /// The page as the recorder would have written it; texts that do not fit are cut.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut page = [0; HEADER_BYTES];
        self.write_numbers(&mut page);
        write_identity(
            &mut page,
            Identity {
                program: &self.program,
                arguments: &self.arguments,
                directory: &self.directory,
            },
        );
        page
    }

    /// Writes all numbers into a page, and no texts. Never allocates.
    pub fn write_numbers(&self, page: &mut [u8; HEADER_BYTES]) {
        for (field, value) in [
            (HeaderField::ClockMode, self.clock_mode as u8),
            (HeaderField::UnwindMode, self.unwind_mode as u8),
            (HeaderField::TickShift, self.tick_shift),
            (
                HeaderField::AnonymousStages,
                u8::from(self.anonymous_stages),
            ),
        ] {
            put(page, field as usize, &[value]);
        }
        for (field, value) in [
            (HeaderField::Pid, self.pid),
            (HeaderField::ParentPid, self.parent_pid),
            (HeaderField::MaxFrames, self.max_frames),
            (HeaderField::EndState, self.end_state as u32),
            (HeaderField::StopReason, self.stop_reason as u32),
            (HeaderField::BeganLate, self.began_late.into()),
        ] {
            put(page, field as usize, &value.to_le_bytes());
        }
        for (field, value) in [
            (HeaderField::StartStamp, self.start_stamp),
            (HeaderField::StartMonotonicNs, self.start_monotonic_ns),
            (HeaderField::StartRealtimeNs, self.start_realtime_ns),
            (HeaderField::ProcessStartTime, self.process_start_time),
            (HeaderField::Tail, self.tail),
            (HeaderField::AnchorStamp, self.anchor_stamp),
            (HeaderField::AnchorMonotonicNs, self.anchor_monotonic_ns),
            (HeaderField::SkippedEvents, self.skipped_events),
            (HeaderField::FailedAllocations, self.failed_allocations),
            (HeaderField::StopStamp, self.stop_stamp),
            (HeaderField::VerifiedStacks, self.verified_stacks),
            (HeaderField::MismatchedStacks, self.mismatched_stacks),
        ] {
            put(page, field as usize, &value.to_le_bytes());
        }
    }

    /// What a trace's first 128 bytes say of its process. Never allocates.
    #[must_use]
    pub fn peek(bytes: &[u8; 128]) -> Option<Peeked> {
        let end_state = EndState::from_code(u32_at(bytes, HeaderField::EndState)?);
        Some(Peeked {
            end_state: end_state.filter(|_| bytes.starts_with(MAGIC))?,
            pid: u32_at(bytes, HeaderField::Pid)?,
            process_start_time: u64_at(bytes, HeaderField::ProcessStartTime)?,
        })
    }

    /// Writes this header's texts over those of a page.
    pub(crate) fn replace_texts(&self, page: &mut [u8; HEADER_BYTES]) {
        page[TEXTS..].fill(0);
        write_identity(
            page,
            Identity {
                program: &self.program,
                arguments: &self.arguments,
                directory: &self.directory,
            },
        );
    }

    /// Whether a page that [`Header::decode`] takes is that of a packed trace.
    pub(crate) fn is_packed(page: &[u8]) -> bool {
        crate::block::u32_at(page, HeaderField::Version as usize) & PACKED != 0
    }

    /// The page of the raw trace as that of the packed one.
    pub(crate) fn mark_packed(page: &mut [u8; HEADER_BYTES]) {
        let version = (VERSION | PACKED).to_le_bytes();
        put(page, HeaderField::Version as usize, &version);
    }

    /// Nanoseconds from the start of recording to a stamp, by the two clock anchors.
    /// 0 for stamps before the start.
    #[must_use]
    pub fn nanoseconds(&self, stamp: u64) -> u64 {
        let ticks = stamp.saturating_sub(self.start_stamp);
        match self.clock_mode {
            ClockMode::Monotonic => ticks << self.tick_shift.min(63),
            ClockMode::Tsc => {
                let anchor_ticks = self.anchor_stamp.saturating_sub(self.start_stamp);
                let anchor_ns = self
                    .anchor_monotonic_ns
                    .saturating_sub(self.start_monotonic_ns);
                if anchor_ticks == 0 {
                    return 0;
                }
                let ns = u128::from(ticks) * u128::from(anchor_ns) / u128::from(anchor_ticks);
                u64::try_from(ns).unwrap_or(u64::MAX)
            }
        }
    }

    /// The arguments as separate texts, invalid UTF-8 replaced.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        self.arguments
            .split(|&byte| byte == 0)
            .take(
                self.arguments
                    .iter()
                    .filter(|&&byte| byte == 0)
                    .count()
                    .max(1),
            )
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .filter(|text| !self.arguments.is_empty() || !text.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            clock_mode: ClockMode::Tsc,
            pid: 7,
            start_stamp: 100,
            start_monotonic_ns: 1_000,
            anchor_stamp: 300,
            anchor_monotonic_ns: 2_000,
            skipped_events: 3,
            end_state: EndState::Exit,
            began_late: true,
            verified_stacks: 5,
            mismatched_stacks: 1,
            program: b"/bin/app".to_vec(),
            arguments: b"app\0--fast\0".to_vec(),
            directory: b"/".to_vec(),
            ..Header::default()
        }
    }

    #[test]
    fn a_header_survives_the_round_trip() {
        let header = sample();
        assert_eq!(Header::decode(&header.encode()).expect("decodes"), header);
        assert_eq!(header.command(), ["app", "--fast"]);
    }

    #[test]
    fn time_is_read_between_the_anchors() {
        assert_eq!(sample().nanoseconds(200), 500);
        assert_eq!(sample().nanoseconds(50), 0);
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        let message = |bytes: &[u8]| Header::decode(bytes).expect_err("refused").to_string();
        assert_eq!(message(b""), "the file is empty");
        assert!(message(b"line one of some text\n").contains("not a heapline trace"));
        let mut other = sample().encode();
        other[8] = 99;
        assert!(message(&other).contains("trace format 99"));
        assert!(message(&sample().encode()[..100]).contains("byte 100"));
        let mut code = sample().encode();
        code[HeaderField::ClockMode as usize] = 77;
        assert!(message(&code).contains("byte 16"));
    }

    #[test]
    fn texts_too_long_are_cut() {
        let header = Header {
            program: vec![b'x'; 9_000],
            ..sample()
        };
        let read = Header::decode(&header.encode()).expect("decodes");
        assert!(read.program.len() > 3_000 && read.arguments.is_empty());
    }
}
