//! Every operation of the API on arrays in C order, in Fortran's and with gaps: what it
//! keeps and what it needs at most, by the allocator's count, is what its documentation
//! says.

use heapline_array::{
    AnyArray, ArrayMemory, Astype, AxisList, Complex, CopyMode, DType, Element, HEADER_NBYTES,
    HasBase, INFER, Index, NdArray, Order, Ownership, broadcast_shapes, concatenate, deep_nbytes,
    hstack, slice, stack, vstack,
};
use ndarray::{Array, Axis, Ix2, IxDyn, ShapeBuilder, array, s};

use crate::counting::{Usage, dims_nbytes, measure};

type Matrix = NdArray<f64, Ix2>;

/// 20 rows of 30, 4,800 bytes each: in C order, in Fortran's, and every second element of a
/// larger array.
fn matrices() -> [(&'static str, Matrix); 3] {
    matrices_of(|number| number as f64)
}

fn matrices_of<A: Element>(number: impl Fn(usize) -> A) -> [(&'static str, NdArray<A, Ix2>); 3] {
    let numbers = |shape| Array::from_shape_fn(shape, |(i, j)| number(i * 100 + j));
    let mut fortran = Array::from_elem((20, 30).f(), A::default());
    fortran.assign(&numbers((20, 30)));
    let wide = NdArray::from_array(numbers((40, 60)));
    [
        ("C", NdArray::from_array(numbers((20, 30)))),
        ("F", NdArray::from_array(fortran)),
        ("strided", wide.slice(s![..;2, ..;2])),
    ]
}

/// Elements of a new buffer, or none.
#[derive(Clone, Copy, Debug)]
enum Cost {
    View,
    /// A buffer of so many bytes.
    New(usize),
    /// Besides, something of so many bytes meanwhile.
    NewAndMore(usize, usize),
    /// Besides, something of so many bytes until the record is there.
    NewBeside(usize, usize),
}

impl Cost {
    fn usage(self) -> Usage {
        let header = HEADER_NBYTES as isize;
        match self {
            Cost::View => Usage { kept: 0, peak: 0 },
            Cost::New(nbytes) => Usage {
                kept: nbytes as isize + header,
                peak: nbytes as isize + header,
            },
            Cost::NewAndMore(nbytes, more) => Usage {
                kept: nbytes as isize + header,
                // What is needed meanwhile goes before the record comes.
                peak: nbytes as isize + header.max(more as isize),
            },
            Cost::NewBeside(nbytes, more) => Usage {
                kept: nbytes as isize + header,
                peak: nbytes as isize + header + more as isize,
            },
        }
    }
}

use Cost::{New, NewAndMore, NewBeside, View};

/// The costs in C order, in Fortran's, and with gaps.
fn check<T>(operation: &str, run: impl Fn(&Matrix) -> T, costs: [Cost; 3]) {
    for ((layout, matrix), cost) in matrices().iter().zip(costs) {
        let (result, usage) = measure(|| run(matrix));
        assert_eq!(usage, cost.usage(), "{operation} of {layout}: {cost:?}");
        let ((), usage) = measure(|| drop(result));
        assert_eq!(
            usage.kept,
            -cost.usage().kept,
            "{operation} of {layout}, dropped"
        );
    }
}

#[test]
fn views_allocate_nothing() {
    let free = [View; 3];
    check("clone", Matrix::clone, free);
    check("view", |m| m.view().sum().to_bits(), free);
    check("to_dyn", Matrix::to_dyn, free);
    check("slice", |m| m.slice(s![1..;2, ..;-1]), free);
    check(
        "index",
        |m| m.index(&[slice(None, None, -1), Index::NewAxis, Index::At(2)]),
        free,
    );
    check("index_axis", |m| m.index_axis(Axis(1), 3), free);
    check("t", Matrix::t, free);
    check("permuted_axes", |m| m.permuted_axes([1, 0]), free);
    check("swapaxes", |m| m.swapaxes(0, -1), free);
    check("moveaxis", |m| m.moveaxis(0, -1), free);
    check("flip", |m| m.flip([0, 1]), free);
    check("expand_dims", |m| m.expand_dims([0, -1]), free);
    check("squeeze", |m| m.slice(s![..1, ..]).squeeze(), free);
    check(
        "squeeze_axes",
        |m| m.slice(s![..1, ..]).squeeze_axes(0),
        free,
    );
    check("broadcast_to", |m| m.broadcast_to((9, 20, 30)), free);
    check(
        "sliding_window",
        |m| m.sliding_window(&[2, 3], [0, 1]),
        free,
    );
    check("diagonal", |m| m.diagonal(1, 0, 1), free);
    check(
        "reshape by splitting",
        |m| m.reshape((20, 5, 6), Order::C, CopyMode::Never),
        free,
    );
    check(
        "ravel",
        |m| m.slice(s![3, 4..5]).ravel(Order::K).len(),
        [View, View, View].map(|c| c),
    );
    check(
        "chunks",
        |m| m.chunks(1000).map(|chunk| chunk.len()).sum::<usize>(),
        free,
    );
    check("into_dyn", |m| m.clone().into_dyn(), free);
    check(
        "astype, the same",
        |m| {
            let how = Astype {
                copy: false,
                ..Astype::default()
            };
            m.astype::<f64>(how)
        },
        free,
    );
    check("view_dtype of one size", |m| m.view_dtype::<u64>(), free);
    check("base", |m| (m.base(), m.base_nbytes(), m.holders()), free);
    check(
        "memory",
        |m| {
            let layout = m.memory_layout();
            (
                (m.dtype(), m.itemsize(), m.nbytes(), m.flags()),
                (layout.address(), layout.shape().len()),
                (m.byte_strides().sum::<isize>(), m.byte_bounds()),
                m.may_share_memory(m),
                m.view().ownership(),
            )
        },
        free,
    );
    check("track", |m| m.track("name").len(), free);
    check("axes of a list", |m| [0, 1].axes().len() == m.ndim(), free);
    check(
        "any dtype and back",
        |m| {
            let any = AnyArray::from(m.to_dyn());
            let base = HasBase::base(&any).nbytes;
            let shape = (any.shape().len() == any.ndim(), any.len(), any.is_empty());
            let again = any.clone();
            (base, shape, again, NdArray::<f64>::try_from(any))
        },
        free,
    );
    check(
        "another dtype than it is of",
        |m| {
            let wrong = NdArray::<f32>::try_from(AnyArray::from(m.clone()));
            wrong.expect_err("of float64").into_inner().dtype()
        },
        free,
    );
    check(
        "a == b",
        |m| *m == m.t().t() && *m != m.flip(0).expect("an axis"),
        free,
    );
    check(
        "reductions",
        |m| {
            (
                (m.sum(), m.prod(), m.mean()),
                (m.sum_as::<f32>(), m.prod_as::<i64>(), m.mean_as::<f32>()),
            )
        },
        free,
    );
    check("read_only", |m| m.clone().read_only(), free);
    check("real of real numbers", Matrix::real, free);
    check(
        "chunks without axes",
        |m| {
            m.index(&[Index::At(0), Index::At(1)])
                .map(|one| one.chunks(8).len())
        },
        free,
    );
    check(
        "into_dimensionality",
        |m| m.to_dyn().into_dimensionality::<Ix2>(),
        free,
    );
    check(
        "the handle itself",
        |m| {
            (
                (m.id(), m.shape().len(), m.ndim(), m.len(), m.is_empty()),
                (m.is_view(), m.owns_data(), m.is_writeable()),
            )
        },
        free,
    );
}

#[test]
fn views_of_other_dtypes_allocate_nothing() {
    let nothing = Usage { kept: 0, peak: 0 };
    for (layout, complex) in matrices_of(|number| Complex::new(number as f64, -1.0)) {
        for (part, run) in [
            (
                "real",
                (|c| c.real()) as fn(&NdArray<Complex<f64>, Ix2>) -> Matrix,
            ),
            ("imag", |c| c.imag()),
        ] {
            let (view, usage) = measure(|| run(&complex));
            assert_eq!(usage, nothing, "{part} of {layout}");
            assert_eq!((view.nbytes(), view.holders()), (4800, 2));
        }
        let (wider, usage) = measure(|| complex.view_dtype::<f64>());
        assert_eq!(usage, nothing, "{layout}");
        assert_eq!(wider.is_ok(), layout == "C", "the last axis has no gaps");
    }
    for (layout, matrix) in matrices() {
        let (bytes, usage) = measure(|| matrix.view_dtype::<u8>());
        assert_eq!(usage, nothing, "{layout}");
        assert_eq!(bytes.is_ok(), layout == "C", "the last axis has no gaps");
    }
}

#[test]
fn writing_through_the_only_handle_allocates_nothing() {
    for (layout, matrix) in matrices() {
        let mut view = matrix.t();
        drop(matrix);
        let ((), usage) = measure(|| view.view_mut().expect("the only handle").fill(1.0));
        assert_eq!((usage.kept, usage.peak), (0, 0), "{layout}");
        // The vector keeps its gaps.
        let (array, usage) = measure(|| view.into_array().expect("the only handle"));
        let header = HEADER_NBYTES as isize;
        assert_eq!((usage.kept, usage.peak), (-header, 0), "{layout}");
        assert_eq!(array.nbytes(), 4800);
    }
}

#[test]
fn lists_of_views_allocate_the_list() {
    let parts = 5 * size_of::<Matrix>() as isize;
    for (layout, matrix) in matrices() {
        let (result, usage) = measure(|| matrix.split(5, 1));
        let expected = Usage {
            kept: parts,
            peak: parts,
        };
        assert_eq!(usage, expected, "{layout}");
        assert_eq!(result.expect("five parts").len(), 5);
    }
}

#[test]
fn copies_allocate_their_elements() {
    let all = [New(4800); 3];
    check("copy C", |m| m.copy(Order::C), all);
    check("copy F", |m| m.copy(Order::F), all);
    check("copy K", |m| m.try_copy(Order::K), all);
    check("flatten", |m| m.flatten(Order::C), all);
    check("flatten K", |m| m.flatten(Order::K), all);
    check(
        "ascontiguousarray",
        Matrix::ascontiguousarray,
        [View, New(4800), New(4800)],
    );
    check(
        "asfortranarray",
        Matrix::asfortranarray,
        [New(4800), View, New(4800)],
    );
    check(
        "ravel C",
        |m| m.ravel(Order::C),
        [View, New(4800), New(4800)],
    );
    check(
        "ravel F",
        |m| m.ravel(Order::F),
        [New(4800), View, New(4800)],
    );
    check("ravel K", |m| m.ravel(Order::K), [View, View, New(4800)]);
    let flat = |order| move |m: &Matrix| m.reshape(INFER, order, CopyMode::IfNeeded);
    check("reshape C", flat(Order::C), [View, New(4800), New(4800)]);
    check("reshape F", flat(Order::F), [New(4800), View, New(4800)]);
    check("reshape A", flat(Order::A), [View, View, New(4800)]);
    check(
        "reshape, always",
        |m| m.reshape((30, 20), Order::C, CopyMode::Always),
        all,
    );
    check(
        "astype",
        |m| m.astype::<f32>(Astype::default()),
        [New(2400); 3],
    );
    check(
        "astype, the same",
        |m| m.astype::<f64>(Astype::default()),
        all,
    );
    check("take", |m| m.take(&[0, -1, 5], 0), [New(720); 3]);
    check(
        "take, of columns",
        |m| m.take(&[0, -1, 5], 1),
        [New(480); 3],
    );
    check(
        "compress",
        |m| m.compress(&[true, false, true], 0),
        [New(480); 3],
    );
    check("repeat", |m| m.repeat(&[2], -1), [New(9600); 3]);
    check("tile", |m| m.tile(&[2, 3]), [New(28_800); 3]);
    check("tile of columns", |m| m.tile(&[3]), [New(14_400); 3]);
    check(
        "tile, more axes",
        |m| m.tile(&[2, 1, 3, 1]),
        [New(28_800); 3],
    );
    check("tile, once", |m| m.tile(&[1, 1]), all);
    check(
        "tile of nothing",
        |m| m.slice(s![..0, ..]).tile(&[2, 3]),
        [View; 3],
    );
    check("tile no times", |m| m.tile(&[2, 0]), [New(0); 3]);
    check(
        "astype of any dtype",
        |m| AnyArray::from(m.to_dyn()).astype(DType::Int16, Astype::default()),
        [New(1200); 3],
    );
    check("imag of real numbers", Matrix::imag, all);
    check("resized", |m| m.resized((7, 8)), [New(448); 3]);
    check(
        "a broadcast copied",
        |m| m.broadcast_to((3, 20, 30)).map(|wide| wide.copy(Order::C)),
        [New(14_400); 3],
    );
    let mask = Array::from_shape_fn((20, 30), |(i, j)| (i + j) % 4 == 0);
    check("mask", |m| m.mask(mask.view()), [New(1200); 3]);
    // Their numbers stand beside the views.
    let part_nbytes = size_of::<ndarray::ArrayView2<'_, f64>>() + 8;
    let list = |count| NewBeside(4800 * count, part_nbytes * count);
    check("concatenate", |m| concatenate(&[m, m], 1), [list(2); 3]);
    check(
        "sort",
        |m| m.sort(0),
        [NewAndMore(4800, 160), New(4800), NewAndMore(4800, 160)],
    );
    check(
        "sort of rows",
        |m| m.sort(1),
        [New(4800), NewAndMore(4800, 240), New(4800)],
    );
    check(
        "make_mut",
        |m| {
            let mut shared = m.clone();
            shared.make_mut()[[0, 0]] = 1.0;
            shared
        },
        all,
    );
    check(
        "a += b, shared",
        |m| {
            let mut shared = m.clone();
            shared += m;
            shared
        },
        all,
    );
}

#[test]
fn operators_cost_what_those_of_ndarray_cost() {
    let all = [New(4800); 3];
    check("a + b", |m| m + m, all);
    check("a - b", |m| m - m, all);
    check("a * b", |m| m * m, all);
    check("a / b", |m| m / m, all);
    check("a + 2", |m| m + 2.0, all);
    check("a - 2", |m| m - 2.0, all);
    check("a * 2", |m| m * 2.0, all);
    check("a / 2", |m| m / 2.0, all);
    let row = NdArray::from_array(array![[1.0; 30]]);
    check("a + row", |m| m + &row, all);
    let column = NdArray::from_array(Array::ones((20, 1)));
    check("column + row", |_| &column + &row, all);
    for (layout, matrix) in matrices() {
        let mut own = matrix.copy(Order::K);
        let ((), usage) = measure(|| {
            own += &matrix;
            own -= &row;
            own *= &matrix;
            own /= &row;
            own += 1.0;
            own -= 2.0;
            own *= 3.0;
            own /= 4.0;
        });
        assert_eq!((usage.kept, usage.peak), (0, 0), "{layout}");
        // Two results live at a time: the product is only lent.
        let (result, usage) = measure(|| &matrix + &(&matrix * &matrix));
        let one = 4800 + HEADER_NBYTES as isize;
        assert_eq!((usage.kept, usage.peak), (one, 2 * one), "{layout}");
        drop(result);
    }
}

#[test]
fn operands_that_are_given_away_hold_the_result() {
    let one = [New(4800); 3];
    check("a * b + c", |m| m * m + m, one);
    check("a + b * c", |m| m + m * m, one);
    check(
        "(a - b) * (c / d)",
        |m| (m - m) * 2.0 * -(m / 3.0),
        [NewBeside(4800, 4800 + HEADER_NBYTES); 3],
    );
    check("2 a + 1", |m| 1.0 + 2.0 * m, one);
    check("-(2 a - 1) / 3", |m| -(2.0 * m - 1.0) / 3.0, one);
    check("1 / (1 - a)", |m| 1.0 / (1.0 - m), one);
    check("-a", |m| -m, one);
    let row = NdArray::from_array(array![[1.0; 30]]);
    check("a * b + row", |m| m * m + &row, one);
    check("row + a * b", |m| &row + m * m, one);
    check(
        "row * 2 + a",
        |m| (&row * 2.0) + m,
        [NewBeside(4800, 240 + HEADER_NBYTES); 3],
    );
    check("an only handle but for another", |m| m.clone() + m, one);
    check(
        "a read-only one",
        |m| (m * m).read_only() + m,
        [NewBeside(4800, 4800 + HEADER_NBYTES); 3],
    );
    for (layout, matrix) in matrices() {
        let own = matrix.copy(Order::K).named("own");
        let id = own.id();
        let (result, usage) = measure(|| own + &matrix);
        assert_eq!((usage.kept, usage.peak), (0, 0), "{layout}");
        assert_eq!((result.id(), result.owns_data()), (id, true), "{layout}");
        let expected = &matrix.view() * 2.0;
        assert_eq!(result.view(), expected, "{layout}");
    }
}

#[test]
fn joined_arrays_cost_their_result_and_the_list_of_their_views() {
    for (layout, matrix) in matrices() {
        let pair = [&matrix, &matrix];
        type Join = fn(&[&Matrix; 2]) -> NdArray<f64>;
        let joins: [(&str, Join); 3] = [
            ("stack", |pair| stack(pair, -1).expect("one shape")),
            ("vstack", |pair| vstack(pair).expect("one shape")),
            ("hstack", |pair| hstack(pair).expect("one shape")),
        ];
        for (name, join) in joins {
            let (result, usage) = measure(|| join(&pair));
            let kept = 9600 + HEADER_NBYTES as isize;
            let list = 2 * (size_of::<ndarray::ArrayViewD<'_, f64>>() + 8) as isize;
            assert_eq!(usage.kept, kept, "{name} of {layout}");
            assert_eq!(usage.peak, kept + list, "{name} of {layout}");
            assert_eq!(result.nbytes(), 9600);
        }
    }
}

#[test]
fn new_arrays_cost_their_elements() {
    let made = |run: &dyn Fn() -> Matrix| {
        let (matrix, usage) = measure(run);
        assert_eq!(usage, New(4800).usage());
        assert_eq!((matrix.base_nbytes(), matrix.nbytes()), (4800, 4800));
    };
    made(&|| NdArray::zeros((20, 30)));
    made(&|| NdArray::ones((20, 30).f()));
    made(&|| NdArray::full((20, 30), 3.0));
    made(&|| NdArray::try_zeros((20, 30)).expect("memory"));
    made(&|| NdArray::try_ones((20, 30)).expect("memory"));
    made(&|| NdArray::try_full((20, 30).f(), 3.0).expect("memory"));
    let (row, usage) = measure(|| NdArray::<f64, _>::try_arange(5, -5, -2).expect("memory"));
    assert_eq!((usage, row.nbytes()), (New(40).usage(), 40));
    let (row, usage) = measure(|| NdArray::<u8, _>::arange(0, 100, 1));
    assert_eq!(usage, New(100).usage());
    assert_eq!(row.sum(), 4950);
    let elements = Array::ones((20, 30));
    let (matrix, usage) = measure(|| Matrix::from_array(elements));
    assert_eq!((usage, matrix.base_nbytes()), (New(0).usage(), 4800));
    let elements = Array::ones((20, 30));
    let (same, usage) = measure(|| Matrix::from(elements));
    assert_eq!((usage, same == matrix), (New(0).usage(), true));
    let (row, usage) = measure(|| NdArray::from(Vec::<u8>::new()));
    assert_eq!((usage, row.len()), (New(0).usage(), 0));
    let mut vector = Vec::with_capacity(100);
    vector.extend([1_i32, 2, 3]);
    let (adopted, usage) = measure(|| NdArray::from_vec(vector));
    assert_eq!(usage, New(0).usage());
    assert_eq!((adopted.nbytes(), adopted.base_nbytes()), (12, 400));
    assert_eq!(adopted.base().nbytes, 12);
    let (array, usage) = measure(|| adopted.into_array().expect("the only handle"));
    assert_eq!((usage.kept, usage.peak), (-(HEADER_NBYTES as isize), 0));
    assert_eq!(array, array![1, 2, 3]);
}

#[test]
fn resizing_reallocates_the_block() {
    let mut a = NdArray::<f32, _>::zeros(100);
    let ((), usage) = measure(|| a.resize(150).expect("the only handle"));
    assert_eq!(
        usage,
        Usage {
            kept: 200,
            peak: 200
        }
    );
    let ((), usage) = measure(|| a.resize(10).expect("the only handle"));
    assert_eq!(
        usage,
        Usage {
            kept: -560,
            peak: 0
        }
    );
    assert_eq!(a.base_nbytes(), 40);
    let mut m = NdArray::<f64, _>::zeros((20, 30));
    let ((), usage) = measure(|| m.resize((25, 40)).expect("the only handle"));
    let grown = Usage {
        kept: 3200,
        peak: 3200,
    };
    assert_eq!(usage, grown);
    let ((), usage) = measure(|| m.resize((4, 5)).expect("the only handle"));
    assert_eq!((usage.kept, usage.peak), (-7840, 0));
}

#[test]
fn shapes_and_sums_over_buffers_allocate_their_lists() {
    let (shape, usage) = measure(|| broadcast_shapes(&[3, 1, 4], &[5, 1]));
    assert_eq!(shape, Ok(vec![3, 5, 4]));
    let three = 3 * size_of::<usize>() as isize;
    assert_eq!((usage.kept, usage.peak), (three, three));
    for (layout, matrix) in matrices() {
        let (deep, usage) = measure(|| deep_nbytes([&matrix, &matrix, &matrix]));
        assert_eq!((usage.kept, usage.peak), (0, 3 * 24), "{layout}");
        assert_eq!(deep.heap_nbytes, matrix.base_nbytes());
        // Of nobody knows how many, the list grows to four and to eight.
        for (count, room) in [(1, 4), (5, 8)] {
            let handles = (0..count).filter(|_| true).map(|_| &matrix);
            let (_, usage) = measure(|| deep_nbytes(handles));
            assert_eq!((usage.kept, usage.peak), (0, room * 24), "{layout}");
        }
    }
}

#[test]
fn refusals_keep_the_shapes_that_they_name() {
    let length = size_of::<usize>() as isize;
    for (layout, matrix) in matrices() {
        let (refused, usage) = measure(|| matrix.reshape(7, Order::C, CopyMode::IfNeeded));
        assert!(refused.is_err());
        assert_eq!((usage.kept, usage.peak), (3 * length, 3 * length));
        let (refused, usage) = measure(|| matrix.broadcast_to((3, 4, 5)));
        assert!(refused.is_err());
        assert_eq!((usage.kept, usage.peak), (5 * length, 5 * length));
        let (refused, usage) = measure(|| matrix.permuted_axes([0, 0]));
        assert!(refused.is_err());
        assert_eq!((usage.kept, usage.peak), (0, 0), "{layout}");
    }
}

#[test]
fn questions_about_overlap_allocate_a_few_terms() {
    let a = NdArray::<f64, _>::zeros((40, 60));
    let (b, c) = (a.slice(s![..;2, 1..;3]), a.slice(s![1..;3, ..;5]));
    // Two axes of each, and the bytes of an element.
    let (is_shared, usage) = measure(|| b.shares_memory(&c));
    assert_eq!((is_shared, usage.kept, usage.peak), (true, 0, 5 * 64));
    let (is_shared, usage) = measure(|| b.try_shares_memory(&c, 1000));
    assert_eq!((is_shared, usage.kept, usage.peak), (Ok(true), 0, 5 * 64));
    // What goes on where other bytes end is one term with them: rows, and the gaps of three.
    let (is_shared, usage) = measure(|| a.shares_memory(&a.slice(s![..;3, ..])));
    assert_eq!((is_shared, usage.kept, usage.peak), (true, 0, 64));
    let (is_shared, usage) = measure(|| b.slice(s![..0, ..]).shares_memory(&c));
    assert_eq!((is_shared, usage.kept, usage.peak), (false, 0, 0));

    let [_, _, (_, strided)] = matrices();
    let (nbytes, usage) = measure(|| strided.unique_nbytes());
    assert_eq!((nbytes, usage.kept, usage.peak), (4800, 0, 0));
    // Pairs of elements three apart, two apart from each other: they overlap irregularly.
    let row = NdArray::<f64, _>::zeros(1000);
    let windows = row.sliding_window(&[4], 0).expect("they fit");
    let pairs = windows.slice(s![..;2, ..;3]);
    let (nbytes, usage) = measure(|| pairs.unique_nbytes());
    assert_eq!(nbytes, 2 * 499 * 8);
    let bits = pairs.byte_bounds().len() as isize;
    assert_eq!((usage.kept, usage.peak), (0, bits / 8));
}

#[test]
fn more_than_four_axes_keep_their_shape_and_strides() {
    fn check<A: Element>(run: impl FnOnce() -> NdArray<A>) {
        let (result, usage) = measure(run);
        let dims = dims_nbytes(result.ndim());
        let own = match result.is_view() {
            true => 0,
            false => result.nbytes() as isize + HEADER_NBYTES as isize,
        };
        assert_eq!(usage.kept, own + dims);
        assert!(usage.peak <= own + 4 * dims, "{usage:?}");
    }
    let a = NdArray::<f64>::zeros(IxDyn(&[2, 3, 2, 3, 2, 3]));
    check(|| a.clone());
    check(|| a.t());
    check(|| a.index(&[Index::Ellipsis]).expect("all"));
    check(|| a.flip(0).expect("an axis"));
    check(|| a.moveaxis(0, -1).expect("axes"));
    check(|| a.expand_dims(0).expect("a place"));
    check(|| a.sliding_window(&[2], 0).expect("it fits"));
    check(|| a.diagonal(0, 0, 1).expect("axes"));
    check(|| a.view_dtype::<u64>().expect("as many bytes"));
    check(|| a.copy(Order::C));
    check(|| a.sort(0).expect("an axis"));
    check(|| a.astype::<f32>(Astype::default()).expect("any cast").0);
    let ((), usage) = measure(|| drop(a.view()));
    assert_eq!((usage.kept, usage.peak), (0, dims_nbytes(6)));
}

#[test]
fn the_name_of_a_buffer_costs_its_bytes_and_two_counts() {
    let matrix = Matrix::zeros((20, 30));
    let (named, usage) = measure(|| matrix.named("twelve bytes"));
    // In whole words.
    let name = 16 + 16;
    assert_eq!((usage.kept, usage.peak), (name, name));
    // The last name goes when there is another one.
    let (named, usage) = measure(|| named.named("four"));
    let shorter = 16 + 8;
    assert_eq!((usage.kept, usage.peak), (shorter - name, shorter));
    // A view's own is kept until the view goes, beside the two words that it is found by.
    let name = name + 16;
    let (view, usage) = measure(|| named.t().named("twelve bytes"));
    assert_eq!((usage.kept, usage.peak), (name, name));
    let ((), usage) = measure(|| drop(view));
    assert_eq!((usage.kept, usage.peak), (-name, 0));
    let ((), usage) = measure(|| drop(named));
    assert_eq!(usage.kept, -(4800 + HEADER_NBYTES as isize + shorter));
}

#[test]
fn a_read_only_buffer_without_other_handles_goes_when_it_is_copied() {
    let mut matrix = Matrix::zeros((20, 30)).read_only();
    let (_, usage) = measure(|| matrix.make_mut()[[0, 0]] = 1.0);
    assert_eq!(usage.kept, 0);
    assert_eq!(usage.peak, New(4800).usage().peak);
}
