//! Whose bytes a handle uses, and how many it keeps alive.

use std::panic::Location;
use std::sync::Arc;

use ndarray::Dimension;

use super::{AnyArray, NdArray};
use crate::Element;
use crate::identity::ArrayId;
use crate::storage::{self, Buffer};

/// Bytes of a buffer's record beside its elements: allocated once with the buffer, however
/// many handles there are. (ndarray's shared arrays have one, too, and NumPy's arrays an
/// object of 96 bytes and 16 an axis for each name and view.)
pub const HEADER_NBYTES: usize = storage::HEADER_NBYTES;

/// The buffer that a handle keeps alive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Base {
    /// Its number, which is also that of its first handle.
    pub id: ArrayId,
    /// Bytes of its elements.
    pub nbytes: usize,
    /// Bytes of its block: spare capacity is kept alive as well.
    pub capacity_nbytes: usize,
    /// Whether the bytes are those of a mapped file, and not on the heap.
    pub is_mapped: bool,
    /// The line that made it.
    pub created_at: &'static Location<'static>,
    /// What its first handle was [named](NdArray::named) last.
    pub name: Option<Arc<str>>,
}

impl From<&Buffer> for Base {
    fn from(buffer: &Buffer) -> Self {
        Base {
            id: buffer.origin.id,
            nbytes: buffer.nbytes(),
            capacity_nbytes: buffer.capacity_nbytes(),
            is_mapped: buffer.is_mapped(),
            created_at: buffer.origin.created_at,
            name: buffer.name(),
        }
    }
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The buffer that this handle keeps alive. Allocates nothing: what is known of it shares
    /// its name, and does not keep it.
    #[must_use]
    pub fn base(&self) -> Base {
        Base::from(&**self.storage.buffer())
    }

    /// What tells the buffer from others.
    #[cfg(feature = "get-size")]
    pub(crate) fn buffer_address(&self) -> *const Buffer {
        Arc::as_ptr(self.storage.buffer())
    }

    /// Bytes of the buffer that this handle keeps alive, spare capacity included. Allocates
    /// nothing.
    #[must_use]
    pub fn base_nbytes(&self) -> usize {
        self.storage.buffer().capacity_nbytes()
    }

    /// Whether this is the first handle of its buffer. Allocates nothing.
    ///
    /// NumPy's flag of that name is false for some fresh results, too: those that it made
    /// as a view of a copy of its own.
    #[must_use]
    pub fn owns_data(&self) -> bool {
        self.identity.owns_data
    }

    /// Whether this handle was made from another one of its buffer. Allocates nothing.
    #[must_use]
    pub fn is_view(&self) -> bool {
        !self.identity.owns_data
    }

    /// Whether elements may be written, if this is the only handle. Broadcast arrays, sliding
    /// windows, diagonals and mapped files may not, nor what is cut from them. Allocates
    /// nothing.
    #[must_use]
    pub fn is_writeable(&self) -> bool {
        self.identity.is_writeable
    }

    /// How many handles keep the buffer alive. Allocates nothing.
    #[must_use]
    pub fn holders(&self) -> usize {
        Arc::strong_count(self.storage.buffer())
    }
}

/// What several handles keep alive together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeepBytes {
    /// Buffers on the heap.
    pub buffers: usize,
    /// Bytes of their blocks.
    pub heap_nbytes: usize,
    /// Bytes of mapped files, which the kernel can take back at any time.
    pub mapped_nbytes: usize,
}

/// What keeps a buffer alive: arrays of any type, and what is known of a buffer.
pub trait HasBase {
    /// The buffer. Allocates nothing.
    fn base(&self) -> Base;
}

impl HasBase for Base {
    fn base(&self) -> Base {
        self.clone()
    }
}

impl<A: Element, D: Dimension> HasBase for NdArray<A, D> {
    fn base(&self) -> Base {
        NdArray::base(self)
    }
}

impl HasBase for AnyArray {
    fn base(&self) -> Base {
        AnyArray::base(self)
    }
}

impl<T: HasBase + ?Sized> HasBase for &T {
    fn base(&self) -> Base {
        T::base(self)
    }
}

/// Bytes that several arrays keep alive together, each buffer counted once.
///
/// ```
/// use heapline_array::{ArrayMemory, HasBase, NdArray, deep_nbytes};
///
/// let a = NdArray::<f64, _>::zeros((1000, 1000));
/// let t = a.t();
/// assert_eq!(a.nbytes() + t.nbytes(), 16_000_000);
/// assert_eq!(deep_nbytes([&a, &t]).heap_nbytes, 8_000_000);
///
/// // Of several types:
/// let mask = NdArray::<bool, _>::ones(1000);
/// let both: [&dyn HasBase; 2] = [&a, &mask];
/// assert_eq!(deep_nbytes(both).heap_nbytes, 8_001_000);
/// ```
///
/// Keeps nothing; its peak is a list of 24 bytes for each array, if the iterator says how
/// many there are; else the list grows by doubling, from four on.
pub fn deep_nbytes(arrays: impl IntoIterator<Item = impl HasBase>) -> DeepBytes {
    let bases = arrays.into_iter().map(|array| {
        let base = array.base();
        (base.id, base.capacity_nbytes, base.is_mapped)
    });
    let mut bases: Vec<_> = bases.collect();
    bases.sort_unstable();
    bases.dedup();
    let mut deep = DeepBytes::default();
    for (_, nbytes, is_mapped) in bases {
        if is_mapped {
            deep.mapped_nbytes += nbytes;
        } else {
            deep.buffers += 1;
            deep.heap_nbytes += nbytes;
        }
    }
    deep
}
