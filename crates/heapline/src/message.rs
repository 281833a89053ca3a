//! The recorder's own lines on stderr, each one write, none through std.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heapline_trace::StopReason;

use crate::sys;
use crate::text::Text;

/// Set by the word `quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Device and inode of stderr when the process first recorded; 0 before.
static STDERR: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Notes what stderr is: the program may close it, and the number be a file's of its own.
pub(crate) fn remember_stderr() {
    let [device, inode] = &STDERR;
    if inode.load(Ordering::Relaxed) != 0 {
        return;
    }
    if let Ok(status) = sys::status(2) {
        device.store(status.device, Ordering::Relaxed);
        inode.store(status.inode, Ordering::Relaxed);
    }
}

fn stderr_is_what_it_was() -> bool {
    let [device, inode] = STDERR.each_ref().map(|half| half.load(Ordering::Relaxed));
    inode == 0
        || sys::status(2).is_ok_and(|status| (status.device, status.inode) == (device, inode))
}

/// One line made of pieces, in one write.
fn line(pieces: &[&[u8]]) {
    if QUIET.load(Ordering::Relaxed) || !stderr_is_what_it_was() {
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
