//! Code addresses, and the one place that turns a return address into its call.

/// A runtime address inside an instruction: what symbols are looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeAddress(pub u64);

/// What the stack says about one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameAddress {
    /// Where the callee returns to: the byte *after* the call.
    Return(u64),
    /// Where a signal interrupted the frame: the instruction itself.
    Exact(u64),
    /// Not a frame: frames between its neighbours were not stored (depth limit).
    Omitted,
}

impl FrameAddress {
    /// An address inside the instruction that made the call.
    ///
    /// A return address may already belong to another line, another inlined
    /// function or, behind a call that never returns, to another function
    /// altogether; one byte less is always inside the call.
    #[must_use]
    pub fn call_site(self) -> Option<CodeAddress> {
        match self {
            FrameAddress::Return(address) => Some(CodeAddress(address.wrapping_sub(1))),
            FrameAddress::Exact(address) => Some(CodeAddress(address)),
            FrameAddress::Omitted => None,
        }
    }
}
