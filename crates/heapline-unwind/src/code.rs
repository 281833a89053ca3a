//! A code address together with how it came to be known.

use crate::FrameAddress;

/// User space ends far below this bit.
const EXACT: u64 = 1 << 63;

/// The code address of a frame: a return address, or the exact address of an
/// instruction that a signal interrupted. One word, so that it is at once the
/// key of the rule table and part of a remembered frame; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(u64);

impl Code {
    /// `None` for zero and for addresses no program code can have.
    #[inline]
    pub(crate) const fn return_address(address: u64) -> Option<Code> {
        if address == 0 || address & EXACT != 0 {
            return None;
        }
        Some(Code(address))
    }

    pub(crate) const fn exact(address: u64) -> Option<Code> {
        match Code::return_address(address) {
            Some(Code(word)) => Some(Code(word | EXACT)),
            None => None,
        }
    }

    #[inline]
    pub(crate) const fn from_word(word: u64) -> Code {
        Code(word)
    }

    #[inline]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn is_exact(self) -> bool {
        self.0 & EXACT != 0
    }

    pub(crate) const fn address(self) -> u64 {
        self.0 & !EXACT
    }

    /// The address whose unwind rule is in force. A return address may be the
    /// first byte of the next function when the call was the last instruction
    /// of its own, so the byte before it is asked for: it belongs to the call.
    pub(crate) const fn lookup_address(self) -> u64 {
        if self.is_exact() {
            self.address()
        } else {
            self.address() - 1
        }
    }

    #[inline]
    pub(crate) const fn frame_address(self) -> FrameAddress {
        if self.is_exact() {
            FrameAddress::Exact(self.address())
        } else {
            FrameAddress::ReturnAddress(self.0)
        }
    }
}

/// All that a step depends on besides unwind tables and stack memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) code: Code,
    pub(crate) sp: u64,
    pub(crate) bp: u64,
}
