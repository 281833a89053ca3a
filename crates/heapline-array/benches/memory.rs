//! What views, questions about memory, sums and sums of arrays cost, beside ndarray's own.
//!
//! `cargo bench -p heapline-array`

use divan::{Bencher, black_box};
use heapline_array::{ArrayMemory, Astype, CopyMode, Element, Index, NdArray, Order, slice};
use ndarray::{Array, Array2, IxDyn, s};

fn main() {
    divan::main();
}

fn matrix() -> NdArray<f64, ndarray::Ix2> {
    NdArray::from_array(Array::from_shape_fn((1000, 1000), |(i, j)| (i * j) as f64))
}

/// One view made and dropped.
mod view {
    use super::*;

    #[divan::bench]
    fn slice_of(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).slice(s![..;2, 1..]));
    }

    #[divan::bench]
    fn clone(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).clone());
    }

    #[divan::bench]
    fn t(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).t());
    }

    #[divan::bench]
    fn index(bencher: Bencher) {
        let m = matrix();
        let index = [slice(None, None, -1), Index::At(3)];
        bencher.bench_local(|| black_box(&m).index(&index));
    }

    #[divan::bench]
    fn reshape(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| {
            let shape = IxDyn(&[500, 2000]);
            black_box(&m).reshape(shape, Order::C, CopyMode::Never)
        });
    }

    #[divan::bench]
    fn broadcast_to(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).broadcast_to((5, 1000, 1000)));
    }

    #[divan::bench]
    fn reshape_to_two_axes(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).reshape((500, 2000), Order::C, CopyMode::Never));
    }

    #[divan::bench]
    fn sliding_window(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).sliding_window(&[3, 3], [0, 1]));
    }

    #[divan::bench]
    fn split(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).split(2, 0));
    }

    #[divan::bench]
    fn diagonal(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).diagonal(1, 0, 1));
    }

    #[divan::bench]
    fn expand_dims(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).expand_dims(1));
    }

    #[divan::bench]
    fn squeeze(bencher: Bencher) {
        let m = matrix().slice(s![..1, ..]);
        bencher.bench_local(|| black_box(&m).squeeze());
    }

    #[divan::bench]
    fn view_dtype(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).view_dtype::<u64>());
    }

    #[divan::bench]
    fn ndarray_view(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).view().len());
    }
}

/// Questions about two windows of odd strides.
mod question {
    use super::*;

    #[divan::bench]
    fn shares_memory(bencher: Bencher) {
        let m = matrix();
        let (a, b) = (m.slice(s![..;3, ..;7]), m.slice(s![1..;3, 5..;14]));
        bencher.bench_local(|| black_box(&a).shares_memory(black_box(&b)));
    }

    #[divan::bench]
    fn unique_nbytes(bencher: Bencher) {
        let m = matrix();
        let windows = m.sliding_window(&[3, 3], [0, 1]).expect("they fit");
        bencher.bench_local(|| black_box(&windows).unique_nbytes());
    }
}

/// A million elements.
mod million {
    use super::*;

    #[divan::bench]
    fn sum_strided(bencher: Bencher) {
        let m = matrix().slice(s![.., ..;2]);
        bencher.bench_local(|| black_box(&m).sum());
    }

    #[divan::bench]
    fn sum_strided_of_ndarray(bencher: Bencher) {
        let m = matrix().into_array().expect("the only handle");
        let m = m.slice(s![.., ..;2]);
        bencher.bench_local(|| black_box(&m).sum());
    }

    /// An expression of one array, and the same of ndarray's.
    macro_rules! pairs {
        ($($ours:ident, $theirs:ident: $type:ty, $m:ident => $expression:expr, $same:expr;)*) => {$(
            #[divan::bench]
            fn $ours(bencher: Bencher) {
                let mut $m = numbers::<$type>();
                bencher.bench_local(|| {
                    let $m = black_box(&mut $m);
                    $expression
                });
            }

            #[divan::bench]
            fn $theirs(bencher: Bencher) {
                let mut $m: Array2<$type> = numbers().into_array().expect("the only handle");
                bencher.bench_local(|| {
                    let $m = black_box(&mut $m);
                    $same
                });
            }
        )*};
    }

