//! Temporaries of `ndarray`: expressions as they stand in numerical programs, each of
//! whose operators makes an array of 1 to 100 KB that the next one takes or drops.

use ndarray::{Array1, Array2, Axis, array};

/// Rows and columns, and how often: 1, 8, 32 and 98 KB.
const IMAGES: [((usize, usize), usize); 4] = [
    ((12, 12), 18_000),
    ((32, 32), 6_000),
    ((64, 64), 1_500),
    ((112, 112), 300),
];

pub(super) fn run() -> u64 {
    let mut sum = 0.0;
    for (shape, passes) in IMAGES {
        let signal = signal(shape);
        for pass in 0..passes {
            let image = &signal + pass as f64 / passes as f64;
            let standard = standardised(&image);
            sum += soft_maximum(&standard).sum() + energy(&blurred(&standard), &image);
        }
    }
    // Far from any rounding that could depend on anything.
    sum.round() as u64
}

fn signal((rows, columns): (usize, usize)) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        let (row, column) = (row as f64, column as f64);
        (row * 0.37).sin() + (column * 0.11).cos()
    })
}

/// Mean 0 and deviation 1 in each column.
fn standardised(image: &Array2<f64>) -> Array2<f64> {
    let rows = image.nrows() as f64;
    let mean = image.sum_axis(Axis(0)) / rows;
    let centred = image - &mean;
    let variance = (&centred * &centred).sum_axis(Axis(0)) / rows;
    &centred / &(variance + 1e-9).mapv(f64::sqrt)
}

/// Each row's shares, which add up to 1; the series keeps it cheap and positive.
fn soft_maximum(scores: &Array2<f64>) -> Array2<f64> {
    let powers = scores * 0.5 + 1.0 + &(scores * scores) * 0.125;
    let sums = powers.sum_axis(Axis(1)).insert_axis(Axis(1));
    &powers / &sums
}

/// Rows mixed with their neighbours.
fn blurred(image: &Array2<f64>) -> Array2<f64> {
    let weights: Array1<f64> = array![0.25, 0.5, 0.25];
    let last = image.nrows() - 1;
    let up = image.select(
        Axis(0),
        &(0..=last)
            .map(|row| row.saturating_sub(1))
            .collect::<Vec<_>>(),
    );
    let down = image.select(
        Axis(0),
        &(0..=last)
            .map(|row| (row + 1).min(last))
            .collect::<Vec<_>>(),
    );
    up * weights[0] + image * weights[1] + down * weights[2]
}

fn energy(image: &Array2<f64>, reference: &Array2<f64>) -> f64 {
    let difference = image - reference * 0.5;
    (&difference * &difference).sum() / image.len() as f64
}
