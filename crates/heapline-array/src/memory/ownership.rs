//! Whose the elements of an ndarray array are.

use ndarray::{ArcArray, Array, ArrayView, ArrayViewMut, CowArray, Dimension};

/// Whose the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owns {
    /// The array's own: dropping it frees them.
    Owned,
    /// Another array's.
    View,
    /// Several arrays', by reference count: a write copies them unless this is the only one.
    Shared {
        /// Whether this is the only one.
        unique: bool,
    },
    /// Another array's, until the first write copies them.
    Cow,
}

/// Whose the elements of an array are; its storage type says so.
///
/// ```
/// use heapline_array::{Ownership, Owns};
/// use ndarray::{Array1, CowArray};
///
/// let array = Array1::<f32>::zeros(3);
/// assert_eq!(array.view().ownership(), Owns::View);
/// assert_eq!(CowArray::from(&array).ownership(), Owns::Cow);
/// let shared = array.into_shared();
/// assert_eq!(shared.ownership(), Owns::Shared { unique: true });
/// ```
pub trait Ownership {
    /// Whose the elements are. Allocates nothing.
    fn ownership(&self) -> Owns;
}

impl<A, D: Dimension> Ownership for Array<A, D> {
    fn ownership(&self) -> Owns {
        Owns::Owned
    }
}

impl<A, D: Dimension> Ownership for ArrayView<'_, A, D> {
    fn ownership(&self) -> Owns {
        Owns::View
    }
}

impl<A, D: Dimension> Ownership for ArrayViewMut<'_, A, D> {
    fn ownership(&self) -> Owns {
        Owns::View
    }
}

impl<A, D: Dimension> Ownership for ArcArray<A, D> {
    fn ownership(&self) -> Owns {
        Owns::Shared {
            unique: self.is_unique(),
        }
    }
}

impl<A, D: Dimension> Ownership for CowArray<'_, A, D> {
    fn ownership(&self) -> Owns {
        if self.is_view() {
            Owns::Cow
        } else {
            Owns::Owned
        }
    }
}