    /// Small integers, from 1 on.
    fn numbers<A: Element>() -> NdArray<A, ndarray::Ix2> {
        let small = NdArray::from_array(matrix().view().mapv(|number| number % 3.0 + 1.0));
        small.astype(Astype::default()).expect("any cast").0
    }

    pairs! {
        sum, sum_of_ndarray: f64, m => m.sum(), m.sum();
        sum_of_integers, sum_of_integers_of_ndarray: i64, m => m.sum(), m.sum();
        prod, prod_of_ndarray: f64, m => m.prod(), m.product();
        mean, mean_of_ndarray: f64, m => m.mean(), m.mean();
        add, add_of_ndarray: f64, m => &*m + black_box(&*m), &*m + black_box(&*m);
        sub, sub_of_ndarray: f64, m => &*m - black_box(&*m), &*m - black_box(&*m);
        mul, mul_of_ndarray: f64, m => &*m * black_box(&*m), &*m * black_box(&*m);
        div, div_of_ndarray: f64, m => &*m / black_box(&*m), &*m / black_box(&*m);
        add_number, add_number_of_ndarray: f64, m => &*m + 2.0, &*m + 2.0;
        mul_number, mul_number_of_ndarray: f64, m => &*m * 2.0, &*m * 2.0;
        add_number_in_place, add_number_in_place_of_ndarray: f64, m => *m += 2.0, *m += 2.0;
        mul_number_in_place, mul_number_in_place_of_ndarray: f64, m => *m *= 1.0, *m *= 1.0;
    }

    #[divan::bench]
    fn add_in_place(bencher: Bencher) {
        let (mut m, other) = (matrix(), matrix());
        bencher.bench_local(|| *black_box(&mut m) += black_box(&other));
    }

    #[divan::bench]
    fn add_in_place_of_ndarray(bencher: Bencher) {
        let own = || matrix().into_array().expect("the only handle");
        let (mut m, other) = (own(), own());
        bencher.bench_local(|| *black_box(&mut m) += black_box(&other));
    }

    #[divan::bench]
    fn copy_transposed(bencher: Bencher) {
        let m = matrix().t();
        bencher.bench_local(|| black_box(&m).copy(Order::C));
    }

    #[divan::bench]
    fn copy_transposed_of_ndarray(bencher: Bencher) {
        let m = matrix().into_array().expect("the only handle");
        bencher.bench_local(|| black_box(&m).t().as_standard_layout().into_owned());
    }
}

/// A million elements converted, and what was lost counted; ndarray counts nothing.
mod convert {
    use super::*;

    /// The same numbers as another dtype; sevenths, so that floats are to be rounded.
    fn sevenths<A: Element>() -> NdArray<A, ndarray::Ix2> {
        let sevenths = NdArray::from_array(matrix().view().mapv(|number| number / 7.0));
        sevenths.astype(Astype::default()).expect("any cast").0
    }

    macro_rules! casts {
        ($($astype:ident, $mapv:ident: $from:ty => $to:ty;)*) => {$(
            #[divan::bench]
            fn $astype(bencher: Bencher) {
                let a = sevenths::<$from>();
                bencher.bench_local(|| black_box(&a).astype::<$to>(Astype::default()));
            }

            #[divan::bench]
            fn $mapv(bencher: Bencher) {
                let a = sevenths::<$from>();
                bencher.bench_local(|| black_box(&a).view().mapv(|element| element as $to));
            }
        )*};
    }

    casts! {
        f64_to_f32, f64_to_f32_mapv: f64 => f32;
        f64_to_i32, f64_to_i32_mapv: f64 => i32;
        f32_to_f64, f32_to_f64_mapv: f32 => f64;
        i64_to_i32, i64_to_i32_mapv: i64 => i32;
        i64_to_f64, i64_to_f64_mapv: i64 => f64;
        u8_to_f32, u8_to_f32_mapv: u8 => f32;
    }
}
