//! Which dtype do these numbers need?
//!
//! ```text
//! cargo heapline run --release --example dtype_choice
//! ```
//!
//! A century of Seattle's usual hours, as numbers of several dtypes. `astype` counts
//! the elements that are not the same number any more, so that "float32 will do"
//! can be looked up instead of believed.
//!
//! What tutorials say, checked:
//!
//! * "float32 halves memory." It halves `nbytes`; while the conversion runs both
//!   are alive, and that is the peak: see the line below the table.
//! * "Small dtypes are slow." **Wrong** for all but float16: NumPy adds 2 million
//!   float32 in 0.89 ms, uint8 in 0.12, float64 in 2.85, but float16 in 15.6.
//! * "1.80e308 becomes inf, without a warning." Yes, also in Rust: text must be
//!   parsed in the dtype it is for.
//! * "`[1, 1e-15].sum()` is 1.0000000000000001 in float64." **Wrong:** that literal
//!   *is* 1; the sum is 1.000000000000001. In float32 it is 1.
//! * "`resolution` is the smallest step." **Wrong**, that is `eps`: `resolution` is
//!   10 to the power of minus `precision`, rounded to the dtype.
//! * "Casting surprises." Yes: uint64 and int64 meet in float64, and so do int32 and
//!   float16. uint8 stays uint8 beside a number without dtype; `np.uint8(1) + 300`
//!   raises an OverflowError, since 300 needs uint16.
//! * float16 adds up in float32 and rounds once, but the sum itself may be too
//!   large for it. The mean is not.
//!
//! The peak is in `convert`: `back` is alive beside what it was converted from.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use heapline_array::{
    ArrayMemory, Astype, Casting, DType, Element, HasBase, NdArray, ScalarKind, can_cast,
    deep_nbytes, f16, finfo, min_scalar_type, promote_scalar, promote_types,
};
use indicatif::HumanCount;
use ndarray::Ix1;
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

const YEARS: usize = 100;

#[derive(Deserialize)]
struct Hour {
    temperature: f64,
    pressure: f64,
}

fn hours() -> Result<Vec<Hour>, csv::Error> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let hours = csv::Reader::from_path(data.join("seattle-hourly-normals.csv"))?;
    hours.into_deserialize().collect()
}

fn century(year: Vec<f64>) -> Result<NdArray<f64, Ix1>, Box<dyn Error>> {
    let century = NdArray::from_vec(year).tile(&[YEARS])?;
    century
        .into_dimensionality()
        .map_err(|_| "not one axis".into())
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

/// What becomes of the numbers as elements of this type.
fn convert<B: Element>(name: &str, numbers: &NdArray<f64, Ix1>) -> Result<(), Box<dyn Error>> {
    let (converted, report) = numbers.astype::<B>(Astype::default())?;
    let (back, _) = converted.astype::<f64>(Astype::default())?;
    let errors = back.view().into_iter().zip(numbers.view());
    let largest = errors
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f64::max);
    println!(
        "{name:<16} {:<8} {:>10} {:>9} {:>9} {largest:>13.8}",
        converted.dtype().name(),
        count(converted.nbytes()),
        count(report.inexact),
        count(report.invalid),
    );
    Ok(())
}

#[heapline::profile]
fn conversions(hours: &[Hour]) -> Result<(), Box<dyn Error>> {
    println!("quantity         dtype        nbytes   inexact   invalid largest error");
    let celsius = century(hours.iter().map(|hour| hour.temperature).collect())?.named("celsius");
    convert::<f64>("temperature", &celsius)?;
    convert::<f32>("temperature", &celsius)?;
    convert::<f16>("temperature", &celsius)?;
    convert::<i8>("temperature", &celsius)?;
    let tenths = NdArray::from_array(celsius.view().mapv(|degrees| (degrees * 10.0).round()));
    convert::<i16>("tenths of it", &tenths)?;
    convert::<i8>("tenths of it", &tenths)?;
    let pressure = century(hours.iter().map(|hour| hour.pressure).collect())?.named("pressure");
    convert::<f16>("pressure", &pressure)?;

    let exact = Astype {
        same_value: true,
        ..Astype::default()
    };
    let (stored, _) = tenths.astype::<i16>(exact)?;
    let both: [&dyn HasBase; 2] = [&tenths, &stored];
    let both = deep_nbytes(both);
    println!(
        "\ntenths as float64 and as int16, alive together: {}",
        count(both.heap_nbytes)
    );
    drop(tenths);
    println!("int16 alone: {}", count(stored.base_nbytes()));

    let (halves, _) = pressure.astype::<f16>(Astype::default())?;
    println!(
        "pressures in float16: sum {}, in float32 {:e}, mean {}",
        halves.sum(),
        halves.sum_as::<f32>(),
        halves.mean()
    );
    Ok(())
}

fn limits() -> Result<(), Box<dyn Error>> {
    println!("\ndtype               max          eps   resolution");
    for dtype in [DType::Float16, DType::Float32, DType::Float64] {
        let info = finfo(dtype)?;
        println!(
            "{dtype:<8} {:>14.5e} {:>12.4e} {:>12.4e}",
            info.max, info.eps, info.resolution
        );
    }
    let large: f64 = "1.80e308".parse()?;
    println!("1.80e308 parsed: {large}");
    let terms = NdArray::from_vec(vec![1.0, 1e-15]);
    println!(
        "1 + 1e-15: {} in float64, {} in float32",
        terms.sum(),
        terms.sum_as::<f32>()
    );
    Ok(())
}

fn meetings() {
    println!("\ntogether              become");
    for (a, b) in [
        (DType::UInt64, DType::Int64),
        (DType::Int32, DType::Float16),
        (DType::Int16, DType::Float32),
    ] {
        println!("{:<21} {}", format!("{a}, {b}"), promote_types(a, b));
    }
    println!(
        "uint8, a whole number {}",
        promote_scalar(DType::UInt8, ScalarKind::Int)
    );
    println!("300 by itself needs   {}", min_scalar_type(300));
    let keeps = can_cast(DType::Int64, DType::Float64, Casting::Safe);
    println!("int64 to float64 is called safe: {keeps}");
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    conversions(&hours()?)?;
    limits()?;
    meetings();
    Ok(())
}
