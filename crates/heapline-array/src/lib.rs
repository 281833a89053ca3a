//! NumPy's memory model over [`ndarray`]: how many bytes, whose bytes, view or copy, and
//! who keeps a buffer alive.
//!
//! ```
//! use heapline_array::{ArrayMemory, CopyMode, NdArray, Order};
//! use ndarray::s;
//!
//! let m = NdArray::<f64, _>::ones((1000, 1000)).named("m");
//! let v = m.slice(s![..;2, ..;2]);
//! assert_eq!((v.nbytes(), v.base_nbytes()), (2_000_000, 8_000_000));
//!
//! // A view wherever strides can say it, a copy where they cannot.
//! assert!(m.reshape((500, 2000), Order::C, CopyMode::Never).is_ok());
//! assert!(m.t().reshape(1_000_000, Order::C, CopyMode::Never).is_err());
//!
//! // The buffer lives until its last handle is gone.
//! drop(m);
//! assert_eq!((v.holders(), v.base().name.as_deref()), (1, Some("m")));
//!
//! // Compute with all of ndarray, at no cost.
//! assert_eq!(v.view().sum(), 250_000.0);
//! # Ok::<(), heapline_array::ArrayError>(())
//! ```
//!
//! # Three layers, each useful alone
//! * **dtypes**: [`DType`], its limits ([`finfo`], [`iinfo`]), casting rules ([`can_cast`]),
//!   promotion ([`promote_types`], [`result_type`], [`promote_scalar`]), and the bytes of an
//!   array before it is made ([`nbytes_for`]).
//! * **memory**: [`ArrayMemory`], the questions NumPy answers, for every array and view of
//!   ndarray; and [`Ownership`].
//! * **handles**: [`NdArray`], arrays that share buffers as NumPy's do. [`AnyArray`] is one
//!   whose dtype is known at run time only.
//!
//! # Three counts of bytes
//! They are never mixed:
//!
//! | | |
//! |---|---|
//! | [`nbytes`](ArrayMemory::nbytes) | elements times bytes of one, NumPy's: repeated elements count as often as they are repeated |
//! | [`unique_nbytes`](ArrayMemory::unique_nbytes) | distinct bytes that the elements touch |
//! | [`base_nbytes`](NdArray::base_nbytes) | the whole buffer that a handle keeps alive, spare capacity included |
//!
//! # What is allocated
//! Each function says what it keeps and what its peak is, in bytes that the allocator is asked
//! for; [`NdArray`] says what *view*, *copy* and *new buffer* mean there. Dtypes, their limits,
//! rules and texts allocate nothing, but for the text that
//! [`protocol_str`](DType::protocol_str) gives and [`UnknownDType`] names.
//!
//! # Where it differs from NumPy
//! 1. **No write through a view.** In NumPy `v[0] = 1` changes the array that `v` was cut
//!    from. Here elements that several handles share are read-only;
//!    [`view_mut`](NdArray::view_mut) writes through the only handle, and
//!    [`make_mut`](NdArray::make_mut) copies first.
//! 2. **Ownership.** NumPy's flag `OWNDATA` is false for some fresh results, too.
//!    [`owns_data`](NdArray::owns_data) is true for the first handle of a buffer,
//!    [`is_view`](NdArray::is_view) for all others.
//! 3. **Strides** of axes of length 1 and of empty arrays mean nothing, here as there, and
//!    differ. Those of a fresh result are not promised, but for the order asked for.
//! 4. **Out of range** floats saturate when they become integers, and count as
//!    [`invalid`](CastReport::invalid). With [`same_value`](Astype::same_value) 65504 is a
//!    `float16` and its -0.0 an integer 0, which NumPy 2.4.6 refuses.
//! 5. **Alignment.** References to elements are aligned in Rust:
//!    [`view_dtype`](NdArray::view_dtype) refuses bytes that are not, and strides that are
//!    no whole number of elements. A `bool` is 0 or 1.
//! 6. **No long double**: `float128`, `g`, `f16`, `c32` are unknown dtypes. Nor are there
//!    objects, strings, records, dates, or elements in the other byte order.
//! 7. **Temporaries** are reused as ndarray's: `&b * &c + &a` and `&a + &b * &c` need one
//!    result at their peak, as in NumPy, since the operand that is given away holds it;
//!    `&a + &(&b * &c)` needs two. What is given away and no longer its buffer's only handle,
//!    or not of the result's shape, is not written over.
//! 8. **Slices of ndarray's macro `s!`** cut first and reverse then.
//!    [`index`](NdArray::index) is Python's.
//! 9. **Operators of integers** are Rust's. `/` truncates, where NumPy's gives floats (7 / 2
//!    is 3, not 3.5), and panics if a divisor is 0, where NumPy's gives infinity. Where a
//!    program checks for overflow, as debug builds do, `+ - *` panic; else they wrap around, as
//!    NumPy's. [`sum`](NdArray::sum) and [`prod`](NdArray::prod) always wrap.
//!
//! # Errors
//! What NumPy raises is an error here, with the same words where there is no memory. Methods
//! without a `Result` panic for want of memory; those that make arrays, and
//! [`copy`](NdArray::copy), have a twin with `try_`. What is ndarray's own panics as there
//! for wrong shapes and indices, [`slice`](NdArray::slice) and the operators; where an
//! operator's result finds no memory the program ends, as in ndarray.
//!
//! # In a recording
//! With heapline as its allocator a program's trace is told of every buffer, view, copy and
//! name, and of the line that made it; `heapline arrays` shows who holds what, at the peak or
//! at any instant, and `--arrays` puts it beside the source. A plain ndarray array joins with
//! [`track`](ArrayMemory::track). Nothing is allocated for it, and no buffer kept alive.
//! Without a recording each of these costs a load. (Names are kept in any case, for
//! [`base`](NdArray::base) and for copies on write.)
//!
//! A line is the one that calls the function. In `.map(NdArray::t)`, `vec.clone()` and
//! `.into()` that is one of the standard library: `.map(|a| a.t())` and `NdArray::from(vec)`
//! are lines of the program.
//!
//! # Features
//! * `npy`: `read_npy` and `write_npy`, of any dtype.
//! * `mmap`: `open_npy_mmap`, arrays whose bytes stay in the file.
//! * `get-size`: `GetSize` for handles, each buffer once.

