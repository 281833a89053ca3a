//! Sums, products and means of all elements, in a dtype of choice.

use std::any::Any;

use ndarray::{ArrayView, Axis, Dimension};
use num_complex::Complex;

use super::NdArray;
use super::axes::fastest_axis;
use crate::dtype::Value;
use crate::{DType, Element, Kind};

/// So many elements are added up one after the other; longer rows as pairs of halves, as
/// NumPy does it.
const BLOCK: usize = 1024;
/// So many sums are added up at a time.
const LANES: usize = 16;
/// Rows of fewer elements are not added up in as many.
const SHORT: usize = 64;

impl<A: Element, D: Dimension> NdArray<A, D> {
    /// The sum of all elements: integers in 64 bits, floats in their own dtype, added
    /// pairwise. `float16` is added up in `float32`. Allocates nothing.
    #[must_use]
    pub fn sum(&self) -> A::Sum {
        self.sum_as()
    }

    /// The sum of all elements, each converted to the dtype before. Of `bool` it is `or`.
    /// Allocates nothing.
    ///
    /// ```
    /// use heapline_array::NdArray;
    ///
    /// let bytes = NdArray::<u8, _>::full(1000, 255);
    /// assert_eq!(bytes.sum(), 255_000);
    /// assert_eq!(bytes.sum_as::<u8>(), 24);
    /// ```
    #[must_use]
    pub fn sum_as<T: Element>(&self) -> T {
        let zero = T::NEUTRAL[0];
        let load = accumulated::<A, T>;
        match self.view().as_slice_memory_order() {
            // In any order the sum of integers is the same: no need for pairs.
            Some(elements) if is_exact(T::DTYPE) => T::from_accumulator(if A::DTYPE == T::DTYPE {
                in_lanes::<_, _, LANES>(elements, zero, load, |a, b| a + b)
            } else {
                // Where each is made wider first, the compiler does better by itself.
                let elements = elements.iter();
                elements.fold(zero, |sum, element| sum + load(element))
            }),
            _ => self.reduce::<T>(zero, |a, b| a + b),
        }
    }

    /// The product of all elements, in the dtypes of [`sum`](Self::sum). Allocates nothing.
    #[must_use]
    pub fn prod(&self) -> A::Sum {
        self.prod_as()
    }

    /// The product of all elements, each converted to the dtype before. Of `bool` it is
    /// `and`. Allocates nothing.
    #[must_use]
    pub fn prod_as<T: Element>(&self) -> T {
        self.reduce::<T>(T::NEUTRAL[1], |a, b| a * b)
    }

    /// The mean of all elements: of integers in `float64`, of floats in their own dtype, with
    /// `float16` added up in `float32`. NaN without elements. Allocates nothing.
    #[must_use]
    pub fn mean(&self) -> A::Mean {
        match A::DTYPE {
            DType::Float16 => self.mean_of::<f32, _>(),
            _ => self.mean_of::<A::Mean, _>(),
        }
    }

    /// The mean of all elements: their [sum in this dtype](Self::sum_as) divided by their
    /// number, and converted to it again. Allocates nothing.
    #[must_use]
    pub fn mean_as<T: Element>(&self) -> T {
        self.mean_of::<T, T>()
    }

    fn mean_of<T: Element, M: Element>(&self) -> M {
        let Complex { re, im } = self.sum_as::<T>().to_value().complex();
        let count = self.len() as f64;
        M::from_value(match T::DTYPE.kind() {
            Kind::Complex => Value::Complex(Complex::new(re / count, im / count)),
            _ => Value::Float(re / count),
        })
    }

    fn reduce<T: Element>(
        &self,
        neutral: T::Accumulator,
        combine: impl Fn(T::Accumulator, T::Accumulator) -> T::Accumulator + Copy,
    ) -> T {
        let load = accumulated::<A, T>;
        T::from_accumulator(match self.view().as_slice_memory_order() {
            Some(elements) => pairwise(elements, neutral, load, combine),
            None => by_rows(self.view(), neutral, load, combine),
        })
    }
}

/// The element as what such are added up in.
#[inline]
fn accumulated<A: Element, T: Element>(element: &A) -> T::Accumulator {
    cast::<A, T>(*element).to_accumulator()
}

/// Whether sums of such elements do not depend on their order.
fn is_exact(dtype: DType) -> bool {
    matches!(dtype.kind(), Kind::Bool | Kind::Unsigned | Kind::Signed)
}

