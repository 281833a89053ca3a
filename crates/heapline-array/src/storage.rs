//! Buffers, and handles onto their elements: the only unsafe code of this crate.
//!
//! # Why it is sound
//! * A [`Buffer`] is a block of initialised bytes, at one address until it is dropped. It is
//!   reached only through an `Arc`, and no `Weak` of it exists.
//! * A [`Storage`] is made by [`place`](Storage::place), by [`placed`](Storage::placed) in
//!   the buffer of another one, or as a copy of one. Both check that every element lies inside
//!   the buffer, aligned, and that its bytes are a value: every pattern is one of each
//!   [`Element`] but `bool`, whose buffers are checked as a whole.
//! * It holds the buffer for as long as it lives, so a view borrowed from it is of live
//!   bytes.
//! * While there are several handles nobody writes. [`view_mut`](Storage::view_mut) borrows
//!   the only handle of a buffer mutably, so that there is no other view; and it gives
//!   none where two indices could mean the same element.
//! * Bytes of a `bool` stay 0 or 1. While a handle of `bool`s lives it is either one of
//!   several, and nobody writes, or the only one, and writes `bool`s. A buffer of `bool`s
//!   that something else is written to is one of bytes from then on, and those are looked at
//!   before they are `bool`s again, unless a handle of `bool`s is there to be cut from.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed};
#[cfg(feature = "mmap")]
use std::fs::File;
use std::mem::ManuallyDrop;
use std::ops::Range;
#[cfg(feature = "mmap")]
use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{
    Array, ArrayView, ArrayViewMut, Dimension, LayoutRef, RawArrayView, RawArrayViewMut, RawRef,
    ShapeBuilder,
};

#[cfg(feature = "mmap")]
use crate::AnyArray;
use crate::identity::{ArrayId, Origin};
use crate::memory::MemoryLayout;
#[cfg(feature = "mmap")]
use crate::npy::{self, NpyError};
use crate::placement::{Misplaced, is_injective, lowest, make_positive, reverse, signed};
use crate::{DType, Element};

/// Elements that handles share.
pub(crate) struct Buffer {
    block: Block,
    pub(crate) origin: Origin,
    name: Mutex<Option<Arc<str>>>,
}

/// Initialised bytes, and what gives them back.
struct Block {
    start: NonNull<u8>,
    nbytes: usize,
    /// Of the elements it was made of, but for `bool`s that became bytes.
    dtype: DType,
    memory: Memory,
}

enum Memory {
    /// A `Vec` of this many elements at most, and what frees it.
    Heap {
        capacity: usize,
        free: unsafe fn(NonNull<u8>, usize, usize),
    },
    #[cfg(feature = "mmap")]
    /// What unmaps the bytes when it is dropped.
    Mapped { _map: memmap2::Mmap },
}

