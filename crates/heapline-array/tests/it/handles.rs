//! Handles: who shares a buffer, who may write, and what becomes of the vector.

use heapline_array::{
    ArrayMemory, Astype, CastError, CopyMode, CreateError, HasBase, NdArray, Order, Ownership,
    Owns, ResizeError, deep_nbytes, slice,
};
use ndarray::{Array, Array2, ShapeBuilder, array, s};

use crate::counting::measure;

#[test]
fn shared_handles_do_not_write() {
    let mut a = NdArray::<f64, _>::zeros((2, 3));
    a.view_mut().expect("the only handle").fill(1.0);
    let mut b = a.clone();
    assert_eq!((a.holders(), b.is_view(), a.owns_data()), (2, true, true));
    assert!(a.view_mut().is_none() && b.view_mut().is_none());
    b.make_mut()[[0, 0]] = 5.0;
    assert_eq!((a.view()[[0, 0]], b.view()[[0, 0]]), (1.0, 5.0));
    assert_eq!((a.holders(), b.owns_data()), (1, true));
    assert_ne!(a.base().id, b.base().id);
    assert!(!a.shares_memory(&b));
    a += &b;
    assert_eq!(a.view()[[0, 0]], 6.0);
    assert!(a.owns_data());
}

#[test]
fn the_last_handle_of_a_buffer_writes_in_place() {
    let a = NdArray::<i32, _>::arange(0, 10, 1);
    let mut v = a.index(&[slice(None, None, -3)]).expect("a slice");
    drop(a);
    let ((), usage) = measure(|| v.make_mut().fill(7));
    assert_eq!((usage.kept, usage.peak), (0, 0));
    assert_eq!(v.view(), array![7, 7, 7, 7].into_dyn());
    assert_eq!((v.base_nbytes(), v.is_view()), (40, true));
}

#[test]
fn read_only_views_stay_read_only() {
    let a = NdArray::<f64, _>::ones(3);
    let mut wide = a.broadcast_to((2, 3)).expect("broadcast");
    drop(a);
    assert_eq!(wide.holders(), 1);
    assert!(wide.view_mut().is_none());
    assert!(wide.slice(s![0, ..]).view_mut().is_none());
    wide.make_mut()[[0, 0]] = 2.0;
    assert_eq!(wide.view(), array![[2.0, 1.0, 1.0], [1.0, 1.0, 1.0]]);
}

#[test]
fn the_vector_comes_back_without_a_copy() {
    let array = Array2::from_shape_fn((3, 4), |(i, j)| i * 10 + j).mapv(|k| k as u16);
    let start = array.as_ptr();
    let shared = NdArray::from_array(array.clone().slice_move(s![.., ..]));
    assert!(shared.clone().into_array().is_err());
    let turned = NdArray::from_array(array.clone()).t().flip([0, 1]);
    let turned = turned.expect("axes");
    let back = turned.into_array().expect("the only handle");
    assert_eq!(back, array.t().slice(s![..;-1, ..;-1]));
    let adopted = NdArray::from_array(array);
    assert_eq!(adopted.memory_layout().address(), start.addr());
    let part = adopted.slice(s![1.., ..]);
    drop(adopted);
    assert!(
        part.into_array().is_err(),
        "it starts later than the vector"
    );
}

#[test]
fn a_moved_slice_keeps_all_of_its_vector() {
    // ndarray#427, and what its clone and its copy allocate: ndarray#1302.
    let small = Array::<f64, _>::zeros(1_000_000).slice_move(s![..3]);
    assert_eq!(measure(|| small.clone()).1.kept, 8_000_000);
    assert_eq!(measure(|| small.to_owned()).1.kept, 24);
    let handle = NdArray::from_array(small);
    assert_eq!((handle.nbytes(), handle.base_nbytes()), (24, 8_000_000));
}

