//! Bounded reads of the current thread's stack: the only place where an
//! address that was computed becomes a load.
#![allow(unsafe_code)]

/// The part of the address space that one stack occupies: `[low, high)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackMemory {
    low: u64,
    high: u64,
}

impl StackMemory {
    /// No memory at all: every read fails.
    pub(crate) const NONE: StackMemory = StackMemory { low: 0, high: 0 };

    /// The bounds must be those of a readable mapping that stays for as long as
    /// this value is read through. The crate makes such values from one line of
    /// the kernel's list of mappings alone, namely the line that holds the
    /// thread's own stack, which stays for as long as the thread that reads, or
    /// the one that holds the current stack pointer, which stays for as long as
    /// the thread runs on it: every capture there begins by asking whether all of
    /// it, from the stack pointer on, can still be read.
    pub(crate) const fn of_mapping(low: u64, high: u64) -> StackMemory {
        StackMemory { low, high }
    }

    pub(crate) const fn high(&self) -> u64 {
        self.high
    }

    #[inline]
    pub(crate) const fn contains(&self, address: u64) -> bool {
        self.low <= address && address < self.high
    }

    /// Whether `other` is this stack at an earlier time, before it grew down.
    pub(crate) const fn has_grown_from(&self, other: &StackMemory) -> bool {
        self.high == other.high && self.low <= other.low
    }

    /// The word at `address` if all of it lies within the stack.
    #[inline]
    pub(crate) fn read(&self, address: u64) -> Option<u64> {
        let slot = self.slot(address);
        // SAFETY: the slot is below the number of slots.
        (slot < self.slots()).then(|| unsafe { self.load(slot) })
    }

    /// Whether all of the aligned word at `address` lies within the stack.
    #[inline]
    pub(crate) fn holds_word(&self, address: u64) -> bool {
        self.slot(address) < self.slots()
    }

    /// The stack's words. Bounds are page-aligned.
    #[inline]
    fn slots(&self) -> u64 {
        self.high.wrapping_sub(self.low) / 8
    }

    /// Which of the words lies at `address`; no word for an address that is below
    /// the stack, or not aligned, which the rotation makes as large.
    #[inline]
    fn slot(&self, address: u64) -> u64 {
        address.wrapping_sub(self.low).rotate_right(3)
    }

    /// # Safety
    /// `slot` is below [`StackMemory::slots`].
    #[inline]
    unsafe fn load(&self, slot: u64) -> u64 {
        let words = core::ptr::with_exposed_provenance::<u64>(self.low as usize);
        // SAFETY: the word is aligned and inside a readable mapping that
        // outlives this call (see `of_mapping`). The program's own threads may
        // write to it at any time, hence volatile: whatever value is seen, a
        // walk only compares it and looks it up.
        unsafe { words.wrapping_add(slot as usize).read_volatile() }
    }
}