// SAFETY: the bytes belong to the block, which writes none of them; handles write as said
// above. Elements are `Send` and `Sync`.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    fn from_vec<A: Element>(elements: Vec<A>) -> Self {
        let mut elements = ManuallyDrop::new(elements);
        Block {
            start: start_of(&mut elements),
            nbytes: elements.len() * size_of::<A>(),
            dtype: A::DTYPE,
            memory: Memory::Heap {
                capacity: elements.capacity(),
                free: free::<A>,
            },
        }
    }

    /// The bytes of a mapped file from `offset` on, as elements of this type.
    #[cfg(feature = "mmap")]
    fn from_map<A: Element>(map: memmap2::Mmap, offset: usize) -> Result<Self, Misplaced> {
        let elements = map.get(offset..).ok_or(Misplaced::Outside)?;
        if A::DTYPE == DType::Bool && elements.iter().any(|byte| *byte > 1) {
            return Err(Misplaced::NotBool);
        }
        Ok(Block {
            start: NonNull::from(elements).cast(),
            nbytes: elements.len(),
            dtype: A::DTYPE,
            memory: Memory::Mapped { _map: map },
        })
    }

    fn is_mapped(&self) -> bool {
        match self.memory {
            Memory::Heap { .. } => false,
            #[cfg(feature = "mmap")]
            Memory::Mapped { .. } => true,
        }
    }

    fn is_vec_of<A: Element>(&self) -> bool {
        !self.is_mapped() && self.dtype == A::DTYPE
    }

    /// Bytes of the whole block, spare capacity included.
    fn capacity_nbytes(&self) -> usize {
        match self.memory {
            Memory::Heap { capacity, .. } => capacity * self.dtype.itemsize(),
            #[cfg(feature = "mmap")]
            Memory::Mapped { .. } => self.nbytes,
        }
    }

    /// The vector it was made of; `None` if it was made otherwise.
    fn into_vec<A: Element>(self) -> Option<Vec<A>> {
        if !self.is_vec_of::<A>() {
            return None;
        }
        let this = ManuallyDrop::new(self);
        let capacity = this.capacity_nbytes() / size_of::<A>();
        // SAFETY: these are the parts of a `Vec<A>`, as each dtype is of one type, and `this`
        // is not dropped.
        Some(unsafe { vec_of_parts(this.start, this.nbytes, capacity) })
    }

    /// Makes a vector of `bool`s one of bytes, which may be any.
    fn forget_bools(&mut self) {
        if let (DType::Bool, Memory::Heap { free: own, .. }) = (self.dtype, &mut self.memory) {
            *own = free::<u8>;
            self.dtype = DType::UInt8;
        }
    }

    fn addresses(&self) -> Range<usize> {
        let start = self.start.addr().get();
        start..start + self.nbytes
    }

    /// So many bytes behind the start, as [`lowest`] has found them to be inside.
    fn pointer<A: Element>(&self, offset: Option<usize>) -> *mut A {
        match offset {
            // One past the end at most.
            Some(offset) => self.start.as_ptr().wrapping_add(offset).cast(),
            None => NonNull::dangling().as_ptr(),
        }
    }

    /// Whether elements of this type can be read from anywhere in it. Nobody may write
    /// meanwhile.
    fn holds<B: Element>(&self) -> bool {
        B::DTYPE != DType::Bool || self.dtype == DType::Bool || {
            // SAFETY: the bytes are initialised. The only writers are mutable borrows of a
            // buffer's only handle; `place` calls this with a share of its own, `placed`
            // with that of a handle which is borrowed, and so not mutably.
            let bytes = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.nbytes) };
            #[cfg(test)]
            tests::SCANNED_NBYTES.set(tests::SCANNED_NBYTES.get() + bytes.len());
            bytes.iter().all(|byte| *byte <= 1)
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match self.memory {
            // SAFETY: `free` is of the type the vector was of, and this happens once.
            Memory::Heap { capacity, free } => unsafe { free(self.start, self.nbytes, capacity) },
            #[cfg(feature = "mmap")]
            Memory::Mapped { .. } => {}
        }
    }
}

impl Buffer {
    fn new(block: Block, origin: Origin) -> Self {
        Buffer {
            block,
            origin,
            name: Mutex::new(None),
        }
    }

    /// The bytes of a mapped file from `offset` on, as elements of this type.
    #[cfg(feature = "mmap")]
    pub(crate) fn from_map<A: Element>(
        map: memmap2::Mmap,
        offset: usize,
        origin: Origin,
    ) -> Result<Self, Misplaced> {
        Ok(Buffer::new(Block::from_map::<A>(map, offset)?, origin))
    }

    /// Address of its first byte.
    pub(crate) fn start_address(&self) -> usize {
        self.block.start.addr().get()
    }

    /// Bytes of its elements.
    pub(crate) fn nbytes(&self) -> usize {
        self.block.nbytes
    }

    /// Bytes of the block, spare capacity included.
    pub(crate) fn capacity_nbytes(&self) -> usize {
        self.block.capacity_nbytes()
    }

    /// Whether the bytes are a file's, not the heap's.
    pub(crate) fn is_mapped(&self) -> bool {
        self.block.is_mapped()
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
    }
}

fn start_of<A>(elements: &mut Vec<A>) -> NonNull<u8> {
    let start = NonNull::new(elements.as_mut_ptr());
    start
        .unwrap_or_else(|| unreachable!("a vector's pointer is never null"))
        .cast()
}

/// # Safety
/// The arguments are the parts of a `Vec<A>` that nobody uses any more. (Those of a vector of
/// `bool`s are also one's of `u8`: the layout is the same.)
unsafe fn vec_of_parts<A: Element>(start: NonNull<u8>, nbytes: usize, capacity: usize) -> Vec<A> {
    let length = nbytes / size_of::<A>();
    // SAFETY: as this function's.
    unsafe { Vec::from_raw_parts(start.cast().as_ptr(), length, capacity) }
}