#[test]
fn writing_to_a_shared_array_of_ndarray_copies_up_to_all() {
    let whole = Array::<f64, _>::zeros(1_000_000).into_shared();
    let kept_by_write = |mut part: ndarray::ArcArray1<f64>| measure(|| part[0] = 1.0).1.kept;
    assert_eq!(kept_by_write(whole.clone().slice_move(s![..10])), 120);
    assert_eq!(
        kept_by_write(whole.clone().slice_move(s![..400_000])),
        3_200_040
    );
    assert_eq!(
        kept_by_write(whole.clone().slice_move(s![..600_000])),
        8_000_040
    );
    assert_eq!(whole.ownership(), Owns::Shared { unique: true });
}

#[test]
fn ndarray_slices_reverse_what_they_cut() {
    let a = NdArray::<i64, _>::arange(0, 6, 1);
    assert_eq!(a.slice(s![1..4;-1]).view(), array![3, 2, 1]);
    let python = a.index(&[slice(1, 4, -1)]).expect("a slice");
    assert_eq!(python.len(), 0);
}

#[test]
fn names_and_lines_are_those_of_the_buffer() {
    let line = line!() + 1;
    let a = NdArray::<f32, _>::zeros(3).named("weights");
    let v = a.slice(s![1..]).named("tail");
    assert_eq!(v.base().name.as_deref(), Some("weights"));
    assert_eq!(v.base().created_at.line(), line);
    assert!(v.base().created_at.file().ends_with("handles.rs"));
    let sum_line = line!() + 1;
    let sum = &a + &a;
    assert_eq!(sum.base().created_at.line(), sum_line);
    assert_eq!(sum.base().name, None);
    assert_eq!(v.base().id, a.id());
}

#[test]
fn too_large_arrays_are_errors() {
    let too_big = NdArray::<f64, _>::try_zeros((1 << 40, 1 << 40)).expect_err("overflow");
    assert!(matches!(too_big, CreateError::TooBig(_)));
    for refused in [
        NdArray::<f64, _>::try_zeros(1 << 50).expect_err("no memory"),
        NdArray::<f64, _>::try_ones(1 << 50).expect_err("no memory"),
        NdArray::<f64, _>::try_arange(0, 1 << 50, 1).expect_err("no memory"),
    ] {
        let CreateError::Memory(error) = refused else {
            panic!("{refused}");
        };
        assert_eq!((error.shape(), error.nbytes()), (&[1 << 50][..], 8 << 50));
    }
    let row = NdArray::<f64, _>::zeros(1)
        .broadcast_to(1_usize << 50)
        .expect("a view");
    assert_eq!((row.nbytes(), row.unique_nbytes()), (8 << 50, 8));
    assert!(matches!(
        row.try_copy(Order::C),
        Err(CreateError::Memory(_))
    ));
    assert!(row.astype::<f32>(Astype::default()).is_err());
    // The shape that is named is the array's own, whatever the order of its axes in memory.
    let wide = NdArray::<f64, _>::zeros(5).broadcast_to((1 << 49, 5));
    let wide = wide.expect("a view");
    let refused = |error: CreateError| match error {
        CreateError::Memory(error) => (error.shape().to_vec(), error.nbytes()),
        other => panic!("{other}"),
    };
    for order in [Order::C, Order::F, Order::K] {
        let error = wide.try_copy(order).expect_err("no memory");
        assert_eq!(refused(error), (vec![1 << 49, 5], 5 << 52), "{order:?}");
    }
    let error = heapline_array::concatenate(&[&wide, &wide], 0).expect_err("no memory");
    let error = error.create_error().expect("that is why").clone();
    assert_eq!(refused(error), (vec![1 << 50, 5], 5 << 53));
    let converted = wide.astype::<f32>(Astype::default()).map(|_| ());
    let CastError::Create(error) = converted.expect_err("no memory") else {
        panic!("memory is what is missing");
    };
    assert_eq!(refused(error), (vec![1 << 49, 5], 5 << 51));
    assert!(row.take(&[0], 0).is_ok());
}

