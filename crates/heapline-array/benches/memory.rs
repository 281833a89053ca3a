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
    fn sum(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m).sum());
    }

    #[divan::bench]
    fn sum_of_ndarray(bencher: Bencher) {
        let m = matrix().into_array().expect("the only handle");
        bencher.bench_local(|| black_box(&m).sum());
    }

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

    #[divan::bench]
    fn add(bencher: Bencher) {
        let m = matrix();
        bencher.bench_local(|| black_box(&m) + black_box(&m));
    }

    #[divan::bench]
    fn add_of_ndarray(bencher: Bencher) {
        let m: Array2<f64> = matrix().into_array().expect("the only handle");
        bencher.bench_local(|| black_box(&m) + black_box(&m));
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