/// # Safety
/// As [`vec_of_parts`].
unsafe fn free<A: Element>(start: NonNull<u8>, nbytes: usize, capacity: usize) {
    // SAFETY: as this function's.
    drop(unsafe { vec_of_parts::<A>(start, nbytes, capacity) });
}

/// So many zeros, in pages that stay lazy; `None` if there is no memory for them.
pub(crate) fn try_zeroed<A: Element>(length: usize) -> Option<Vec<A>> {
    let layout = Layout::array::<A>(length).ok()?;
    if layout.size() == 0 {
        return Some(Vec::new());
    }
    // SAFETY: the layout has bytes.
    let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    // SAFETY: the block is a `Vec`'s of this length and capacity, and zero bytes are a
    // value of every `Element`.
    Some(unsafe { Vec::from_raw_parts(start.cast().as_ptr(), length, length) })
}

/// Bytes of a buffer's record: two counts of the `Arc`, and the buffer.
pub(crate) const HEADER_NBYTES: usize = size_of::<[usize; 2]>() + size_of::<Buffer>();

/// A handle's elements, and its share in their buffer.
pub(crate) struct Storage<A, D> {
    raw: RawArrayView<A, D>,
    buffer: Arc<Buffer>,
}

// SAFETY: it hands out references to elements and to the buffer, which are `Send` and `Sync`,
// and mutable ones only through a mutable borrow.
unsafe impl<A: Element, D: Dimension> Send for Storage<A, D> {}
// SAFETY: as above.
unsafe impl<A: Element, D: Dimension> Sync for Storage<A, D> {}

impl<A: Element, D: Dimension> Storage<A, D> {
    /// Makes the array's vector a buffer, without a copy.
    pub(crate) fn adopt(array: Array<A, D>, origin: Origin) -> Self {
        let address = array.as_ptr().addr();
        let (shape, strides) = (array.raw_dim(), signed(array.raw_dim(), array.strides()));
        let block = Block::from_vec(array.into_raw_vec_and_offset().0);
        Self::place(
            Arc::new(Buffer::new(block, origin)),
            address,
            shape,
            strides,
        )
        .unwrap_or_else(|_| unreachable!("an array's elements are in its vector"))
    }

    /// Elements of this shape in a buffer, the first of them at `address`; strides are in
    /// elements, signed numbers in `D`.
    #[inline]
    pub(crate) fn place(
        buffer: Arc<Buffer>,
        address: usize,
        shape: D,
        strides: D,
    ) -> Result<Self, Misplaced> {
        if !buffer.block.holds::<A>() {
            return Err(Misplaced::NotBool);
        }
        Self::of_values(buffer, address, shape, strides)
    }

    /// Elements of this shape in the same buffer.
    #[inline(always)]
    pub(crate) fn placed<B: Element, E: Dimension>(
        &self,
        address: usize,
        shape: E,
        strides: E,
    ) -> Result<Storage<B, E>, Misplaced> {
        // While a handle of `bool`s lives all bytes are 0 or 1.
        if A::DTYPE != DType::Bool && !self.buffer.block.holds::<B>() {
            return Err(Misplaced::NotBool);
        }
        Storage::of_values(Arc::clone(&self.buffer), address, shape, strides)
    }

    /// The same where the bytes are known to be values.
    #[inline(always)]
    fn of_values(
        buffer: Arc<Buffer>,
        address: usize,
        shape: D,
        strides: D,
    ) -> Result<Self, Misplaced> {
        let raw = raw_view(&buffer.block, address, shape, strides)?;
        Ok(Storage { raw, buffer })
    }

    pub(crate) fn buffer(&self) -> &Arc<Buffer> {
        &self.buffer
    }

    /// Shape and strides.
    pub(crate) fn layout(&self) -> &LayoutRef<A, D> {
        self.raw.as_ref()
    }

    /// Of the element whose indices are all 0.
    pub(crate) fn address(&self) -> usize {
        let raw: &RawRef<A, D> = self.raw.as_ref();
        raw.as_ptr().addr()
    }

