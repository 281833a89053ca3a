//! NumPy's memory model over [`ndarray`]: how many bytes, whose bytes, view or copy, and
//! who keeps a buffer alive.

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
mod storage;
mod units;

pub use dtype::{
    CastReport, CastWarning, Casting, ComplexElement, DType, Element, FInfo, IInfo, Kind,
    NotFloating, NotInteger, Overflow, Scalar, ScalarKind, UnknownDType, can_cast, finfo, iinfo,
    min_scalar_type, nbytes_for, promote_scalar, promote_types, result_type,
};
pub use error::{ArrayError, CreateError, MemoryError};
pub use identity::ArrayId;
pub use memory::{ArrayMemory, Flags, MemoryLayout, Ownership, Owns, TooHard};
pub use nd::{
    AnyArray, Astype, AxisList, Base, CastError, CopyMode, DeepBytes, HEADER_NBYTES, INFER, Index,
    NdArray, Order, ResizeError, broadcast_shapes, concatenate, deep_nbytes, hstack, slice, stack,
    vstack,
};
#[cfg(feature = "npy")]
pub use npy::{NpyError, read_npy, write_npy};
#[cfg(feature = "mmap")]
pub use storage::open_npy_mmap;
