//! What does broadcasting allocate?
//!
//! ```text
//! cargo heapline run --release --example broadcast
//! ```
//!
//! The program compares each day of Seattle's usual year with each other day, hour
//! by hour: 364 × 364 × 24 differences of temperature. The two operands are views of
//! the same 70 KB, the result is an array of 25 MB.
//!
//! What tutorials say, checked:
//!
//! * "Broadcasting allocates nothing." Operands do not: repeated axes have stride 0.
//!   The **result** is as large as its shape says.
//! * "`nbytes` is what the array occupies." **Wrong** of a broadcast array: it says
//!   25,439,232 where there are 69,888 bytes.
//! * "A copy allocates as much as the original." **Wrong**, too: a copy of the
//!   broadcast view writes all of it out.
//! * What writes in place allocates nothing: `year -= day` broadcasts the day.
//!
//! The line to look for in the tables is `&days - &others`: its Increment is the
//! whole result. The lines with `broadcast_to` have none. (NumPy needs 65 KB more
//! while it adds, for a buffer of its iterator; ndarray does not.)

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use heapline_array::{ArrayMemory, CopyMode, Element, NdArray, Order};
use indicatif::HumanCount;
use ndarray::{Array2, Axis, Dimension, Ix2};
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

const DAYS: usize = 364;
const HOURS: usize = 24;

#[derive(Deserialize)]
struct Hour {
    temperature: f64,
}

/// The temperatures of whole days: the file begins at one in the morning.
#[heapline::profile]
fn year() -> Result<NdArray<f64, Ix2>, Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let hours = csv::Reader::from_path(data.join("seattle-hourly-normals.csv"))?.into_deserialize();
    let mut temperatures = Vec::with_capacity(DAYS * HOURS);
    for hour in hours.take(DAYS * HOURS) {
        let hour: Hour = hour?;
        temperatures.push(hour.temperature);
    }
    let year = Array2::from_shape_vec((DAYS, HOURS), temperatures)?;
    Ok(NdArray::from_array(year).named("year"))
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

fn row<A: Element, D: Dimension>(name: &str, array: &NdArray<A, D>) {
    println!(
        "{name:<14} {:<14} {:<15} {:>11} {:>11} {:>11}",
        format!("{:?}", array.shape()),
        format!("{:?}", array.byte_strides().collect::<Vec<_>>()),
        count(array.nbytes()),
        count(array.unique_nbytes()),
        count(array.base_nbytes())
    );
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    println!("array          shape          strides              nbytes      unique       holds");
    let mut year = year()?;
    row("year", &year);
    let shape = (DAYS, DAYS, HOURS);
    let days = year.expand_dims(1)?.broadcast_to(shape)?.named("days");
    row("days", &days);
    let others = year.broadcast_to(shape)?.named("others");
    row("others", &others);

    let differences = (&days - &others).named("differences");
    row("days - others", &differences);
    let written_out = days.copy(Order::C).named("written out");
    row("days.copy()", &written_out);
    drop((written_out, days, others));

    // How different two days are, on average over their hours.
    let pairs = differences.reshape((DAYS * DAYS, HOURS), Order::C, CopyMode::Never)?;
    let most = pairs
        .view()
        .axis_iter(Axis(0))
        .map(|hours| hours.iter().map(|kelvin| kelvin.abs()).sum::<f64>() / HOURS as f64)
        .enumerate()
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    if let Some((pair, kelvin)) = most {
        let (one, other) = (pair / DAYS + 1, pair % DAYS + 1);
        println!("\nmost different: days {one} and {other} of the year, {kelvin:.1} K on average");
    }
    drop((pairs, differences));

    let mean_day = year
        .view()
        .mean_axis(Axis(0))
        .ok_or("a year without days")?;
    let mean_day = NdArray::from_array(mean_day).named("mean day");
    let buffer = year.base().id;
    year -= &mean_day;
    println!(
        "year -= mean day: {} bytes broadcast to {}, same buffer: {}",
        count(mean_day.nbytes()),
        count(year.nbytes()),
        year.base().id == buffer
    );
    Ok(())
}