#![cfg_attr(test, allow(clippy::unwrap_used))]

// The element types that the standard library does not have.
pub use half::f16;
pub use num_complex::Complex;

mod dtype;
mod memory;

mod error;
mod nd;

#[cfg(feature = "get-size")]
mod deep_size;
#[cfg(feature = "npy")]
mod npy;

mod identity;
mod notes;
mod placement;
mod storage;
mod units;

pub use dtype::{
    CastReport, CastWarning, Casting, DType, Element, FInfo, IInfo, Kind, NotFloating, NotInteger,
    Overflow, Scalar, ScalarKind, UnknownDType, can_cast, finfo, fits, iinfo, min_scalar_type,
    nbytes_for, promote_scalar, promote_types, result_type,
};
pub use error::{ArrayError, CreateError, MemoryError};
pub use identity::ArrayId;
pub use memory::{ArrayMemory, Flags, MemoryLayout, Ownership, Owns, TooHard};
pub use nd::{
    AnyArray, Astype, AxisList, Base, CastError, CopyMode, DeepBytes, HEADER_NBYTES, HasBase,
    INFER, Index, NdArray, Order, ResizeError, WrongDType, broadcast_shapes, concatenate,
    deep_nbytes, hstack, slice, stack, vstack,
};
#[cfg(feature = "npy")]
pub use npy::{NpyError, read_npy, write_npy};
#[cfg(feature = "mmap")]
pub use storage::open_npy_mmap;
