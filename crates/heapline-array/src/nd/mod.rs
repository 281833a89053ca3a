//! Shared arrays: handles onto buffers, with NumPy's views and copies.

mod any;
mod arithmetic;
mod astype;
mod axes;
mod base;
mod broadcast;
mod copy;
mod create;
mod index;
mod join;
mod reduce;
mod reinterpret;
mod reshape;
mod resize;
mod select;
mod sort;
mod split;

pub use any::{AnyArray, WrongDType};
pub use astype::{Astype, CastError};
pub use axes::AxisList;
pub use base::{Base, DeepBytes, HEADER_NBYTES, HasBase, deep_nbytes};
pub use broadcast::broadcast_shapes;
pub use copy::Order;
pub use index::{Index, slice};
pub use join::{concatenate, hstack, stack, vstack};
pub use reshape::{CopyMode, INFER};
pub use resize::ResizeError;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension, Ix1, IxDyn, ShapeBuilder};

use crate::Element;
use crate::identity::{ArrayId, Origin};
use crate::memory::{ArrayMemory, MemoryLayout};
use crate::notes::{self, Values};
use crate::placement::{Misplaced, reverse, signed};
use crate::storage::Storage;

/// A handle onto elements in a buffer that several handles may share.
///
/// Cloning it and cutting views from it copies no elements: the buffer lives until its last
/// handle is dropped. For computing, [`view`](Self::view) gives an ndarray view at no cost.
///
/// ```
/// use heapline_array::{ArrayMemory, NdArray};
/// use ndarray::s;
///
/// let a = NdArray::<f64, _>::zeros((1000, 1000));
/// let v = a.slice(s![..3, 0]);
/// drop(a);
/// assert_eq!((v.nbytes(), v.base_nbytes(), v.holders()), (24, 8_000_000, 1));
/// let c = v.copy(heapline_array::Order::C);
/// assert_eq!((c.nbytes(), c.base_nbytes()), (24, 24));
/// ```
///
/// # What is allocated
/// A *view* allocates nothing. A *copy*, as any other *new buffer*, keeps its
/// [`nbytes`](ArrayMemory::nbytes) and [`HEADER_NBYTES`] for the buffer's record, and needs
/// no more on the way. Each operation says which of these it is, and what its peak is where
/// that is more than what it keeps. An operation that fails keeps nothing but its error: of
/// each shape that this names, a `usize` for each length.
///
/// Besides, ndarray keeps shape and strides of dynamic dimension (`IxDyn`) on the heap if
/// there are more than four axes: 16 bytes an axis for each handle and view of ndarray, and
/// a few times as many meanwhile.
///
/// # Writing
/// Elements that several handles share are read-only. [`view_mut`](Self::view_mut) writes
/// in place through the only handle; [`make_mut`](Self::make_mut) copies first if need be.
/// In NumPy, a write through a view changes its base; here it cannot.
pub struct NdArray<A: Element, D: Dimension = IxDyn> {
    // Dropped first: that the handle is gone is noted while it still holds the buffer.
    identity: Identity,
    storage: Storage<A, D>,
}

/// What a handle is, besides its elements.
struct Identity {
    id: ArrayId,
    owns_data: bool,
    is_writeable: bool,
    /// Whether a recording that runs would be told of its end.
    is_noted: bool,
    /// What a view was named last, behind one word, since most have no name. That of a
    /// buffer's first handle is the buffer's.
    name: Option<Box<Arc<str>>>,
}

impl Drop for Identity {
    fn drop(&mut self) {
        if self.is_noted {
            notes::dropped(self.id);
        }
    }
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// Makes an ndarray array's vector a shared buffer. Keeps [`HEADER_NBYTES`]; no
    /// element is copied, and spare capacity stays.
    #[track_caller]
    #[must_use]
    pub fn from_array(array: Array<A, D>) -> Self {
        Self::made(array, "from_array")
    }

