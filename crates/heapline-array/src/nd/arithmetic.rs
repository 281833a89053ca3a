//! `+ - * /` and negation: ndarray's, on views. They allocate what ndarray's do: the result,
//! or nothing where an operand that is given away can hold it.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use ndarray::{ArrayView, ArrayViewMut, DimMax, Dimension};

use super::NdArray;
use super::broadcast::check_shapes;
use crate::dtype::Kind as DTypeKind;
use crate::error::{Kind, refuse};
use crate::{Complex, Element, f16};

macro_rules! operator {
    ($($operator:ident, $method:ident, $assign:ident, $assign_method:ident, $divides:literal;)*) => {$(
        /// Element by element, operands broadcast to each other as ndarray's. The result is a
        /// new buffer; broadcasting the operands allocates nothing.
        ///
        /// # Panics
        /// If the shapes do not fit, or where the operator of the elements panics: integers
        /// divided by 0, and overflow if the program checks for it.
        impl<A, D, E> $operator<&NdArray<A, E>> for &NdArray<A, D>
        where
            A: Element + $operator<Output = A>,
            D: Dimension + DimMax<E>,
            E: Dimension,
        {
            type Output = NdArray<A, <D as DimMax<E>>::Output>;

            #[track_caller]
            fn $method(self, other: &NdArray<A, E>) -> Self::Output {
                check_shapes(self.shape(), other.shape());
                check_divisors($divides, self.is_empty(), &other.view());
                let result = (&self.view()).$method(&other.view());
                let is_larger = result.shape() != self.shape() || result.shape() != other.shape();
                let operation = match is_larger {
                    true => concat!("broadcast ", stringify!($method)),
                    false => stringify!($method),
                };
                NdArray::made(result, operation)
            }
        }

        /// Element by element. The result is the left operand itself, its elements written
        /// over, if it is the only handle of its buffer, writeable, and of the result's shape:
        /// that allocates nothing. Else a new buffer, as by reference.
        ///
        /// # Panics
        /// As by reference.
        impl<A, D, E> $operator<&NdArray<A, E>> for NdArray<A, D>
        where
            A: Element + $operator<Output = A>,
            D: Dimension + DimMax<E>,
            E: Dimension,
        {
            type Output = NdArray<A, <D as DimMax<E>>::Output>;

            #[track_caller]
            fn $method(mut self, other: &NdArray<A, E>) -> Self::Output {
                match self.own_elements(other.shape()) {
                    Some(mut own) => {
                        check_divisors($divides, own.is_empty(), &other.view());
                        own.zip_mut_with(&other.view(), |own, other| {
                            *own = (*own).$method(*other);
                        });
                    }
                    None => return (&self).$method(other),
                }
                self.into_result()
            }
        }

        /// Element by element. The result is the right operand itself, its elements written
        /// over, if it is the only handle of its buffer, writeable, and of the result's shape:
        /// that allocates nothing. Else a new buffer, as by reference.
        ///
        /// # Panics
        /// As by reference.
        impl<A, D, E> $operator<NdArray<A, E>> for &NdArray<A, D>
        where
            A: Element + $operator<Output = A>,
            D: Dimension + DimMax<E>,
            E: Dimension,
        {
            type Output = NdArray<A, <D as DimMax<E>>::Output>;

            #[track_caller]
            fn $method(self, mut other: NdArray<A, E>) -> Self::Output {
                match other.own_elements(self.shape()) {
                    Some(mut own) => {
                        check_divisors($divides, self.is_empty(), &own.view());
                        own.zip_mut_with(&self.view(), |own, left| {
                            *own = (*left).$method(*own);
                        });
                    }
                    None => return self.$method(&other),
                }
                other.into_result()
            }
        }

        /// Element by element, in the left operand if it can hold the result, else in the
        /// right one: that allocates nothing. If neither can, in a new buffer.
        ///
        /// # Panics
        /// As by reference.
        impl<A, D, E> $operator<NdArray<A, E>> for NdArray<A, D>
        where
            A: Element + $operator<Output = A>,
            D: Dimension + DimMax<E>,
            E: Dimension,
        {
            type Output = NdArray<A, <D as DimMax<E>>::Output>;

            #[track_caller]
            fn $method(mut self, other: NdArray<A, E>) -> Self::Output {
                match self.own_elements(other.shape()).is_some() {
                    true => self.$method(&other),
                    false => (&self).$method(other),
                }
            }
        }

        /// Each element with one number. The result is a new buffer.
        ///
        /// # Panics
        /// Where the operator of the elements panics.
        impl<A, D> $operator<A> for &NdArray<A, D>
        where
            A: Element + $operator<Output = A>,
            D: Dimension,
        {
            type Output = NdArray<A, D>;

            #[track_caller]
            fn $method(self, other: A) -> Self::Output {
                check_divisor($divides, self.is_empty(), other);
                // As ndarray's own operators do, which are not there for `f16`.
                let result = self.view().mapv(|element| element.$method(other));
                NdArray::made(result, stringify!($method))
            }
        }

        /// Each element with one number, in place if this is the only handle of its buffer,
        /// and writeable: that allocates nothing. Else in a new buffer, as by reference.
        ///
        /// # Panics
        /// Where the operator of the elements panics.
        impl<A, D> $operator<A> for NdArray<A, D>
        where
            A: Element + $operator<Output = A>,
            D: Dimension,
        {
            type Output = NdArray<A, D>;

            #[track_caller]
            fn $method(mut self, other: A) -> Self::Output {
                match self.view_mut() {
                    Some(mut own) => {
                        check_divisor($divides, own.is_empty(), other);
                        own.map_inplace(|element| *element = (*element).$method(other));
                    }
                    None => return (&self).$method(other),
                }
                self
            }
        }

        /// Element by element, in place if this is the only handle: that allocates nothing.
        /// Else in a copy, see [`make_mut`](NdArray::make_mut).
        ///
        /// # Panics
        /// If the other's shape cannot be broadcast to this one's, if there is no memory for a
        /// copy, or where the operator of the elements panics.
        impl<A, D, E> $assign<&NdArray<A, E>> for NdArray<A, D>
        where
            A: Element + $assign,
            D: Dimension,
            E: Dimension,
        {
            #[track_caller]
            fn $assign_method(&mut self, other: &NdArray<A, E>) {
                if !can_hold(self.shape(), other.shape()) {
                    refuse(Kind::Broadcast {
                        from: other.shape().to_vec(),
                        to: self.shape().to_vec(),
                    });
                }
                check_divisors($divides, self.is_empty(), &other.view());
                self.make_mut().$assign_method(&other.view());
            }
        }

        /// Each element with one number, in place if this is the only handle: that allocates
        /// nothing. Else in a copy, see [`make_mut`](NdArray::make_mut).
        ///
        /// # Panics
        /// If there is no memory for a copy, or where the operator of the elements panics.
        impl<A, D> $assign<A> for NdArray<A, D>
        where
            A: Element + $assign,
            D: Dimension,
        {
            #[track_caller]
            fn $assign_method(&mut self, other: A) {
                check_divisor($divides, self.is_empty(), other);
                self.make_mut().map_inplace(|element| element.$assign_method(other));
            }
        }
    )*};
}

