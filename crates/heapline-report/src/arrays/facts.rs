//! An array as the replay knows it: numbers of texts, and the block it lies in.

use heapline_trace::{ArrayHandle, TextId};

use super::ArrayFacts;
use crate::texts::Texts;

/// A block by its address and the number of its begin: addresses come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct BlockKey {
    pub(super) address: u64,
    pub(super) serial: u64,
}

/// An array while it is alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array {
    /// 0 of a tracked one.
    pub(super) id: u64,
    /// The first handle of its buffer; 0 of a tracked one.
    pub(super) base: u64,
    pub(super) layout: TextId,
    pub(super) unique_bytes: Option<u64>,
    pub(super) mapped_bytes: Option<u64>,
    pub(super) record_bytes: u64,
    /// What made it; `None` of a tracked one.
    pub(super) operation: Option<TextId>,
    pub(super) name: Option<TextId>,
    pub(super) place: TextId,
    /// Of its lowest byte.
    pub(super) address: u64,
    pub(super) block: Option<BlockKey>,
    /// Its block was reallocated after it was told of: `layout` is what it was before.
    pub(super) is_moved: bool,
    /// Its line's note says that it was made.
    pub(super) is_told: bool,
}

impl Array {
    pub(super) fn of_handle(handle: &ArrayHandle, block: Option<BlockKey>) -> Self {
        Array {
            id: handle.id,
            base: handle.base,
            layout: handle.layout,
            unique_bytes: handle.unique_bytes,
            mapped_bytes: handle.mapped_bytes,
            record_bytes: handle.record_bytes,
            operation: Some(handle.operation),
            name: None,
            place: handle.place,
            address: handle.address,
            block,
            is_moved: false,
            is_told: false,
        }
    }

    /// Whether a buffer was made for it.
    pub(super) fn is_first(&self) -> bool {
        self.id == self.base
    }

    /// Whether both are the same elements, as far as was told.
    pub(super) fn is_same(&self, other: &Array) -> bool {
        let elements = |array: &Array| (array.address, array.layout, array.is_moved);
        elements(self) == elements(other)
    }

    /// Its block goes on as another one, with elements that nobody has told of yet.
    pub(super) fn move_to(&mut self, to: BlockKey) {
        if let Some(from) = self.block.replace(to) {
            let offset = self.address.wrapping_sub(from.address);
            self.address = to.address.wrapping_add(offset);
        }
        self.is_moved = true;
    }

    fn block_offset(&self) -> Option<u64> {
        let block = self.block.filter(|_| !self.is_moved)?;
        self.address.checked_sub(block.address)
    }

    pub(super) fn facts(&self, texts: &Texts, is_gone: bool) -> ArrayFacts {
        let told = texts.layout(self.layout);
        let dtype = told.as_ref().map(|layout| layout.dtype.clone());
        let layout = told.filter(|_| !self.is_moved);
        let operation = self.operation.map(|operation| texts.text(operation));
        ArrayFacts {
            id: (self.id > 0).then_some(self.id),
            name: self.name.map(|name| texts.text(name)),
            operation: operation.unwrap_or_else(|| "track".to_owned()),
            dtype,
            nbytes: layout.as_ref().map_or(0, |layout| layout.nbytes()),
            layout,
            block_offset: self.block_offset(),
            unique_bytes: self.unique_bytes.filter(|_| !self.is_moved),
            record_bytes: self.record_bytes,
            place: texts.place(self.place),
            is_view: !self.is_first(),
            is_gone,
            is_reallocated: self.is_moved,
            count: 1,
        }
    }
}
