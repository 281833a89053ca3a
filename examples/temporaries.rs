//! Which part of an expression is alive at its peak?
//!
//! ```text
//! cargo heapline run --release --example temporaries
//! ```
//!
//! Three matrices of differences between all pairs of a week's earthquakes, 22 MB
//! each, and what expressions of them keep and need at most, in units of one
//! matrix: `heapline::measure` counts, whether anything is recorded or not.
//!
//! What tutorials say, checked:
//!
//! * "Intermediates need memory." Yes, but which, the library decides. `a + b * c`
//!   needs one result in NumPy, which writes the sum over the product (from 262,144
//!   bytes up). ndarray does so only if the product is the *left* operand: `&a + &(&b
//!   * &c)` needs two.
//! * "`std` needs a copy of the array." In NumPy, yes; ndarray's needs nothing. The
//!   median needs a copy in both, to be put in order.
//! * "`a[a > 0]` needs the result." And the mask, an eighth of the array.
//! * "Broadcasting allocates nothing." The result of `a + row` is a matrix.
//! * "In place allocates nothing." Yes: `a += &b`. `a + &b` takes `a` itself.
//! * "float32 halves memory." Together with its source it is one and a half.
//!
//! Two habits of ndarray's own are in the table, too: rows that are pushed leave spare
//! capacity. A write through a slice of
//! a shared array (`ArcArray`) copies the slice, or **all** of the array if the slice is
//! more than half of it. (NumPy writes through.)
//!
//! The line tables have the sites alive at the peak. A line's Increment is what it
//! kept; that it needed twice as much meanwhile is in the peak, not in there.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use heapline_array::ArrayMemory;
use ndarray::{Array1, Array2, Axis, s};
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[derive(Deserialize)]
struct Earthquake {
    latitude: f64,
    depth_km: f64,
    magnitude: f64,
}

fn differences(column: &Array1<f64>) -> Array2<f64> {
    &column.view().insert_axis(Axis(1)) - column
}

/// Runs an expression and prints what it kept and needed beside what lived before.
fn row<T>(expression: &str, unit: usize, evaluate: impl FnOnce() -> T) -> T {
    let (result, usage) = heapline::measure(evaluate);
    let kept = usage.kept_bytes as f64 / unit as f64;
    let peak = usage.peak_bytes as f64 / unit as f64;
    println!("{expression:<24} {kept:>7.3} {peak:>7.3}");
    result
}

fn median(a: &Array2<f64>) -> f64 {
    let mut numbers: Vec<f64> = a.iter().copied().collect();
    let middle = numbers.len() / 2;
    *numbers.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[heapline::profile]
fn expressions(mut a: Array2<f64>, b: &Array2<f64>, c: &Array2<f64>) {
    let unit = a.nbytes();
    println!("one matrix: {unit} bytes\n\nexpression                  kept    peak");
    row("&a + &b", unit, || &a + b);
    row("&a + &(&b * &c)", unit, || &a + &(b * c));
    row("&b * &c + &a", unit, || b * c + &a);
    row("(&a + &b) + &c", unit, || (&a + b) + c);
    row("&a + &row", unit, || &a + &b.row(0));
    row("a += &b", unit, || a += b);
    row("a.sum()", unit, || a.sum());
    row("a.std(0.)", unit, || a.std(0.0));
    row("median of a", unit, || median(&a));
    row("a.mapv(f64::sqrt)", unit, || a.mapv(f64::sqrt));
    row("a.mapv(|x| x as f32)", unit, || a.mapv(|x| x as f32));
    row("a[a > 0]", unit, || {
        let mask = a.mapv(|x| x > 0.0);
        let mut positive = Vec::with_capacity(mask.iter().filter(|keep| **keep).count());
        positive.extend(
            a.iter()
                .zip(&mask)
                .filter_map(|(x, keep)| keep.then_some(*x)),
        );
        positive
    });
    row("a.t().to_owned()", unit, || a.t().to_owned());
    row("a + &b", unit, || a + b);
}

/// What ndarray's own arrays cost that grow, and that are shared until they are written.
#[heapline::profile]
fn growing_and_shared(a: Array2<f64>) {
    let (unit, rows) = (a.nbytes(), a.nrows());
    row("rows pushed", unit, || {
        let mut grown = Array2::zeros((0, a.ncols()));
        a.rows().into_iter().for_each(|row| {
            grown
                .push_row(row)
                .unwrap_or_else(|_| unreachable!("they have one length"));
        });
        grown
    });
    let shared = a.into_shared();
    for part in [4, 6] {
        let mut slice = shared.clone().slice_move(s![..rows * part / 10, ..]);
        row(&format!("write to 0.{part} of shared"), unit, || {
            slice[[0, 0]] = 1.0
        });
    }
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let reader = csv::Reader::from_path(data.join("earthquakes.csv"))?;
    let earthquakes: Vec<Earthquake> = reader.into_deserialize().collect::<Result<_, _>>()?;
    let column = |of: fn(&Earthquake) -> f64| earthquakes.iter().map(of).collect();
    let a = differences(&column(|earthquake| earthquake.latitude));
    a.track("a");
    let b = differences(&column(|earthquake| earthquake.depth_km));
    b.track("b");
    let c = differences(&column(|earthquake| earthquake.magnitude));
    c.track("c");
    expressions(a, &b, &c);
    drop(b);
    growing_and_shared(c);
    Ok(())
}