#[test]
fn a_refused_resize_changes_nothing() {
    let mut a = NdArray::<i32, _>::arange(0, 6, 1);
    let v = a.slice(s![..]);
    assert_eq!(a.resize(9), Err(ResizeError::Shared));
    let mut v = v;
    assert_eq!(v.resize(9), Err(ResizeError::View));
    drop(v);
    assert!(matches!(
        a.resize(1 << 50),
        Err(ResizeError::Create(CreateError::Memory(_)))
    ));
    assert_eq!(a.view(), array![0, 1, 2, 3, 4, 5]);
    a.resize(8).expect("the only handle");
    assert_eq!(a.view(), array![0, 1, 2, 3, 4, 5, 0, 0]);
    a.resize(0).expect("shorter");
    assert_eq!(a.base_nbytes(), 0);
    a.resize(2).expect("longer again");
    assert_eq!(a.view(), array![0, 0]);
}

#[test]
fn the_last_handle_of_a_whole_buffer_is_resized() {
    let a = NdArray::<i32, _>::arange(0, 6, 1).named("a");
    let mut b = a.clone().named("b");
    assert_eq!(b.resize(9), Err(ResizeError::View), "of a buffer in use");
    drop(a);
    b.resize(8).expect("the only handle");
    assert_eq!(b.view(), array![0, 1, 2, 3, 4, 5, 0, 0]);
    assert_eq!(
        (b.owns_data(), b.base().id, b.base_nbytes()),
        (true, b.id(), 32)
    );
    assert_eq!(b.base().name.as_deref(), Some("b"));
    let mut part = b.slice(s![..4]);
    drop(b);
    assert_eq!(part.resize(2), Err(ResizeError::View), "not all of it");
    let whole = NdArray::<f32, _>::zeros(4);
    let mut bits = whole.view_dtype::<u32>().expect("as many bytes");
    drop(whole);
    assert_eq!(bits.resize(2), Err(ResizeError::View), "of another dtype");
    let m = NdArray::from_array(array![[1, 2], [3, 4]]);
    let mut turned = m.t();
    drop(m);
    turned.resize((2, 3)).expect("the only handle");
    // In Fortran's order, as its elements are.
    assert_eq!(turned.view(), array![[1, 3, 0], [2, 4, 0]]);
}

#[test]
fn a_copy_on_write_keeps_its_handles_name() {
    let mut a = NdArray::<f64, _>::ones((2, 3)).named("a");
    let mut b = a.t();
    a += 1.0;
    assert_eq!(a.base().name.as_deref(), Some("a"));
    b += 1.0;
    assert_eq!(b.base().name.as_deref(), Some("a"), "the only handle");
    let (mut c, mut d) = (b.slice(s![..2, ..]).named("c"), b.clone());
    let (_, usage) = measure(|| c.make_mut()[[0, 0]] = 0.0);
    assert_eq!(c.base().name.as_deref(), Some("c"));
    let copy = 4 * 8 + heapline_array::HEADER_NBYTES as isize;
    // The name is shared; the two words that a view finds its own by go.
    assert_eq!((usage.kept, usage.peak), (copy - 16, copy));
    d += 1.0;
    assert_eq!(d.base().name, None, "it was never named");
}

#[test]
fn bytes_that_are_no_bool_are_refused() {
    let a = NdArray::from_vec(vec![0_u8, 1, 1, 0]);
    let mask = a.view_dtype::<bool>().expect("zeros and ones");
    assert_eq!(mask.view(), array![false, true, true, false]);
    let b = NdArray::from_vec(vec![0_u8, 1, 2]);
    assert!(
        b.slice(s![..2]).view_dtype::<bool>().is_err(),
        "the buffer has a 2"
    );
    drop(a);
    let mut bytes = mask.view_dtype::<u8>().expect("any byte");
    drop(mask);
    bytes.view_mut().expect("the only handle")[0] = 9;
    assert!(bytes.view_dtype::<bool>().is_err());
    let bytes = NdArray::from_vec(vec![true, false]).view_dtype::<u8>();
    let mut bytes = bytes.expect("any byte");
    bytes.view_mut().expect("the only handle")[0] = 9;
    assert!(bytes.view_dtype::<bool>().is_err());
    let nine = bytes.clone();
    bytes.make_mut()[0] = 1;
    assert!(bytes.view_dtype::<bool>().is_ok());
    assert_eq!(nine.into_array().expect("the only handle"), array![9, 0]);
}

