//! Arrays whose dtype is known at run time only.

use std::fmt;

use half::f16;
use ndarray::{Dimension, IxDyn};
use num_complex::Complex;

use super::{Astype, Base, CastError, NdArray};
use crate::memory::{ArrayMemory, MemoryLayout};
use crate::{CastReport, DType};

/// Runs an expression with the array that an [`AnyArray`] holds, whatever its type.
///
/// ```
/// use heapline_array::{AnyArray, NdArray, with_array};
///
/// let any = AnyArray::from(NdArray::<f32, _>::ones(3).into_dyn());
/// assert_eq!(with_array!(&any, array => array.len()), 3);
/// ```
#[macro_export]
macro_rules! with_array {
    ($any:expr, $array:pat => $result:expr) => {
        match $any {
            $crate::AnyArray::Bool($array) => $result,
            $crate::AnyArray::Int8($array) => $result,
            $crate::AnyArray::Int16($array) => $result,
            $crate::AnyArray::Int32($array) => $result,
            $crate::AnyArray::Int64($array) => $result,
            $crate::AnyArray::UInt8($array) => $result,
            $crate::AnyArray::UInt16($array) => $result,
            $crate::AnyArray::UInt32($array) => $result,
            $crate::AnyArray::UInt64($array) => $result,
            $crate::AnyArray::Float16($array) => $result,
            $crate::AnyArray::Float32($array) => $result,
            $crate::AnyArray::Float64($array) => $result,
            $crate::AnyArray::Complex64($array) => $result,
            $crate::AnyArray::Complex128($array) => $result,
        }
    };
}

/// Runs an expression with the type whose dtype is known at run time only.
///
/// ```
/// use heapline_array::{AnyArray, DType, NdArray, with_dtype};
/// use ndarray::IxDyn;
///
/// let dtype: DType = "float16".parse()?;
/// let zeros = with_dtype!(dtype, T => AnyArray::from(NdArray::<T, _>::zeros(IxDyn(&[3]))));
/// # Ok::<(), heapline_array::UnknownDType>(())
/// ```
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $element:ident => $result:expr) => {
        $crate::with_dtype!(@match $dtype, $element, $result,
            Bool bool, Int8 i8, Int16 i16, Int32 i32, Int64 i64,
            UInt8 u8, UInt16 u16, UInt32 u32, UInt64 u64,
            Float16 $crate::f16, Float32 f32, Float64 f64,
            Complex64 $crate::Complex<f32>, Complex128 $crate::Complex<f64>)
    };
    (@match $dtype:expr, $element:ident, $result:expr, $($variant:ident $type:ty),*) => {
        match $dtype {
            $($crate::DType::$variant => {
                type $element = $type;
                $result
            })*
            // Outside this crate the compiler cannot know that these are all.
            #[allow(unreachable_patterns)]
            _ => unreachable!("every dtype is listed"),
        }
    };
}

macro_rules! any_array {
    ($($dtype:ident, $element:ty;)*) => {
        /// An array of any dtype, to be read from a file or converted. It is the handle
        /// itself: to put it in or take it out allocates nothing.
        #[derive(Debug)]
        pub enum AnyArray {
            $(
                #[doc = concat!("Of `", stringify!($element), "`.")]
                $dtype(NdArray<$element, IxDyn>),
            )*
        }

        $(
            impl<D: Dimension> From<NdArray<$element, D>> for AnyArray {
                /// The handle itself, see [`into_dyn`](NdArray::into_dyn). Allocates nothing.
                fn from(array: NdArray<$element, D>) -> Self {
                    AnyArray::$dtype(array.into_dyn())
                }
            }

            impl TryFrom<AnyArray> for NdArray<$element, IxDyn> {
                type Error = WrongDType;

                /// The handle itself, if it is of such elements. Allocates nothing.
                ///
                /// # Errors
                /// If it is of others: the error has the handle, as it was.
                fn try_from(any: AnyArray) -> Result<Self, WrongDType> {
                    match any {
                        AnyArray::$dtype(array) => Ok(array),
                        array => Err(WrongDType {
                            array,
                            needed: DType::$dtype,
                        }),
                    }
                }
            }
        )*

        impl AnyArray {
            /// The elements as another dtype, and what was lost. A copy, or a view where
            /// [`NdArray::astype`] gives one.
            ///
            /// # Errors
            /// As [`NdArray::astype`].
            #[track_caller]
            pub fn astype(
                &self,
                dtype: DType,
                how: Astype,
            ) -> Result<(AnyArray, CastReport), CastError> {
                with_array!(self, array => with_dtype!(dtype, T => {
                    let (array, report) = array.astype::<T>(how)?;
                    Ok((array.into(), report))
                }))
            }
        }
    };
}

any_array! {
    Bool, bool;
    Int8, i8;
    Int16, i16;
    Int32, i32;
    Int64, i64;
    UInt8, u8;
    UInt16, u16;
    UInt32, u32;
    UInt64, u64;
    Float16, f16;
    Float32, f32;
    Float64, f64;
    Complex64, Complex<f32>;
    Complex128, Complex<f64>;
}

/// Another handle onto the same elements. A view.
impl Clone for AnyArray {
    // Derived, it would be the place that reports name.
    #[track_caller]
    fn clone(&self) -> Self {
        with_array!(self, array => array.clone().into())
    }
}

/// An array whose elements are not of the dtype that they had to be of.
pub struct WrongDType {
    array: AnyArray,
    needed: DType,
}

impl WrongDType {
    /// The array as it was. Allocates nothing.
    #[must_use]
    pub fn into_inner(self) -> AnyArray {
        self.array
    }
}

impl fmt::Display for WrongDType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "elements are {}, not {}",
            self.array.dtype(),
            self.needed
        )
    }
}

/// As its text: the elements may be many.
impl fmt::Debug for WrongDType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrongDType({self})")
    }
}

impl std::error::Error for WrongDType {}

impl AnyArray {
    /// The number of elements along each axis. Allocates nothing.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        with_array!(self, array => array.shape())
    }

    /// The number of axes. Allocates nothing.
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// The number of elements, repeated ones included. Allocates nothing.
    #[must_use]
    pub fn len(&self) -> usize {
        with_array!(self, array => array.len())
    }

    /// Whether there are no elements. Allocates nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        with_array!(self, array => array.is_empty())
    }

    /// The buffer that this handle keeps alive. Allocates nothing.
    #[must_use]
    pub fn base(&self) -> Base {
        with_array!(self, array => array.base())
    }
}

impl ArrayMemory for AnyArray {
    fn memory_layout(&self) -> MemoryLayout<'_> {
        with_array!(self, array => array.memory_layout())
    }
}