    /// The array as the buffer that an operation made.
    #[track_caller]
    pub(crate) fn made(array: Array<A, D>, operation: &'static str) -> Self {
        Self::with_origin(array, Origin::here(operation))
    }

    /// The array as the buffer of that origin.
    fn with_origin(array: Array<A, D>, origin: Origin) -> Self {
        Self::first(Storage::adopt(array, origin), origin)
    }

    /// The first handle of a buffer.
    fn first(storage: Storage<A, D>, origin: Origin) -> Self {
        let new = NdArray {
            storage,
            identity: Identity {
                id: origin.id,
                owns_data: true,
                is_writeable: true,
                is_noted: true,
                name: None,
            },
        };
        new.note_made(origin.operation, origin.created_at);
        new
    }

    fn note_made(&self, operation: &'static str, caller: &'static Location<'static>) {
        let buffer = self.storage.buffer();
        let buffer = notes::Buffer {
            mapped_nbytes: buffer.is_mapped().then(|| buffer.capacity_nbytes()),
            record_nbytes: HEADER_NBYTES + size_of::<Self>(),
        };
        notes::made(&self.memory_layout(), self.id(), buffer, operation, caller);
    }

    /// The array as what an operation had to copy from this one.
    #[track_caller]
    fn copied<B: Element, E: Dimension>(
        &self,
        array: Array<B, E>,
        operation: &'static str,
    ) -> NdArray<B, E> {
        let copy = NdArray::made(array, operation);
        copy.note_copied(self.id(), copy.nbytes(), Values::AsTheyWere, operation);
        copy
    }

    /// This array has so many bytes copied from another one.
    #[track_caller]
    fn note_copied(&self, from: ArrayId, nbytes: usize, values: Values, operation: &'static str) {
        let caller = Location::caller();
        notes::copied(from, self.id(), nbytes, values, operation, caller);
    }