operator! {
    Add, add, AddAssign, add_assign, false;
    Sub, sub, SubAssign, sub_assign, false;
    Mul, mul, MulAssign, mul_assign, false;
    Div, div, DivAssign, div_assign, true;
}

/// A number on the left, of each type that has operators.
macro_rules! number_first {
    ($($number:ty),*) => {$(
        number_first!(@ $number, Add add false, Sub sub false, Mul mul false, Div div true);
    )*};
    (@ $number:ty, $($operator:ident $method:ident $divides:literal),*) => {$(
        /// One number with each element. The result is a new buffer.
        ///
        /// # Panics
        /// Where the operator of the elements panics.
        impl<D: Dimension> $operator<&NdArray<$number, D>> for $number {
            type Output = NdArray<$number, D>;

            #[track_caller]
            fn $method(self, array: &NdArray<$number, D>) -> Self::Output {
                check_divisors($divides, array.is_empty(), &array.view());
                let result = array.view().mapv(|element| self.$method(element));
                NdArray::made(result, stringify!($method))
            }
        }

        /// One number with each element, in place if the array is the only handle of its
        /// buffer, and writeable: that allocates nothing. Else in a new buffer.
        ///
        /// # Panics
        /// Where the operator of the elements panics.
        impl<D: Dimension> $operator<NdArray<$number, D>> for $number {
            type Output = NdArray<$number, D>;

            #[track_caller]
            fn $method(self, mut array: NdArray<$number, D>) -> Self::Output {
                match array.view_mut() {
                    Some(mut own) => {
                        check_divisors($divides, own.is_empty(), &own.view());
                        own.map_inplace(|element| *element = self.$method(*element));
                    }
                    None => return self.$method(&array),
                }
                array
            }
        }
    )*};
}