#[test]
fn unaligned_bytes_are_refused() {
    let a = NdArray::from_vec(vec![0_u64; 4])
        .view_dtype::<u8>()
        .expect("bytes");
    let shifted = a.slice(s![1..9]);
    assert!(shifted.view_dtype::<u64>().is_err());
    assert!(a.slice(s![8..16]).view_dtype::<u64>().is_ok());
}

#[test]
fn a_question_too_hard_is_an_error() {
    let a = NdArray::<u8, _>::zeros(1000);
    let (threes, sevens) = (a.slice(s![..;3]), a.slice(s![1..;7]));
    let error = threes
        .try_shares_memory(&sevens, 0)
        .expect_err("no work is allowed");
    assert!(error.to_string().contains("0 steps"), "{error}");
    assert_eq!(threes.try_shares_memory(&sevens, 10), Ok(true));
    let elsewhere = NdArray::<u8, _>::zeros(10);
    assert_eq!(
        a.try_shares_memory(&elsewhere, 0),
        Ok(false),
        "extents say it"
    );
}

#[test]
fn buffers_are_counted_once() {
    let a = NdArray::<f64, _>::zeros((10, 10).f());
    let t = a.t();
    let r = t.reshape(100, Order::C, CopyMode::Never).expect("a view");
    let c = r.copy(Order::C);
    let handles: [&dyn HasBase; 4] = [&a, &t, &r, &c];
    let (deep, usage) = measure(|| deep_nbytes(handles));
    assert_eq!((usage.kept, usage.peak), (0, 4 * 24));
    assert_eq!(
        (deep.buffers, deep.heap_nbytes, deep.mapped_nbytes),
        (2, 1600, 0)
    );
}

#[test]
fn errors_say_what_where_and_how_many() {
    fn check(error: impl std::error::Error + Send + Sync, text: &str) {
        assert_eq!(error.to_string(), text);
    }
    let a = NdArray::<f32, _>::zeros((2, 3));
    let other = NdArray::<f32, _>::zeros((2, 4));
    check(
        a.swapaxes(0, 5).expect_err("an axis"),
        "axis 5 is out of bounds for an array of 2 dimensions",
    );
    check(a.flip([1, -1]).expect_err("once"), "axis 1 is given twice");
    check(
        a.diagonal(0, 0, -2).expect_err("two axes"),
        "axis 0 is given twice",
    );
    check(
        a.permuted_axes([0]).expect_err("both"),
        "1 axes are given, where 2 are needed",
    );
    check(
        a.moveaxis([0, 1], 0).expect_err("as many"),
        "1 axes are given, where 2 are needed",
    );
    check(
        a.sliding_window(&[2, 2, 2], [0, 1]).expect_err("as many"),
        "2 axes are given, where 3 are needed",
    );
    check(
        NdArray::from_vec(vec![1]).diagonal(0, 0, 1).expect_err("2"),
        "an array of 1 dimension, where 2 are needed",
    );
    check(
        a.index(&[heapline_array::Index::At(-3)])
            .expect_err("a place"),
        "index -3 is out of bounds for axis 0 with length 2",
    );
    check(
        a.reshape((4, heapline_array::INFER), Order::C, CopyMode::IfNeeded)
            .expect_err("4"),
        "cannot reshape an array of shape (2, 3) into shape (4, -1)",
    );
    check(
        a.broadcast_to((3, 3)).expect_err("3"),
        "an array of shape (2, 3) cannot be broadcast to shape (3, 3)",
    );
    check(
        heapline_array::concatenate(&[&a, &other], 0).expect_err("4"),
        "arrays of shapes (2, 3) and (2, 4) do not fit together",
    );
    let how = Astype {
        casting: heapline_array::Casting::SameKind,
        ..Astype::default()
    };
    check(
        a.astype::<i8>(how).map(|_| ()).expect_err("a rule"),
        "Cannot cast array data from float32 to int8 according to the rule SameKind",
    );
}