    /// A handle onto the elements that the closure cuts from a view of this one's.
    #[track_caller]
    fn cut<E: Dimension>(
        &self,
        operation: &'static str,
        cut: impl for<'a> FnOnce(ArrayView<'a, A, D>) -> ArrayView<'a, A, E>,
    ) -> NdArray<A, E> {
        self.cut_by(operation, Location::caller(), cut)
    }

    /// The same for code that is not called by the program itself, such as a closure.
    fn cut_by<E: Dimension>(
        &self,
        operation: &'static str,
        caller: &'static Location<'static>,
        cut: impl for<'a> FnOnce(ArrayView<'a, A, D>) -> ArrayView<'a, A, E>,
    ) -> NdArray<A, E> {
        let view = cut(self.view());
        let (address, shape) = (view.as_ptr().addr(), view.raw_dim());
        let strides = signed(view.raw_dim(), view.strides());
        let storage = self.storage.placed(address, shape, strides);
        let storage =
            storage.unwrap_or_else(|_| unreachable!("what is cut from a view lies inside it"));
        Self::handle(storage, operation, self.identity.is_writeable, caller)
    }

    /// A handle onto elements of this one's buffer.
    #[track_caller]
    #[inline(always)]
    fn placed<B: Element, E: Dimension>(
        &self,
        operation: &'static str,
        address: usize,
        shape: E,
        strides: E,
    ) -> Result<NdArray<B, E>, Misplaced> {
        let storage = self.storage.placed(address, shape, strides)?;
        let is_writeable = self.identity.is_writeable;
        Ok(Self::handle(
            storage,
            operation,
            is_writeable,
            Location::caller(),
        ))
    }

    /// The same, to read only.
    #[track_caller]
    #[inline(always)]
    fn placed_read_only<E: Dimension>(
        &self,
        operation: &'static str,
        address: usize,
        shape: E,
        strides: E,
    ) -> Result<NdArray<A, E>, Misplaced> {
        let storage = self.storage.placed(address, shape, strides)?;
        Ok(Self::handle(storage, operation, false, Location::caller()))
    }

    #[inline(always)]
    fn handle<B: Element, E: Dimension>(
        storage: Storage<B, E>,
        operation: &'static str,
        is_writeable: bool,
        caller: &'static Location<'static>,
    ) -> NdArray<B, E> {
        let id = ArrayId::next();
        let base = storage.buffer().origin.id;
        let layout = || storage.memory_layout(!is_writeable);
        let is_noted = notes::view(layout, id, base, operation, caller);
        NdArray {
            storage,
            identity: Identity {
                id,
                owns_data: false,
                is_writeable,
                is_noted,
                name: None,
            },
        }
    }

    /// The same handle, but that neither it nor what is cut from it can be written through:
    /// NumPy's `setflags(write=False)`. Allocates nothing.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.identity.is_writeable = false;
        self
    }

    /// Gives the handle a name for reports, which stays its own when it has to copy before it
    /// [writes](Self::make_mut). That of a buffer's first handle names the buffer as well.
    /// Keeps the name's bytes and two `usize`, in whole words, and for a view two more,
    /// instead of those of its last name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.set_name(Arc::from(name));
        self
    }

    fn set_name(&mut self, name: Arc<str>) {
        notes::renamed(self.id(), &name);
        match self.identity.owns_data {
            true => self.storage.buffer().set_name(name),
            false => self.identity.name = Some(Box::new(name)),
        }
    }

    fn name(&self) -> Option<Arc<str>> {
        match self.identity.owns_data {
            true => self.storage.buffer().name(),
            false => self.identity.name.as_deref().cloned(),
        }
    }

    /// Makes this handle, the only one, the first of its buffer.
    fn become_first(&mut self) {
        if !self.identity.owns_data {
            let name = self.identity.name.take().map(|name| *name);
            self.storage.become_first(self.identity.id, name);
            self.identity.owns_data = true;
            self.identity.is_noted = true;
        }
    }

    /// The elements as an ndarray view, to compute with. Allocates nothing.
    #[must_use]
    pub fn view(&self) -> ArrayView<'_, A, D> {
        self.storage.view()
    }

    /// The elements as a mutable view; `None` if another handle shares the buffer, or if
    /// the array is not [writeable](Self::is_writeable). Allocates nothing.
    pub fn view_mut(&mut self) -> Option<ArrayViewMut<'_, A, D>> {
        if self.identity.is_writeable {
            self.storage.view_mut()
        } else {
            None
        }
    }

    /// The elements as a mutable view, of a copy if [`view_mut`](Self::view_mut) gives none.
    ///
    /// The copy is this handle's own from then on: other handles do not see what is written.
    /// It has this handle's [name](Self::named). Without a copy nothing is allocated. A
    /// read-only buffer that has no other handle goes when it is copied.
    ///
    /// # Panics
    /// If a copy is needed and there is no memory for it.
    #[track_caller]
    pub fn make_mut(&mut self) -> ArrayViewMut<'_, A, D> {
        if self.view_mut().is_none() {
            // What an only handle could have done without, or not.
            let operation = match self.is_writeable() {
                true => "make_mut",
                false => "make_mut, read-only",
            };
            let name = self.name();
            *self = self.copy_as(Order::K, operation);
            if let Some(name) = name {
                self.set_name(name);
            }
        }
        self.view_mut()
            .unwrap_or_else(|| unreachable!("a fresh copy has one handle"))
    }

    /// The number of this handle. Allocates nothing.
    #[must_use]
    pub fn id(&self) -> ArrayId {
        self.identity.id
    }

    /// The number of elements along each axis. Allocates nothing.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.storage.layout().shape()
    }

    /// The number of axes. Allocates nothing.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// The number of elements, repeated ones included. Allocates nothing.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there are no elements. Allocates nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shape().contains(&0)
    }

    fn raw_dim(&self) -> D {
        self.storage.layout().raw_dim()
    }

    /// A handle with as many axes, but the number of them known at run time only. A view.
    #[track_caller]
    #[must_use]
    pub fn to_dyn(&self) -> NdArray<A, IxDyn> {
        self.cut("to_dyn", |view| view.into_dyn())
    }

    /// This handle itself, with the number of axes known at run time only. Allocates nothing.
    #[must_use]
    pub fn into_dyn(self) -> NdArray<A, IxDyn> {
        let NdArray { storage, identity } = self;
        NdArray {
            storage: storage
                .into_dimensionality()
                .unwrap_or_else(|_| unreachable!("any number of axes will do")),
            identity,
        }
    }

    /// This handle itself, with the number of axes known at compile time. Allocates nothing.
    ///
    /// # Errors
    /// The handle, if the numbers of axes differ.
    pub fn into_dimensionality<E: Dimension>(self) -> Result<NdArray<A, E>, Self> {
        let NdArray { storage, identity } = self;
        match storage.into_dimensionality() {
            Ok(storage) => Ok(NdArray { storage, identity }),
            Err(storage) => Err(NdArray { storage, identity }),
        }
    }

    /// The buffer's vector as an ndarray array. Allocates nothing, and frees the buffer's
    /// record of [`HEADER_NBYTES`].
    ///
    /// # Errors
    /// The handle, if it is not the buffer's only one, if the buffer is no vector of such
    /// elements, if the array does not start where the buffer does, or is read-only.
    pub fn into_array(self) -> Result<Array<A, D>, Self> {
        let strides = signed(self.raw_dim(), self.memory_layout().strides);
        let shape = self.raw_dim();
        let starts_first = self.byte_bounds().start == self.storage.buffer().start_address();
        if !(starts_first || self.is_empty()) || !self.identity.is_writeable {
            return Err(self);
        }
        let NdArray { storage, identity } = self;
        match storage.into_vec() {
            Ok(elements) => Ok(from_parts(elements, shape, &strides)),
            Err(storage) => Err(NdArray { storage, identity }),
        }
    }
}