number_first!(
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    f16,
    f32,
    f64,
    Complex<f32>,
    Complex<f64>
);

/// The elements negated. The result is a new buffer.
///
/// # Panics
/// Where the operator of the elements panics.
impl<A: Element + Neg<Output = A>, D: Dimension> Neg for &NdArray<A, D> {
    type Output = NdArray<A, D>;

    #[track_caller]
    fn neg(self) -> Self::Output {
        NdArray::made(self.view().mapv(Neg::neg), "neg")
    }
}

/// The elements negated, in place if this is the only handle of its buffer, and writeable:
/// that allocates nothing. Else in a new buffer.
///
/// # Panics
/// Where the operator of the elements panics.
impl<A: Element + Neg<Output = A>, D: Dimension> Neg for NdArray<A, D> {
    type Output = NdArray<A, D>;

    #[track_caller]
    fn neg(mut self) -> Self::Output {
        match self.view_mut() {
            Some(mut own) => own.map_inplace(|element| *element = -*element),
            None => return -&self,
        }
        self
    }
}

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The elements, to be written over with those of a result that has another operand of
    /// this shape; `None` if they are not this handle's alone, or not as many.
    fn own_elements(&mut self, other: &[usize]) -> Option<ArrayViewMut<'_, A, D>> {
        match can_hold(self.shape(), other) {
            true => self.view_mut(),
            false => None,
        }
    }

    /// This handle itself, which has as many axes as the result.
    fn into_result<E: Dimension>(self) -> NdArray<A, E> {
        self.into_dimensionality()
            .unwrap_or_else(|_| unreachable!("the result has this shape"))
    }
}

/// Whether an array of this shape can hold what comes of it and the other one: the other
/// broadcasts to it.
fn can_hold(shape: &[usize], other: &[usize]) -> bool {
    other.len() <= shape.len()
        && (shape.iter().rev().zip(other.iter().rev()))
            .all(|(own, other)| own == other || *other == 1)
}

/// Looks for what integers cannot be divided by before they are: ndarray would be the place
/// that the panic names.
#[track_caller]
fn check_divisors<A: Element, D: Dimension>(
    divides: bool,
    is_empty: bool,
    divisors: &ArrayView<'_, A, D>,
) {
    if divides && !is_empty && is_integer::<A>() {
        let has_zero = match divisors.as_slice_memory_order() {
            Some(elements) => elements.contains(&A::default()),
            None => divisors.iter().any(|element| *element == A::default()),
        };
        if has_zero {
            panic!("attempt to divide by zero");
        }
    }
}

/// As [`check_divisors`].
#[track_caller]
fn check_divisor<A: Element>(divides: bool, is_empty: bool, divisor: A) {
    if divides && !is_empty && is_integer::<A>() && divisor == A::default() {
        panic!("attempt to divide by zero");
    }
}

fn is_integer<A: Element>() -> bool {
    matches!(A::DTYPE.kind(), DTypeKind::Signed | DTypeKind::Unsigned)
}