#[test]
fn errors_of_several_kinds_are_one() -> Result<(), Box<dyn std::error::Error>> {
    fn half(a: &NdArray<f64, ndarray::Ix1>) -> Result<NdArray<f32>, heapline_array::ArrayError> {
        let (mut narrow, _) = a.astype::<f32>(Astype::default())?;
        narrow.reshape(a.len(), Order::C, CopyMode::IfNeeded)?;
        narrow.resize(a.len() / 2)?;
        Ok(narrow.try_copy(Order::C)?.into_dyn())
    }
    let a = NdArray::from_vec(vec![1.0, 2.0]);
    let any = heapline_array::AnyArray::from(half(&a)?);
    let refused = NdArray::<f64>::try_from(any).expect_err("of float32");
    assert_eq!(refused.to_string(), "elements are float32, not float64");
    let again: NdArray<f32> = refused.into_inner().try_into()?;
    assert_eq!(again.view()[[0]], 1.0);
    let why = heapline_array::ArrayError::from(ResizeError::Shared);
    assert_eq!(why.to_string(), ResizeError::Shared.to_string());
    let memory = NdArray::<f64, _>::try_zeros(1 << 50).expect_err("no memory");
    for why in [
        heapline_array::ArrayError::from(ResizeError::Create(memory.clone())),
        heapline_array::ArrayError::from(CastError::Create(memory.clone())),
    ] {
        assert_eq!(why.create_error(), Some(&memory));
    }
    let rule = CastError::ValueChanged(a.astype::<i8>(Astype::default())?.1);
    let text = rule.to_string();
    assert_eq!(heapline_array::ArrayError::from(rule).to_string(), text);
    Ok(())
}

#[test]
fn arrays_are_equal_by_shape_and_elements() {
    let a = NdArray::from(array![[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(a, a.copy(Order::F));
    assert_eq!(a.t(), NdArray::from(array![[1.0, 3.0], [2.0, 4.0]]));
    assert_ne!(a, a.t());
    assert_ne!(a, a.slice(s![.., ..1]));
    let nan = NdArray::from(vec![f64::NAN]);
    assert_ne!(nan, nan.clone());
}

#[test]
fn handles_move_between_threads() {
    let a = NdArray::<u32, _>::arange(0, 1000, 1);
    let sums = std::thread::scope(|scope| {
        let parts = a.split(4, 0).expect("four parts");
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || part.sum()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum::<u64>()
    });
    assert_eq!(sums, 499_500);
    assert_eq!(a.holders(), 1);
}

#[test]
fn the_last_handle_sees_what_others_read_before_and_they_nothing_behind() {
    let mut shared = NdArray::<u64, _>::zeros(4096);
    for round in 1..100 {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let reader = shared.slice(s![..;2]);
                scope.spawn(move || {
                    let view = reader.view();
                    assert!(view.iter().all(|element| *element == round - 1));
                });
            }
            loop {
                // Given only once the readers are gone.
                if let Some(mut view) = shared.view_mut() {
                    view.fill(round);
                    break;
                }
                std::thread::yield_now();
            }
        });
    }
    assert_eq!(shared.view(), Array::from_elem(4096, 99));
}

#[test]
fn more_parts_than_there_is_memory_for_are_an_error() {
    let empty = NdArray::<u8, _>::zeros((0, 3));
    let error = empty.split(1 << 60, 0).expect_err("too many");
    assert!(error.to_string().contains("1152921504606846976"), "{error}");
    assert_eq!(empty.split(3, 0).expect("of no length").len(), 3);
}

#[test]
fn an_array_without_axes_is_its_own_only_chunk() {
    let one = NdArray::from_array(ndarray::arr0(7_u16));
    let chunks: Vec<_> = one.chunks(1).collect();
    assert_eq!(chunks.len(), 1);
    assert_eq!(
        (chunks[0].sum(), chunks[0].ndim(), chunks[0].is_view()),
        (7, 0, true)
    );
    let none = NdArray::<u16, _>::zeros((0, 3));
    assert_eq!(none.chunks(1).len(), 0);
}

