//! How stacks are captured on this target, and how much is remembered.

/// The way in which [`Unwinder`](crate::Unwinder) walks a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By rules from the unwind tables, memoised.
    Rules,
    /// By the `backtrace` crate.
    Backtrace,
}

/// The way for the target this crate was built for.
pub const MODE: Mode = if cfg!(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
)) {
    Mode::Rules
} else {
    Mode::Backtrace
};

/// Whether a walk may end at a frame that an earlier one left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memo {
    /// Yes: the default.
    On,
    /// No: every capture steps every frame.
    Off,
    /// Yes, and every capture is repeated without; differences are counted and
    /// the repetition's stack is returned. For tests and soaks.
    Verify,
}