    /// Where the elements are, to read or not only.
    pub(crate) fn memory_layout(&self, is_read_only: bool) -> MemoryLayout<'_> {
        let layout = self.layout();
        MemoryLayout {
            dtype: A::DTYPE,
            address: self.address(),
            shape: layout.shape(),
            strides: layout.strides(),
            is_read_only,
        }
    }

    /// The same elements, with another type of dimension.
    pub(crate) fn into_dimensionality<E: Dimension>(self) -> Result<Storage<A, E>, Self> {
        let raw = self.raw.clone().into_dimensionality();
        match raw {
            Ok(raw) => Ok(Storage {
                raw,
                buffer: self.buffer,
            }),
            Err(_) => Err(self),
        }
    }

    /// The elements, to read.
    pub(crate) fn view(&self) -> ArrayView<'_, A, D> {
        // SAFETY: `place` or `placed` has checked bounds, alignment and values. The borrow keeps the
        // buffer alive and excludes `view_mut` of this handle; that of any other gives
        // nothing while this one exists.
        unsafe { self.raw.clone().deref_into_view() }
    }

    /// The elements, to write; `None` if there is another handle, if the bytes are a file's,
    /// or if an element could have two indices.
    pub(crate) fn view_mut(&mut self) -> Option<ArrayViewMut<'_, A, D>> {
        let (shape, strides, address) = {
            let view = self.view();
            (
                view.raw_dim(),
                signed(view.raw_dim(), view.strides()),
                view.as_ptr().addr(),
            )
        };
        let block = &mut Arc::get_mut(&mut self.buffer)?.block;
        let found = lowest::<A>(block.addresses(), address, shape.slice(), strides.slice());
        let offset = found.ok()?;
        let mut positive = strides.clone();
        make_positive(shape.slice(), positive.slice_mut());
        if block.is_mapped() || !is_injective(&shape, &positive) {
            return None;
        }
        if A::DTYPE != DType::Bool {
            block.forget_bools();
        }
        let first = block.pointer(offset);
        // SAFETY: as in `raw_view`; besides, no two indices mean one element.
        let mut raw = unsafe { RawArrayViewMut::from_shape_ptr(shape.strides(positive), first) };
        reverse(&mut raw, &strides);
        // SAFETY: this is the only handle, borrowed mutably for as long as the view lives, and
        // the pointer is the vector's own.
        Some(unsafe { raw.deref_into_view_mut() })
    }

    /// Whether the buffer is a vector of such elements.
    pub(crate) fn is_of_vec(&self) -> bool {
        self.buffer.block.is_vec_of::<A>()
    }

    /// Makes the buffer's only handle its first one.
    pub(crate) fn become_first(&mut self, id: ArrayId, name: Option<Arc<str>>) {
        if let Some(buffer) = Arc::get_mut(&mut self.buffer) {
            buffer.origin.id = id;
            buffer.name = Mutex::new(name);
        }
    }

    /// Makes the vector behind the only handle longer by zeros, or shorter, and its elements
    /// those of this shape; `false` if there is no memory or it is not such a vector.
    pub(crate) fn resize(&mut self, length: usize, shape: D, strides: D) -> bool {
        let Some(buffer) = Arc::get_mut(&mut self.buffer) else {
            return false;
        };
        let block = &mut buffer.block;
        if !block.is_vec_of::<A>() {
            return false;
        }
        let capacity = block.capacity_nbytes() / size_of::<A>();
        // SAFETY: these are the parts of a `Vec<A>`. The block still has them as well, but
        // nothing here panics, and until they are put back nothing uses it.
        let elements = unsafe { vec_of_parts::<A>(block.start, block.nbytes, capacity) };
        let mut elements = ManuallyDrop::new(elements);
        let more = length.saturating_sub(elements.len());
        let is_possible = elements.try_reserve_exact(more).is_ok();
        if is_possible {
            elements.resize(length, A::default());
            elements.shrink_to_fit();
            block.memory = Memory::Heap {
                capacity: elements.capacity(),
                free: free::<A>,
            };
            block.start = start_of(&mut elements);
            block.nbytes = length * size_of::<A>();
            let address = block.start.addr().get();
            self.raw = raw_view(block, address, shape, strides)
                .unwrap_or_else(|_| unreachable!("the vector has as many elements"));
        }
        is_possible
    }

    /// The vector behind the only handle of a buffer.
    pub(crate) fn into_vec(mut self) -> Result<Vec<A>, Self> {
        match Arc::get_mut(&mut self.buffer) {
            Some(buffer) if buffer.block.is_vec_of::<A>() => {}
            _ => return Err(self),
        }
        Arc::into_inner(self.buffer)
            .and_then(|buffer| buffer.block.into_vec())
            .ok_or_else(|| unreachable!("there was one handle, and it is here"))
    }
}