#[test]
fn numbers_are_added_to_each_element_of_any_dtype() {
    let mut a = NdArray::from_vec(vec![1.0, 2.0, 3.0]);
    a += 1.0;
    a *= 2.0;
    a -= 1.0;
    a /= 2.0;
    assert_eq!(a.view().to_vec(), [1.5, 2.5, 3.5]);
    let v = a.slice(s![1..]);
    a += 1.0;
    assert_eq!(a.view().to_vec(), [2.5, 3.5, 4.5], "of a copy");
    assert_eq!(v.view().to_vec(), [2.5, 3.5], "which others do not see");
    let half = heapline_array::f16::from_f32;
    let mut b = &NdArray::from_vec(vec![half(0.5), half(-3.0)]) * half(2.0);
    b += half(1.0);
    assert_eq!(b.view().to_vec(), [half(2.0), half(-5.0)]);
    let i = heapline_array::Complex::new(0.0, 1.0);
    let turned = &NdArray::from_vec(vec![i, i * i]) * i;
    assert_eq!(turned.view().to_vec(), [i * i, -i]);
}

#[test]
fn operators_are_those_of_ndarray_whoever_owns_the_operands() {
    let (a, b) = (array![[8_i32, -6, 4], [3, 5, 7]], array![2_i32, -3, 1]);
    let (left, right) = (
        NdArray::from_array(a.clone()),
        NdArray::from_array(b.clone()),
    );
    let (left, right) = (|| left.copy(Order::F), || right.copy(Order::C));
    macro_rules! check {
        ($operator:tt) => {
            let expected = &a $operator &b;
            assert_eq!((&left() $operator &right()).view(), expected);
            assert_eq!((left() $operator &right()).view(), expected);
            assert_eq!((&left() $operator right()).view(), expected);
            assert_eq!((left() $operator right()).view(), expected);
            let turned = &b $operator &a;
            assert_eq!((&right() $operator &left()).view(), turned);
            assert_eq!((right() $operator &left()).view(), turned);
            assert_eq!((&right() $operator left()).view(), turned);
            assert_eq!((right() $operator left()).view(), turned);
            let more = &a $operator 5;
            assert_eq!((&left() $operator 5).view(), more);
            assert_eq!((left() $operator 5).view(), more);
            let more = 5 $operator &a;
            assert_eq!((5 $operator &left()).view(), more);
            assert_eq!((5 $operator left()).view(), more);
        };
    }
    check!(+);
    check!(-);
    check!(*);
    check!(/);
    assert_eq!((-&left()).view(), -&a);
    assert_eq!((-left()).view(), -a);
    // What others see is not written over.
    let (shared, one) = (left(), NdArray::from_vec(vec![1]));
    let other = shared.clone();
    let sum = shared + &one;
    assert_eq!((sum.view()[[0, 0]], other.view()[[0, 0]]), (9, 8));
    // Nor is an operand that is smaller than the result.
    let wide = one + &other;
    assert_eq!(wide.view(), sum.view());
    // Any number of axes.
    let dynamic = right().into_dyn() + &left().into_dyn();
    assert_eq!(dynamic.view(), (&left() + &right()).into_dyn().view());
}

#[test]
fn what_may_be_written_is_a_flag() {
    let a = NdArray::<f64, _>::zeros((3, 1));
    assert!(a.flags().writeable && a.t().flags().writeable);
    let wide = a.broadcast_to((3, 4)).expect("it fits");
    assert!(!wide.flags().writeable && !wide.slice(s![.., 0]).flags().writeable);
    assert!(!a.clone().read_only().flags().writeable);
    let plain = Array2::<f64>::zeros((3, 1));
    assert!(plain.flags().writeable);
    assert!(!plain.broadcast((3, 4)).expect("it fits").flags().writeable);
    assert!(Array2::<f64>::zeros((0, 4)).flags().writeable);
}

#[test]
fn integers_are_divided_as_rust_does() {
    let seven = NdArray::from(vec![7, -7]);
    assert_eq!((&seven / 2).view(), array![3, -3]);
    let many = NdArray::from(vec![i64::MAX, 1]);
    assert_eq!(many.sum(), i64::MIN, "sums wrap around");
}
