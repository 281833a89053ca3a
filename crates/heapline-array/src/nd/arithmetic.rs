//! `+ - * /`: ndarray's, on views. They allocate what ndarray's do: the result.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Sub, SubAssign};

use ndarray::{DimMax, Dimension};

use super::NdArray;
use crate::Element;

macro_rules! operator {
    ($($operator:ident, $method:ident, $assign:ident, $assign_method:ident;)*) => {$(
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
                let result = (&self.view()).$method(&other.view());
                let is_larger = result.shape() != self.shape() || result.shape() != other.shape();
                let operation = match is_larger {
                    true => concat!("broadcast ", stringify!($method)),
                    false => stringify!($method),
                };
                NdArray::made(result, operation)
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
                // As ndarray's own operators do, which are not there for `f16`.
                let result = self.view().mapv(|element| element.$method(other));
                NdArray::made(result, stringify!($method))
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
                self.make_mut().map_inplace(|element| element.$assign_method(other));
            }
        }
    )*};
}

operator! {
    Add, add, AddAssign, add_assign;
    Sub, sub, SubAssign, sub_assign;
    Mul, mul, MulAssign, mul_assign;
    Div, div, DivAssign, div_assign;
}