impl<A: Element, D: Dimension> ArrayMemory for NdArray<A, D> {
    fn memory_layout(&self) -> MemoryLayout<'_> {
        self.storage.memory_layout(!self.identity.is_writeable)
    }
}

/// Another handle onto the same elements: NumPy's second name for an array. A view.
impl<A: Element, D: Dimension> Clone for NdArray<A, D> {
    #[track_caller]
    fn clone(&self) -> Self {
        let (storage, is_writeable) = (self.storage.clone(), self.identity.is_writeable);
        Self::handle(storage, "clone", is_writeable, Location::caller())
    }
}

/// See [`view`](NdArray::view).
impl<'a, A: Element, D: Dimension> From<&'a NdArray<A, D>> for ArrayView<'a, A, D> {
    fn from(array: &'a NdArray<A, D>) -> Self {
        array.view()
    }
}

/// As ndarray's: the same shape, and equal elements. Allocates nothing.
impl<A: Element, D: Dimension> PartialEq for NdArray<A, D> {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

/// See [`from_array`](NdArray::from_array).
impl<A: Element, D: Dimension> From<Array<A, D>> for NdArray<A, D> {
    #[track_caller]
    fn from(array: Array<A, D>) -> Self {
        Self::from_array(array)
    }
}

/// See [`from_vec`](NdArray::from_vec).
impl<A: Element> From<Vec<A>> for NdArray<A, Ix1> {
    #[track_caller]
    fn from(elements: Vec<A>) -> Self {
        Self::from_vec(elements)
    }
}

impl<A: Element, D: Dimension> fmt::Debug for NdArray<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, id={}", self.view(), self.id().get())
    }
}

/// An array of the vector's elements, from the lowest on.
fn from_parts<A: Element, D: Dimension>(elements: Vec<A>, shape: D, strides: &D) -> Array<A, D> {
    let mut positive = strides.clone();
    for stride in positive.slice_mut() {
        *stride = (*stride as isize).unsigned_abs();
    }
    let array = Array::from_shape_vec(shape.strides(positive), elements);
    let mut array = array.unwrap_or_else(|_| unreachable!("they lie in the vector, each once"));
    reverse(&mut array, strides);
    array
}