impl<A, D: Clone> Clone for Storage<A, D> {
    fn clone(&self) -> Self {
        Storage {
            raw: self.raw.clone(),
            buffer: Arc::clone(&self.buffer),
        }
    }
}

/// A view of elements of which every address is checked; of their values nothing is.
#[inline(always)]
fn raw_view<A: Element, D: Dimension>(
    block: &Block,
    address: usize,
    shape: D,
    mut strides: D,
) -> Result<RawArrayView<A, D>, Misplaced> {
    let lengths = shape.slice();
    let steps = strides.slice_mut();
    let offset = lowest::<A>(block.addresses(), address, lengths, steps)?;
    let signed = steps
        .iter()
        .any(|step| (*step as isize) < 0)
        .then(|| strides.clone());
    make_positive(lengths, strides.slice_mut());
    let strided = shape.strides(strides);
    // SAFETY: the pointer is aligned and, with all that the strides reach from it, inside the
    // block's one allocation, which has at most `isize::MAX` bytes; the elements are at most
    // as many. The strides are not negative. Without elements they are all 0, and the pointer
    // dangles.
    let mut raw = unsafe { RawArrayView::from_shape_ptr(strided, block.pointer(offset)) };
    if let Some(signed) = signed {
        reverse(&mut raw, &signed);
    }
    Ok(raw)
}

/// Maps a `.npy` file into memory as a read-only array: its bytes come from the file when
/// they are looked at, and are not on the heap.
///
/// Keeps the buffer's record of [`HEADER_NBYTES`](crate::HEADER_NBYTES) alone; the peak is
/// what it takes to parse the header, at most 16 KiB. As `bool` all bytes are looked at.
///
/// ```no_run
/// use heapline_array::{ArrayMemory, NdArray, open_npy_mmap};
///
/// // SAFETY: nobody else writes this file.
/// let any = unsafe { open_npy_mmap("large.npy") }?;
/// let array: NdArray<f64> = any.try_into()?;
/// let total: f64 = array.chunks(1 << 20).map(|chunk| chunk.sum()).sum();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Safety
/// As long as a handle onto the array lives, nobody writes the file or makes it shorter.
///
/// # Errors
/// If the file cannot be mapped or is no `.npy` file of numbers in this machine's byte
/// order, aligned, and as long as its header says.
#[cfg(feature = "mmap")]
#[track_caller]
pub unsafe fn open_npy_mmap(path: impl AsRef<Path>) -> Result<AnyArray, NpyError> {
    let path = path.as_ref();
    let map = File::open(path).and_then(|file| {
        // SAFETY: the caller promises that the bytes stay as they are.
        unsafe { memmap2::Mmap::map(&file) }
    });
    npy::mapped(path, map)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ndarray::{Axis, s};

    use crate::NdArray;

    thread_local! {
        /// Bytes that this thread has looked at, because they were to be `bool`s.
        pub(super) static SCANNED_NBYTES: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn bytes_are_looked_at_only_where_they_become_bools() {
        let mask = NdArray::<bool, _>::ones((100, 100));
        let views = (mask.t(), mask.slice(s![..;2, 1..]), mask.clone());
        let more = (
            mask.index_axis(Axis(0), 3),
            mask.broadcast_to((9, 100, 100)),
        );
        let bytes = mask.view_dtype::<u8>().unwrap();
        assert_eq!(SCANNED_NBYTES.get(), 0);
        drop((views, more, mask));
        let again = bytes.view_dtype::<bool>().unwrap();
        assert_eq!(SCANNED_NBYTES.get(), 0, "they are still a vector of bools");
        drop(again);
        let numbers = NdArray::<u8, _>::ones((100, 100));
        let mask = numbers.view_dtype::<bool>().unwrap();
        assert_eq!(SCANNED_NBYTES.get(), 10_000);
        drop((mask.t(), mask.flip(0)));
        assert_eq!(SCANNED_NBYTES.get(), 10_000, "once");
    }
}
