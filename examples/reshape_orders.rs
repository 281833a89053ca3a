//! Does `reshape` copy, and does Fortran's order cost more?
//!
//! ```text
//! cargo heapline run --release --example reshape_orders
//! ```
//!
//! The program has how much warmer each hour of Seattle's usual year is than the
//! mean of each day: a matrix of 364 × 8,736, 25 MB. `new` are the bytes that an
//! operation allocated.
//!
//! What tutorials say, checked:
//!
//! * "`reshape` needs no allocation." **Wrong** in general: it is a view where
//!   strides can say it, else a full copy, without a word. `CopyMode::Never` makes
//!   it an error (NumPy: `copy=False`).
//! * "`reshape(order='F')` changes the layout." **Wrong:** it never moves what is
//!   there. It reads and fills in Fortran's order, and of a matrix in C order that
//!   takes a copy; of its transposed, none.
//! * "Fortran's order takes more memory." **Wrong:** `nbytes` are equal. The
//!   conversion takes more, while both orders are alive: that is the peak.
//! * "`ravel` keeps the same memory." Of contiguous arrays, or in order `K`.
//! * ndarray's `into_shape_with_order` is stricter than NumPy's `copy=False`: it
//!   refuses every second hour as days of 12, which strides can say.
//!
//! The report's peak comes where `fortran` is made: both orders are alive there.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use heapline_array::CopyMode::{IfNeeded, Never};
use heapline_array::{ArrayMemory, INFER, NdArray, Order, deep_nbytes};
use indicatif::HumanCount;
use ndarray::{Array1, Axis, Dimension, Ix2, s};
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

const DAYS: usize = 364;
const HOURS: usize = 24;

#[derive(Deserialize)]
struct Hour {
    temperature: f64,
}

/// A row for each day, a column for each hour of the year.
#[heapline::profile]
fn warmer() -> Result<NdArray<f64, Ix2>, Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let hours = csv::Reader::from_path(data.join("seattle-hourly-normals.csv"))?.into_deserialize();
    let temperatures = hours
        .take(DAYS * HOURS)
        .map(|hour| hour.map(|hour: Hour| hour.temperature))
        .collect::<Result<Array1<f64>, csv::Error>>()?;
    let days = temperatures.to_shape((DAYS, HOURS))?;
    let means = days.mean_axis(Axis(1)).ok_or("days without hours")?;
    let warmer = &temperatures - &means.insert_axis(Axis(1));
    Ok(NdArray::from_array(warmer).named("m"))
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

fn row<D: Dimension>(name: &str, array: &NdArray<f64, D>) {
    let order = match array.flags() {
        flags if flags.c_contiguous && flags.f_contiguous => "C and F",
        flags if flags.c_contiguous => "C",
        flags if flags.f_contiguous => "F",
        _ => "neither",
    };
    let (kind, new) = match array.is_view() {
        true => ("view", 0),
        false => ("copy", array.base_nbytes()),
    };
    println!(
        "{name:<34} {:<14} {order:<8} {kind} {:>11} {:>11}",
        format!("{:?}", array.shape()),
        count(array.nbytes()),
        count(new)
    );
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "operation                          shape          order    is        nbytes         new"
    );
    let m = warmer()?;
    let flat = INFER;
    row(
        "m.reshape(364, 364, 24)",
        &m.reshape((DAYS, DAYS, HOURS), Order::C, IfNeeded)?,
    );
    row("m.reshape(-1)", &m.reshape(flat, Order::C, IfNeeded)?);
    row(
        "m.reshape(-1, order='F')",
        &m.reshape(flat, Order::F, IfNeeded)?,
    );
    let t = m.t().named("t");
    row("m.T.reshape(-1)", &t.reshape(flat, Order::C, IfNeeded)?);
    row(
        "m.T.reshape(-1, order='F')",
        &t.reshape(flat, Order::F, IfNeeded)?,
    );
    row("m.T.ravel('K')", &t.ravel(Order::K));
    let even_hours = m.slice(s![.., ..;2]);
    row(
        "m[:, ::2].reshape(364, 364, 12)",
        &even_hours.reshape((DAYS, DAYS, 12), Order::C, Never)?,
    );
    let strict = even_hours.view().into_shape_with_order((DAYS, DAYS, 12));
    println!(
        "the same by into_shape_with_order: {}",
        if strict.is_ok() { "a view" } else { "refused" }
    );
    if let Err(error) = t.reshape(flat, Order::C, Never) {
        println!("m.T.reshape(-1, copy=False): {error}");
    }
    drop((t, even_hours));

    println!();
    let fortran = m.asfortranarray().named("fortran");
    row("asfortranarray(m)", &fortran);
    row("asfortranarray(of that)", &fortran.asfortranarray());
    let both = deep_nbytes([&m, &fortran]);
    println!(
        "\nalive while both are: {} bytes in {} buffers",
        count(both.heap_nbytes),
        both.buffers
    );
    drop(m);
    println!(
        "after drop(m): {}",
        count(deep_nbytes([&fortran]).heap_nbytes)
    );
    Ok(())
}
