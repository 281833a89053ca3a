//! The recorder's own lines on stderr, each one write, none through std.

use core::sync::atomic::{AtomicBool, Ordering};

use heapline_trace::StopReason;

use crate::sys;
use crate::text::Text;

/// Set by the word `quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// One line made of pieces, in one write.
fn line(pieces: &[&[u8]]) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    let mut buffer = [0; 512];
    let mut text = Text::new(&mut buffer);
    text.push(b"heapline: ");
    for piece in pieces {
        // A path too long for one line is left out rather than the whole line.
        text.push(piece);
    }
    text.push(b"\n");
    sys::write_all(2, text.bytes());
}

pub(crate) fn recording(path: &[u8]) {
    line(&[
        b"recording to ",
        path,
        b" (see it with: heapline summary ",
        path,
        b")",
    ]);
}

pub(crate) fn unknown_key(key: &[u8]) {
    line(&[b"HEAPLINE has no key '", key, b"'; skipped"]);
}

pub(crate) fn bad_value(key: &[u8], wanted: &[u8]) {
    line(&[
        b"HEAPLINE's ",
        key,
        b" must be ",
        wanted,
        b"; not recording",
    ]);
}

pub(crate) fn cannot_start(what: &[u8], path: &[u8], errno: i32) {
    let mut digits = [0; 24];
    let mut number = Text::new(&mut digits);
    number.push_number(errno.unsigned_abs().into());
    line(&[
        b"cannot ",
        what,
        b" ",
        path,
        b" (errno ",
        number.bytes(),
        b"); not recording",
    ]);
}

pub(crate) fn stopped(reason: StopReason) {
    let text = reason.text().unwrap_or("asked to");
    line(&[
        b"recording stopped: ",
        text.as_bytes(),
        b"; the program goes on",
    ]);
}
