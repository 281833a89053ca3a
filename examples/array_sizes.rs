//! How many bytes is an array?
//!
//! ```text
//! cargo heapline run --release --example array_sizes
//! ```
//!
//! There are three answers, and one word for them is where the confusion begins:
//! `nbytes` is NumPy's, elements times bytes of one; `unique` counts each byte
//! once; `holds` is the whole buffer that the array keeps alive.
//!
//! What tutorials say, checked:
//!
//! * "`array([1, 2, 3]).nbytes` is 12." **Wrong:** it is 24, integers are int64
//!   in NumPy unless told otherwise. (12 is right for Rust's `vec![1, 2, 3]`.)
//! * "The default dtype is float64." Of floats, yes.
//! * "`nbytes` is what the array occupies." Below it is 1,000 times too much for a
//!   broadcast array, and too little for a view and for a vector with room to spare.
//! * "`getsizeof` leaves the buffer out, so the total is `a.nbytes +
//!   getsizeof(a)`." **Wrong:** an owner's `getsizeof` includes the buffer, and the
//!   sum counts it twice: 16,000,112 for 8 MB. Sum over buffers: `deep_nbytes`.
//! * "The metadata is small." Not of small arrays: see the arrays of one element.
//!   (NumPy's take 112 bytes for each of one dimension, besides the element.)
//! * "Arrays are smaller than lists." Than Python's, at 32 bytes a float. A
//!   `Vec<f64>` has the same bytes, and becomes an array without a copy.
//! * "125 million float64 are 1 GB." Yes, if GB is decimal; it is 953.7 MiB.
//!
//! In the table of `main`, the line `magnitudes()?` keeps what `holds` says, and
//! `from_vec` only a record of the buffer. What the recorder sees is what is held.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use heapline_array::{
    ArrayMemory, DType, Element, HEADER_NBYTES, HasBase, NdArray, deep_nbytes, nbytes_for,
};
use indicatif::HumanCount;
use ndarray::{Dimension, Ix1};
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[derive(Deserialize)]
struct Earthquake {
    magnitude: f64,
}

/// The week's magnitudes, in a vector that grew and has capacity to spare.
#[heapline::profile]
fn magnitudes() -> Result<Vec<f64>, csv::Error> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let mut magnitudes = Vec::new();
    for earthquake in csv::Reader::from_path(data.join("earthquakes.csv"))?.into_deserialize() {
        let earthquake: Earthquake = earthquake?;
        magnitudes.push(earthquake.magnitude);
    }
    Ok(magnitudes)
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

fn row<A: Element, D: Dimension>(name: &str, array: &NdArray<A, D>) {
    println!(
        "{name:<18} {:<8} {:<12} {:>11} {:>11} {:>11}",
        array.dtype().name(),
        format!("{:?}", array.shape()),
        count(array.nbytes()),
        count(array.unique_nbytes()),
        count(array.base_nbytes())
    );
}

#[heapline::profile]
fn sizes(week: &NdArray<f64, Ix1>) -> Result<(), Box<dyn Error>> {
    println!("array              dtype    shape             nbytes      unique       holds");
    row("magnitudes", week);
    let thousand = week
        .broadcast_to((1000, week.len()))?
        .named("thousand weeks");
    row("a thousand weeks", &thousand);
    let ten = week.slice(ndarray::s![..10]).named("first ten");
    row("the first ten", &ten);
    row("[1, 2, 3]", &NdArray::from_vec(vec![1_i64, 2, 3]));
    row("[1, 2, 3] as i32", &NdArray::from_vec(vec![1, 2, 3]));
    row("arange(1000)", &NdArray::<u8, _>::arange(0, 1000, 1));
    row(
        "zeros",
        &NdArray::<f32, _>::zeros((1000, 1000)).named("zeros"),
    );

    let handles: [&dyn HasBase; 3] = [week, &thousand, &ten];
    let sum = week.nbytes() + thousand.nbytes() + ten.nbytes();
    let deep = deep_nbytes(handles);
    println!(
        "\nnbytes of the first three add up to {}; together they hold {} in {} buffer",
        count(sum),
        count(deep.heap_nbytes),
        deep.buffers
    );
    Ok(())
}

#[heapline::profile]
fn many_small(week: &NdArray<f64, Ix1>) {
    let single: Vec<_> = (week.view().iter().map(|one| NdArray::from_vec(vec![*one]))).collect();
    let elements = deep_nbytes(&single).heap_nbytes;
    let records = single.len() * HEADER_NBYTES;
    let handles = size_of_val(single.as_slice());
    println!(
        "\n{} arrays of one element: elements {}, buffers' records {}, handles {}",
        count(single.len()),
        count(elements),
        count(records),
        count(handles)
    );
    println!(
        "one array of {} elements: elements {}, record {}, handle {}",
        count(week.len()),
        count(week.nbytes()),
        count(HEADER_NBYTES),
        count(size_of_val(week))
    );
}

/// Counted before anything is allocated; two things can go wrong.
fn before_it_is_made() -> Result<(), Box<dyn Error>> {
    let nbytes = nbytes_for(&[125_000_000], DType::Float64)?;
    println!(
        "\n125 million float64: {} bytes, {:.1} MiB",
        count(nbytes),
        nbytes as f64 / f64::from(1 << 20)
    );
    for shape in [1 << 50, 1 << 62] {
        if let Err(error) = NdArray::<f64, _>::try_zeros(shape) {
            println!("{shape} float64: {error}");
        }
    }
    Ok(())
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let magnitudes = magnitudes()?;
    let week = NdArray::from_vec(magnitudes).named("magnitudes");
    sizes(&week)?;
    many_small(&week);
    before_it_is_made()
}
