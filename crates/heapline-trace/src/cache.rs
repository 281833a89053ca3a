//! Small tables that encoder and decoder keep in step, so that an address or a
//! stack seen shortly before takes one byte. They start empty in every block.

/// Slots of each table: an index is one byte.
const SLOTS: usize = 256;

/// Heap addresses: what was freed a moment ago is allocated again, what was
/// allocated a moment ago is freed.
pub(crate) struct AddressCache {
    slots: [u64; SLOTS],
    last: u64,
}

impl AddressCache {
    pub(crate) const fn new() -> Self {
        AddressCache {
            slots: [0; SLOTS],
            last: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// The slot of an address. Heap blocks are 16-byte aligned nearly always.
    #[inline]
    pub(crate) fn slot(address: u64) -> u8 {
        ((address >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
    }

    /// The address remembered in a slot; 0 if there is none.
    #[inline]
    pub(crate) fn get(&self, slot: u8) -> u64 {
        self.slots[usize::from(slot)]
    }

    /// The address of the record before, which explicit addresses are relative to.
    #[inline]
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    #[inline]
    pub(crate) fn remember(&mut self, address: u64) {
        self.slots[usize::from(Self::slot(address))] = address;
        self.last = address;
    }
}

/// Stacks: programs allocate at few places at a time.
pub(crate) struct NodeCache {
    slots: [u32; SLOTS],
}

impl NodeCache {
    pub(crate) const fn new() -> Self {
        NodeCache {
            slots: [u32::MAX; SLOTS],
        }
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    #[inline]
    pub(crate) fn slot(node: u32) -> u8 {
        (node.wrapping_mul(0x9E37_79B1) >> 24) as u8
    }

    /// The node remembered in a slot; `u32::MAX` if there is none.
    #[inline]
    pub(crate) fn get(&self, slot: u8) -> u32 {
        self.slots[usize::from(slot)]
    }

    #[inline]
    pub(crate) fn remember(&mut self, node: u32) {
        self.slots[usize::from(Self::slot(node))] = node;
    }
}
