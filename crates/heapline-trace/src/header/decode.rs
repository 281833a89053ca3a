//! Reading the header page.

use super::{
    ClockMode, EndState, HEADER_BYTES, Header, HeaderField, MAGIC, PACKED, StopReason, TEXTS,
    UnwindMode, VERSION, u32_at, u64_at,
};
use crate::TraceError;

impl Header {
    /// Reads the header page from the first bytes of a file, raw or packed.
    ///
    /// # Errors
    /// If the bytes are no trace, another version's, cut, or hold unknown codes.
    pub fn decode(bytes: &[u8]) -> Result<Header, TraceError> {
        if bytes.is_empty() {
            return Err(TraceError::empty());
        }
        if bytes.get(..8) != Some(MAGIC.as_slice()) {
            return Err(TraceError::not_a_trace());
        }
        let Some(version) = bytes
            .get(8..12)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u32::from_le_bytes)
        else {
            return Err(TraceError::header(8, "the file ends inside the version"));
        };
        if version & !PACKED != VERSION {
            return Err(TraceError::version(version));
        }
        let Some(page) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(TraceError::header(
                bytes.len() as u64,
                "the file ends inside the header page",
            ));
        };
        decode_page(page)
    }
}

fn decode_page(page: &[u8; HEADER_BYTES]) -> Result<Header, TraceError> {
    let unknown = |field: HeaderField| TraceError::header(field as u64, "unknown code");
    let byte = |field: HeaderField| u32::from(page[field as usize]);
    let mut texts = Texts { page, at: TEXTS };
    let program = texts.next()?;
    let directory = texts.next()?;
    let arguments = texts.next()?;
    let end_state = EndState::from_code(read_u32(page, HeaderField::EndState));
    let stop_reason = StopReason::from_code(read_u32(page, HeaderField::StopReason));
    Ok(Header {
        clock_mode: ClockMode::from_code(byte(HeaderField::ClockMode))
            .ok_or_else(|| unknown(HeaderField::ClockMode))?,
        unwind_mode: UnwindMode::from_code(byte(HeaderField::UnwindMode))
            .ok_or_else(|| unknown(HeaderField::UnwindMode))?,
        tick_shift: page[HeaderField::TickShift as usize],
        anonymous_stages: page[HeaderField::AnonymousStages as usize] != 0,
        pid: read_u32(page, HeaderField::Pid),
        parent_pid: read_u32(page, HeaderField::ParentPid),
        max_frames: read_u32(page, HeaderField::MaxFrames),
        start_stamp: read_u64(page, HeaderField::StartStamp),
        start_monotonic_ns: read_u64(page, HeaderField::StartMonotonicNs),
        start_realtime_ns: read_u64(page, HeaderField::StartRealtimeNs),
        process_start_time: read_u64(page, HeaderField::ProcessStartTime),
        tail: read_u64(page, HeaderField::Tail),
        anchor_stamp: read_u64(page, HeaderField::AnchorStamp),
        anchor_monotonic_ns: read_u64(page, HeaderField::AnchorMonotonicNs),
        skipped_events: read_u64(page, HeaderField::SkippedEvents),
        failed_allocations: read_u64(page, HeaderField::FailedAllocations),
        end_state: end_state.ok_or_else(|| unknown(HeaderField::EndState))?,
        stop_reason: stop_reason.ok_or_else(|| unknown(HeaderField::StopReason))?,
        stop_stamp: read_u64(page, HeaderField::StopStamp),
        began_late: read_u32(page, HeaderField::BeganLate) != 0,
        verified_stacks: read_u64(page, HeaderField::VerifiedStacks),
        mismatched_stacks: read_u64(page, HeaderField::MismatchedStacks),
        program,
        arguments,
        directory,
    })
}

/// Every field lies inside the page.
fn read_u32(page: &[u8; HEADER_BYTES], field: HeaderField) -> u32 {
    u32_at(page, field).unwrap_or_default()
}

/// As [`read_u32`].
fn read_u64(page: &[u8; HEADER_BYTES], field: HeaderField) -> u64 {
    u64_at(page, field).unwrap_or_default()
}

/// The length-prefixed texts, in order.
struct Texts<'a> {
    page: &'a [u8; HEADER_BYTES],
    at: usize,
}

impl Texts<'_> {
    fn next(&mut self) -> Result<Vec<u8>, TraceError> {
        let cut = TraceError::header(self.at as u64, "a text runs over the page");
        let text = self.page.get(self.at..self.at + 2).and_then(|prefix| {
            let length = usize::from(u16::from_le_bytes([prefix[0], prefix[1]]));
            self.page.get(self.at + 2..self.at + 2 + length)
        });
        let text = text.ok_or(cut)?;
        self.at += 2 + text.len();
        Ok(text.to_vec())
    }
}
