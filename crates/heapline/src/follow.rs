//! What a forked child must know to record by itself: the root page, where everything else
//! is, it sees zeroed.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::config::{PATH_BYTES, Settings};
use crate::sys;
use crate::trace_path::Place;

/// Whether the recording that goes on, if any, is one whose children record as well.
static FOLLOWED: AtomicBool = AtomicBool::new(false);
static MAX_FILE: AtomicU64 = AtomicU64::new(0);
static MAX_FRAMES: AtomicU32 = AtomicU32::new(0);

/// The working directory when the recording began, and the path pattern, each ended by a
/// zero byte. Written while nothing records.
static PLACE: [AtomicU8; PLACE_BYTES] = [const { AtomicU8::new(0) }; PLACE_BYTES];

const PLACE_BYTES: usize = 2 * PATH_BYTES;

/// Notes how the recording that is about to begin was asked for.
pub(crate) fn remember(pattern: Option<&[u8]>, settings: Settings) {
    if !settings.follow_forks {
        return FOLLOWED.store(false, Ordering::Relaxed);
    }
    MAX_FILE.store(settings.max_file, Ordering::Relaxed);
    MAX_FRAMES.store(settings.max_frames, Ordering::Relaxed);
    let mut buffer = [0; 1024];
    let directory = sys::working_directory(&mut buffer).unwrap_or(b".");
    let texts = [directory, b"\0", pattern.unwrap_or_default(), b"\0"];
    for (cell, &byte) in PLACE.iter().zip(texts.into_iter().flatten()) {
        cell.store(byte, Ordering::Relaxed);
    }
    // Last: a child may be forked at any time.
    FOLLOWED.store(true, Ordering::Release);
}

/// Whether children record.
pub(crate) fn is_wished() -> bool {
    FOLLOWED.load(Ordering::Acquire)
}

/// Calls `begin` with what a forked child's own recording is to be like; `None` if children
/// do not record.
pub(crate) fn with_wish<T>(begin: impl FnOnce(Place<'_>, Settings) -> Option<T>) -> Option<T> {
    if !is_wished() {
        return None;
    }
    let buffer = sys::map_bytes(PLACE_BYTES)?;
    for (byte, cell) in buffer.iter_mut().zip(&PLACE) {
        *byte = cell.load(Ordering::Relaxed);
    }
    let mut texts = buffer.split(|&byte| byte == 0);
    let place = Place {
        family: texts.next(),
        pattern: texts.next().filter(|pattern| !pattern.is_empty()),
    };
    let settings = Settings {
        max_file: MAX_FILE.load(Ordering::Relaxed),
        max_frames: MAX_FRAMES.load(Ordering::Relaxed),
        follow_forks: true,
    };
    let result = begin(place, settings);
    sys::release_bytes(buffer);
    result
}