/// The element in another dtype, where it is another.
#[inline]
fn cast<A: Element, T: Element>(element: A) -> T {
    match (&element as &dyn Any).downcast_ref::<T>() {
        Some(element) => *element,
        None => T::from_value(element.to_value()),
    }
}

fn pairwise<A, T: Copy>(
    elements: &[A],
    neutral: T,
    load: impl Fn(&A) -> T + Copy,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    if elements.len() > BLOCK {
        // A half of whole lanes.
        let half = elements.len() / 2 / LANES * LANES;
        let (first, second) = elements.split_at(half);
        return combine(
            pairwise(first, neutral, load, combine),
            pairwise(second, neutral, load, combine),
        );
    }
    in_lanes::<_, _, LANES>(elements, neutral, load, combine)
}

/// One after the other, in so many sums at a time.
#[inline]
fn in_lanes<A, T: Copy, const LANES: usize>(
    elements: &[A],
    neutral: T,
    load: impl Fn(&A) -> T,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    let (chunks, rest) = elements.as_chunks::<LANES>();
    let mut sums = [neutral; LANES];
    for chunk in chunks {
        for (sum, element) in sums.iter_mut().zip(chunk) {
            *sum = combine(*sum, load(element));
        }
    }
    // There are not more; that there is an end makes it no loop.
    let rest = rest.iter().take(LANES - 1);
    rest.fold(halved(sums, combine), |sum, element| {
        combine(sum, load(element))
    })
}

/// The sums as one, in pairs of halves.
#[inline]
fn halved<T: Copy, const LANES: usize>(mut sums: [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    let mut lanes = LANES;
    while lanes > 1 {
        lanes /= 2;
        for lane in 0..lanes {
            sums[lane] = combine(sums[lane], sums[lane + lanes]);
        }
    }
    sums[0]
}

/// Rows along the axis that moves least; their sums, or those of their blocks, in lanes, and
/// blocks of these in pairs.
fn by_rows<A, D: Dimension, T: Copy>(
    view: ArrayView<'_, A, D>,
    neutral: T,
    load: impl Fn(&A) -> T + Copy,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    let mut pairs = Pairs {
        sums: [neutral; 64],
        blocks: 0,
    };
    let (mut sums, mut count) = ([neutral; LANES], 0);
    let mut add = |number: T| {
        let sum = &mut sums[count % LANES];
        *sum = combine(*sum, number);
        count += 1;
        if count == BLOCK {
            pairs.push(halved(sums, combine), combine);
            (sums, count) = ([neutral; LANES], 0);
        }
    };
    let fold = |sum: T, element: &A| combine(sum, load(element));
    let view = forwards(view);
    match fastest_axis(&view) {
        Some(row) if row.stride == 1 => {
            for row in view.lanes(row.axis) {
                // Its elements follow each other.
                let elements = row.as_slice().unwrap_or_default();
                add(match elements.len() {
                    // That there is an end makes it no loop.
                    ..8 => elements.iter().take(7).fold(neutral, fold),
                    8..SHORT => in_lanes::<_, _, 8>(elements, neutral, load, combine),
                    _ => pairwise(elements, neutral, load, combine),
                });
            }
        }
        Some(row) if row.len >= SHORT => {
            for row in view.lanes(row.axis) {
                for block in row.axis_chunks_iter(Axis(0), BLOCK) {
                    add(block.iter().fold(neutral, fold));
                }
            }
        }
        _ => view.iter().for_each(|element| add(load(element))),
    }
    pairs.finish(halved(sums, combine), combine)
}

/// The elements in an order in which addresses rise along every axis.
fn forwards<A, D: Dimension>(mut view: ArrayView<'_, A, D>) -> ArrayView<'_, A, D> {
    for axis in 0..view.ndim() {
        if view.strides()[axis] < 0 {
            view.invert_axis(Axis(axis));
        }
    }
    view
}

/// The sum of 2^n blocks at each place whose bit in `blocks` is set.
struct Pairs<T> {
    sums: [T; 64],
    blocks: u64,
}

impl<T: Copy> Pairs<T> {
    fn push(&mut self, mut sum: T, combine: impl Fn(T, T) -> T) {
        let full = self.blocks.trailing_ones() as usize;
        for earlier in &self.sums[..full] {
            sum = combine(*earlier, sum);
        }
        self.sums[full] = sum;
        self.blocks += 1;
    }

    fn finish(&self, last: T, combine: impl Fn(T, T) -> T) -> T {
        let places = (0..64).filter(|place| self.blocks >> place & 1 == 1);
        places.fold(last, |sum, place| combine(self.sums[place], sum))
    }
}
