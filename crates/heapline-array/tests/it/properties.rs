//! Random chains of views against the slow and obvious: lists of element addresses.

use std::collections::{BTreeMap, BTreeSet};

use heapline_array::{
    AnyArray, ArrayMemory, Astype, Casting, CopyMode, DType, Element, Index, NdArray, Order,
    can_cast, nbytes_for, promote_types, result_type, slice, with_array,
};
use ndarray::{Array, IxDyn, ShapeBuilder};
use proptest::prelude::*;
use proptest::sample::select;

/// An array as a list of indices into its buffer, in row-major order.
#[derive(Clone, Debug)]
struct Oracle {
    shape: Vec<usize>,
    places: Vec<usize>,
}

impl Oracle {
    /// Row-major numbers of all elements of a shape.
    fn numbers(shape: &[usize]) -> Array<usize, IxDyn> {
        let count = shape.iter().product();
        Array::from_shape_vec(IxDyn(shape), (0..count).collect()).expect("as many")
    }

    /// The element at each index of the new shape is the old one at `of(index)`.
    fn pick(&self, shape: &[usize], of: impl Fn(&[usize]) -> Vec<usize>) -> Self {
        let old = Self::numbers(&self.shape);
        let mut places = Vec::new();
        for index in ndarray::indices(IxDyn(shape)) {
            let source = of(ndarray::Dimension::slice(&index));
            places.push(self.places[old[IxDyn(&source)]]);
        }
        Oracle {
            shape: shape.to_vec(),
            places,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Slice(usize, Option<isize>, Option<isize>, isize),
    At(usize, usize),
    Swap(usize, usize),
    Flip(usize),
    NewAxis(usize),
    Broadcast(usize),
    Window(usize, usize),
    Diagonal(isize),
    Flatten,
}

fn step() -> impl Strategy<Value = Step> {
    let bound = || proptest::option::of(-8_isize..9);
    let axis = || 0_usize..4;
    prop_oneof![
        (axis(), bound(), bound(), select(vec![-3, -2, -1, 1, 2, 3]))
            .prop_map(|(axis, start, stop, step)| Step::Slice(axis, start, stop, step)),
        (axis(), 0_usize..7).prop_map(|(axis, at)| Step::At(axis, at)),
        (axis(), axis()).prop_map(|(a, b)| Step::Swap(a, b)),
        axis().prop_map(Step::Flip),
        axis().prop_map(Step::NewAxis),
        (1_usize..4).prop_map(Step::Broadcast),
        (axis(), 1_usize..4).prop_map(|(axis, window)| Step::Window(axis, window)),
        (-3_isize..4).prop_map(Step::Diagonal),
        Just(Step::Flatten),
    ]
}

/// Python's slice, place by place.
fn sliced(length: usize, start: Option<isize>, stop: Option<isize>, step: isize) -> Vec<usize> {
    let length = length as isize;
    let places = (0..length).filter(|place| {
        let wrap = |bound: isize| if bound < 0 { bound + length } else { bound };
        let after_start = start.map(wrap).is_none_or(|start| {
            if step > 0 {
                *place >= start
            } else {
                *place <= start
            }
        });
        let before_stop = stop.map(wrap).is_none_or(|stop| {
            if step > 0 {
                *place < stop
            } else {
                *place > stop
            }
        });
        after_start && before_stop
    });
    let mut places: Vec<usize> = places.map(|place| place as usize).collect();
    if step < 0 {
        places.reverse();
    }
    // The first place is the start itself, or the nearest one inside.
    places.into_iter().step_by(step.unsigned_abs()).collect()
}

/// Does a step in both worlds; `None` where the array has no such axis.
fn both<A: Element>(
    array: &NdArray<A>,
    oracle: &Oracle,
    step: &Step,
) -> Option<(NdArray<A>, Oracle)> {
    let ndim = oracle.shape.len();
    let axis_of = |axis: usize| (ndim > 0).then(|| axis % ndim);
    Some(match *step {
        Step::Slice(axis, start, stop, step) => {
            let axis = axis_of(axis)?;
            let kept = sliced(oracle.shape[axis], start, stop, step);
            let mut index = vec![slice(None, None, None); axis];
            index.push(slice(start, stop, step));
            let mut shape = oracle.shape.clone();
            shape[axis] = kept.len();
            let picked = oracle.pick(&shape, |index| {
                let mut index = index.to_vec();
                index[axis] = kept[index[axis]];
                index
            });
            (array.index(&index).expect("a slice"), picked)
        }
        Step::At(axis, at) => {
            let axis = axis_of(axis)?;
            let at = at.checked_rem(oracle.shape[axis])?;
            let mut index = vec![Index::Ellipsis];
            index.push(Index::At(at as isize - oracle.shape[axis] as isize));
            index.extend(vec![slice(None, None, None); ndim - 1 - axis]);
            let mut shape = oracle.shape.clone();
            shape.remove(axis);
            let picked = oracle.pick(&shape, |index| {
                let mut index = index.to_vec();
                index.insert(axis, at);
                index
            });
            (array.index(&index).expect("an index"), picked)
        }
        Step::Swap(a, b) => {
            let (a, b) = (axis_of(a)?, axis_of(b)?);
            let mut shape = oracle.shape.clone();
            shape.swap(a, b);
            let picked = oracle.pick(&shape, |index| {
                let mut index = index.to_vec();
                index.swap(a, b);
                index
            });
            (
                array
                    .swapaxes(a as isize, b as isize - ndim as isize)
                    .expect("axes"),
                picked,
            )
        }
        Step::Flip(axis) => {
            let axis = axis_of(axis)?;
            let picked = oracle.pick(&oracle.shape, |index| {
                let mut index = index.to_vec();
                index[axis] = oracle.shape[axis] - 1 - index[axis];
                index
            });
            (array.flip(axis as isize).expect("an axis"), picked)
        }
        Step::NewAxis(axis) => {
            let axis = axis % (ndim + 1);
            let mut picked = oracle.clone();
            picked.shape.insert(axis, 1);
            (array.expand_dims(axis as isize).expect("a place"), picked)
        }
        Step::Broadcast(times) => {
            let shape = [&[times], &oracle.shape[..]].concat();
            let picked = oracle.pick(&shape, |index| index[1..].to_vec());
            (array.broadcast_to(shape).expect("a shape"), picked)
        }
        Step::Window(axis, window) => {
            let axis = axis_of(axis)?;
            let positions = (oracle.shape[axis] + 1).checked_sub(window)?;
            if positions == 0 {
                return None;
            }
            let mut shape = oracle.shape.clone();
            shape[axis] = positions;
            shape.push(window);
            let picked = oracle.pick(&shape, |index| {
                let mut moved = index[..ndim].to_vec();
                moved[axis] += index[ndim];
                moved
            });
            (
                array
                    .sliding_window(&[window], axis as isize)
                    .expect("it fits"),
                picked,
            )
        }
        Step::Diagonal(offset) => {
            if ndim < 2 {
                return None;
            }
            let (first, second) = ((-offset).max(0) as usize, offset.max(0) as usize);
            let left = oracle.shape[0].saturating_sub(first);
            let length = left.min(oracle.shape[1].saturating_sub(second));
            let shape = [&oracle.shape[2..], &[length]].concat();
            let picked = oracle.pick(&shape, |index| {
                let (place, others) = index.split_last().expect("an axis");
                [&[first + place, second + place], others].concat()
            });
            (array.diagonal(offset, 0, 1).expect("two axes"), picked)
        }
        Step::Flatten => {
            let mut picked = oracle.clone();
            picked.shape = vec![picked.places.len()];
            // Only where no copy is needed: the oracle knows one buffer.
            let shape = picked.shape.clone();
            (
                array.reshape(shape, Order::C, CopyMode::Never).ok()?,
                picked,
            )
        }
    })
}

/// An array, and the place of each element in its buffer.
fn base<A: Element>(shape: &[usize], is_fortran: bool) -> (NdArray<A>, Oracle) {
    let numbers = Oracle::numbers(shape);
    let mut array = Array::from_elem(IxDyn(shape).set_f(is_fortran), A::default());
    let mut places = Vec::new();
    for (index, _) in numbers.indexed_iter() {
        let offset = array
            .strides()
            .iter()
            .zip(ndarray::Dimension::slice(&index));
        places.push(offset.map(|(stride, index)| *stride as usize * index).sum());
    }
    for (k, place) in array.iter_mut().enumerate() {
        let number = NdArray::from_vec(vec![k as u64]).astype::<A>(Astype::default());
        *place = number.expect("any cast").0.view()[0];
    }
    let oracle = Oracle {
        shape: shape.to_vec(),
        places,
    };
    (NdArray::from_array(array), oracle)
}

fn check<A: Element>(array: &NdArray<A>, oracle: &Oracle, base: &NdArray<A>) {
    let itemsize = size_of::<A>();
    assert_eq!(array.shape(), oracle.shape);
    let start = base.byte_bounds().start;
    let elements: BTreeSet<usize> = oracle.places.iter().copied().collect();
    let bytes = elements.len() * itemsize;
    assert_eq!(array.unique_nbytes(), bytes);
    assert_eq!(array.nbytes(), oracle.places.len() * itemsize);
    let bounds = array.byte_bounds();
    match (elements.first(), elements.last()) {
        (Some(first), Some(last)) => {
            assert_eq!(
                bounds,
                start + first * itemsize..start + (last + 1) * itemsize
            );
        }
        _ => assert!(bounds.is_empty()),
    }
    assert!(array.unique_nbytes() <= bounds.len() && bounds.len() <= array.base_nbytes());
    assert_eq!(array.base().id, base.id());
    let buffer: BTreeMap<usize, A> = {
        let view = base.view();
        let addresses = view
            .iter()
            .map(|element| (std::ptr::from_ref(element).addr(), *element));
        addresses.collect()
    };
    for (element, place) in array.view().iter().zip(&oracle.places) {
        assert_eq!(std::ptr::from_ref(element).addr(), start + place * itemsize);
        assert_eq!(*element, buffer[&(start + place * itemsize)]);
    }
    let is_contiguous = |order: &mut dyn Iterator<Item = &usize>| {
        let places: Vec<_> = order.collect();
        places.windows(2).all(|pair| *pair[1] == pair[0] + 1)
    };
    assert_eq!(
        array.flags().c_contiguous,
        is_contiguous(&mut oracle.places.iter())
    );
}

fn run<A: Element>(shape: &[usize], is_fortran: bool, chains: &[Vec<Step>; 2]) {
    let (base, start) = base::<A>(shape, is_fortran);
    let mut ends = Vec::new();
    for chain in chains {
        let (mut array, mut oracle) = (base.clone(), start.clone());
        for step in chain {
            if oracle.places.len() > 3000 || oracle.shape.len() > 6 {
                break;
            }
            if let Some((next, picked)) = both(&array, &oracle, step) {
                assert!(next.is_view());
                (array, oracle) = (next, picked);
                check(&array, &oracle, &base);
            }
        }
        ends.push((array, oracle));
    }
    assert_eq!(base.holders(), 3);
    let [(a, of_a), (b, of_b)] = &ends[..] else {
        unreachable!("two chains");
    };
    let both: [BTreeSet<usize>; 2] = [of_a, of_b].map(|end| end.places.iter().copied().collect());
    let is_shared = !both[0].is_disjoint(&both[1]);
    assert_eq!(a.shares_memory(b), is_shared);
    assert_eq!(a.try_shares_memory(b, 1_000_000), Ok(is_shared));
    assert!(a.may_share_memory(b) || !is_shared);
    copied(a);
}

/// Copies in every order have the same elements, in a buffer of their own.
fn copied<A: Element>(array: &NdArray<A>) {
    for order in [Order::C, Order::F, Order::A, Order::K] {
        let copy = array.copy(order);
        assert_eq!(copy.view(), array.view());
        assert!(!copy.shares_memory(array));
        assert_eq!(copy.base_nbytes(), array.nbytes());
        let flags = copy.flags();
        assert!(match order {
            Order::C => flags.c_contiguous,
            Order::F => flags.f_contiguous,
            Order::A => flags.c_contiguous || flags.f_contiguous,
            Order::K => copy.ravel(Order::K).is_view(),
        });
    }
    let row: Vec<A> = array.view().iter().copied().collect();
    assert_eq!(array.flatten(Order::C).view().to_vec(), row);
    let column: Vec<A> = array.view().t().iter().copied().collect();
    assert_eq!(array.ravel(Order::F).view().to_vec(), column);
    let sum: u128 = row.iter().map(|_| 1).sum();
    assert_eq!(array.len() as u128, sum);
}

fn dtype() -> impl Strategy<Value = DType> {
    select(DType::ALL.to_vec())
}

fn pairs() -> impl Iterator<Item = (DType, DType)> {
    let from = DType::ALL.iter();
    from.flat_map(|from| DType::ALL.iter().map(|to| (*from, *to)))
}

/// Numbers at the limits of dtypes, near them, and any.
fn number() -> impl Strategy<Value = f64> {
    let limit = select(vec![
        0.0,
        128.0,
        65_504.0,
        65_520.0,
        3.5e38,
        f64::MAX,
        f64::INFINITY,
    ]);
    let power = (0..65).prop_map(|power| 2_f64.powi(power));
    let near = (prop_oneof![limit, power], -1.5..1.5, any::<bool>());
    prop_oneof![
        near.prop_map(|(number, more, is_negative)| {
            let near: f64 = number + more;
            if is_negative { -near } else { near }
        }),
        any::<u64>().prop_map(f64::from_bits),
    ]
}

/// The same elements, not next to each other.
fn with_gaps(dense: &AnyArray) -> AnyArray {
    with_array!(dense, array => {
        let twice = array.repeat(&[2], 0).expect("an axis");
        twice.index(&[slice(None, None, 2)]).expect("a slice").into()
    })
}

fn elements(any: &AnyArray) -> String {
    with_array!(any, array => format!("{:?}", array.view().iter().collect::<Vec<_>>()))
}

proptest! {
    #[test]
    fn chains_of_views_touch_what_the_lists_say(
        shape in proptest::collection::vec(0_usize..7, 1..4),
        is_fortran: bool,
        first in proptest::collection::vec(step(), 0..7),
        second in proptest::collection::vec(step(), 0..7),
    ) {
        let chains = [first, second];
        run::<u8>(&shape, is_fortran, &chains);
        run::<f32>(&shape, is_fortran, &chains);
        run::<heapline_array::Complex<f64>>(&shape, is_fortran, &chains);
    }

    #[test]
    fn bytes_are_known_before_they_are_allocated(
        shape in proptest::collection::vec(0_usize..9, 0..5),
        dtype in dtype(),
    ) {
        let nbytes = nbytes_for(&shape, dtype).expect("small");
        let array = heapline_array::with_dtype!(dtype, T => {
            heapline_array::AnyArray::from(NdArray::<T, _>::zeros(IxDyn(&shape)))
        });
        prop_assert_eq!(array.nbytes(), nbytes);
        prop_assert_eq!(array.base().capacity_nbytes, nbytes);
    }

    #[test]
    fn promotion_takes_no_sides(a in dtype(), b in dtype(), c in dtype()) {
        let pair = promote_types(a, b);
        prop_assert_eq!(pair, promote_types(b, a));
        prop_assert!(can_cast(a, pair, Casting::Safe) && can_cast(b, pair, Casting::Safe));
        let all = result_type([a, b, c]).expect("three");
        prop_assert_eq!(Some(all), result_type([c, a, b]));
        prop_assert!([a, b, c].iter().all(|from| can_cast(*from, all, Casting::Safe)));
    }

    #[test]
    fn what_a_cast_calls_lossless_comes_back(numbers in proptest::collection::vec(any::<i64>(), 1..9), to in dtype()) {
        let array = AnyArray::from(NdArray::from_vec(numbers).into_dyn());
        let (there, report) = array.astype(to, Astype::default()).expect("any cast");
        let (back, _) = there.astype(DType::Int64, Astype::default()).expect("any cast");
        if to != DType::Bool {
            // Saturation on the way back would hide the loss of the largest.
            let survives = elements(&back) == elements(&array);
            prop_assert!(survives || !report.is_lossless());
        }
        let lossless = Astype { same_value: true, ..Astype::default() };
        prop_assert_eq!(array.astype(to, lossless).is_ok(), report.is_lossless());
    }
}

proptest! {
    // Each has all pairs of dtypes.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn losses_are_the_same_counted_together_and_one_by_one(
        integers in proptest::collection::vec(any::<i64>(), 1..9),
        floats in proptest::collection::vec(number(), 1..9),
    ) {
        let integers = AnyArray::from(NdArray::from_vec(integers).into_dyn());
        let floats = AnyArray::from(NdArray::from_vec(floats).into_dyn());
        for numbers in [integers, floats] {
            for (from, to) in pairs() {
                let (dense, _) = numbers.astype(from, Astype::default()).expect("any cast");
                let gaps = with_gaps(&dense);
                let (one, counted) = dense.astype(to, Astype::default()).expect("any cast");
                let (other, one_by_one) = gaps.astype(to, Astype::default()).expect("any cast");
                prop_assert_eq!(counted, one_by_one);
                prop_assert_eq!(elements(&one), elements(&other));
            }
        }
    }
}
