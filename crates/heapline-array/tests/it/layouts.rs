//! Sums, products and picked elements of arrays in every layout that has a loop of its own:
//! they are those of the elements one by one.

use heapline_array::{CopyMode, NdArray, Order};
use ndarray::{Array, ArrayD, Axis, Ix2, IxDyn, s};

/// Small whole numbers: each sum of them is exact in any order.
fn small((row, column): (usize, usize)) -> f64 {
    ((row * 7 + column * 3) % 5) as f64
}

fn layouts(number: fn((usize, usize)) -> f64) -> Vec<(&'static str, NdArray<f64, IxDyn>)> {
    let of = |rows, columns| {
        NdArray::<f64, Ix2>::from_array(Array::from_shape_fn((rows, columns), number))
    };
    let (square, pairs) = (of(300, 300), of(3000, 2));
    let row = of(1, 500);
    let cube = of(60, 300).reshape((60, 30, 10), Order::C, CopyMode::Never);
    let cube = cube.expect("as many elements");
    let wide = row.broadcast_to((70, 500)).expect("it fits");
    let tall = row.t().broadcast_to((500, 70)).expect("it fits");
    vec![
        ("C", square.to_dyn()),
        ("F", square.t().to_dyn()),
        ("rows", square.slice(s![..;2, ..]).to_dyn()),
        ("rows with gaps", square.slice(s![.., ..;2]).to_dyn()),
        ("columns", square.t().slice(s![.., ..;2]).to_dyn()),
        ("backwards", square.slice(s![..;-1, 1..;-1]).to_dyn()),
        ("long rows", of(3, 5000).slice(s![.., ..;-3]).to_dyn()),
        ("pairs", pairs.slice(s![..;2, ..]).to_dyn()),
        ("rows of seven", cube.slice(s![.., .., ..7]).to_dyn()),
        ("rows of eight", cube.slice(s![.., .., 1..9]).to_dyn()),
        (
            "short rows with gaps",
            cube.slice(s![.., .., ..;3]).to_dyn(),
        ),
        ("repeated rows", wide.to_dyn()),
        ("repeated columns", tall.to_dyn()),
        ("one element", square.slice(s![3..4, 5..6]).to_dyn()),
        ("none", square.slice(s![3..3, ..;2]).to_dyn()),
    ]
}

#[test]
fn sums_are_those_of_the_elements() {
    for (layout, numbers) in layouts(small) {
        let elements: Vec<f64> = numbers.view().iter().copied().collect();
        let sum: f64 = elements.iter().sum();
        assert_eq!(numbers.sum(), sum, "{layout}");
        assert_eq!(numbers.sum_as::<f32>(), sum as f32, "{layout}");
        assert_eq!(numbers.sum_as::<i64>(), sum as i64, "{layout}");
        assert_eq!(numbers.sum_as::<u8>(), sum as i64 as u8, "{layout}");
        let mean = numbers.mean();
        let is_mean = mean == sum / elements.len() as f64;
        assert!(is_mean || elements.is_empty() && mean.is_nan(), "{layout}");
    }
}

#[test]
fn products_are_those_of_the_elements() {
    // Of these none is rounded.
    let signs = |place| if small(place) == 4.0 { -1.0 } else { 1.0 };
    for (layout, numbers) in layouts(signs) {
        let product: f64 = numbers.view().iter().product();
        assert_eq!(numbers.prod(), product, "{layout}");
        assert_eq!(numbers.prod_as::<i32>(), product as i32, "{layout}");
    }
}

/// The places of an axis, by ndarray's own means.
fn picked(numbers: &NdArray<f64, IxDyn>, axis: usize, places: &[usize]) -> ArrayD<f64> {
    numbers.view().select(Axis(axis), places)
}

#[test]
fn picked_places_are_those_that_ndarray_selects() {
    for (layout, numbers) in layouts(small) {
        for (axis, length) in numbers.shape().iter().copied().enumerate() {
            let places: Vec<usize> = (0..length)
                .rev()
                .step_by(3)
                .chain(0..length.min(2))
                .collect();
            let indices: Vec<isize> = (places.iter().enumerate())
                .map(|(at, place)| *place as isize - if at % 2 == 0 { length as isize } else { 0 })
                .collect();
            let axis_number = axis as isize;
            let taken = numbers.take(&indices, axis_number).expect("all there");
            assert_eq!(taken.view(), picked(&numbers, axis, &places), "{layout}");

            let marks: Vec<bool> = (0..length).map(|place| place % 3 == 1).collect();
            let marked: Vec<usize> = (0..length).filter(|place| marks[*place]).collect();
            let kept = numbers.compress(&marks, axis_number).expect("as long");
            assert_eq!(kept.view(), picked(&numbers, axis, &marked), "{layout}");

            let twice: Vec<usize> = (0..length).flat_map(|place| [place, place]).collect();
            let repeated = numbers.repeat(&[2], axis_number).expect("one number");
            assert_eq!(repeated.view(), picked(&numbers, axis, &twice), "{layout}");
        }
    }
}
