//! How do I go through an array that is larger than memory?
//!
//! ```text
//! cargo heapline run --release --example out_of_core
//! ```
//!
//! Six centuries of Seattle's usual hours, 42 MB in a `.npy` file as NumPy writes
//! them, in three ways: written from an array that has them all and is 70 KB,
//! mapped into memory and summed in pieces, and read as a whole.
//!
//! What tutorials say, checked:
//!
//! * "To write 42 MB one needs 42 MB." **Wrong:** a broadcast array has as many
//!   elements, repeats them by a stride of 0, and is written one after the other.
//! * "A mapped array takes as much memory as it has bytes." None of the heap. Its
//!   pages are the file's, and the kernel takes them back when it wants to:
//!   reports list them apart.
//! * "A sum over an array larger than memory must copy it piece by piece." **Wrong:**
//!   the pieces that `chunks` gives are views of the mapped file. They bound how much
//!   is looked at at a time, and allocate nothing.
//!
//! In the tables the line with `open_npy_mmap` has next to no Increment, the line
//! with `read_npy` one of 42 MB.
#![allow(unsafe_code)]
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use heapline_array::{
    AnyArray, ArrayMemory, NdArray, deep_nbytes, open_npy_mmap, read_npy, write_npy,
};
use indicatif::HumanCount;
use ndarray::{Array2, IxDyn};
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

const YEARS: usize = 600;
const DAYS: usize = 364;
const HOURS: usize = 24;
/// Bytes looked at at a time.
const PIECE: usize = 1 << 20;

#[derive(Deserialize)]
struct Hour {
    temperature: f64,
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

fn row(name: &str, array: &AnyArray) {
    let deep = deep_nbytes([array]);
    println!(
        "{name:<8} {:<14} {:>11} {:>11} {:>11}",
        format!("{:?}", array.memory_layout().shape()),
        count(array.nbytes()),
        count(deep.heap_nbytes),
        count(deep.mapped_nbytes)
    );
}

#[heapline::profile]
fn write(path: &Path) -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let hours = csv::Reader::from_path(data.join("seattle-hourly-normals.csv"))?.into_deserialize();
    let mut temperatures = Vec::with_capacity(DAYS * HOURS);
    for hour in hours.take(DAYS * HOURS) {
        let hour: Hour = hour?;
        temperatures.push(hour.temperature);
    }
    let year = NdArray::from_array(Array2::from_shape_vec((DAYS, HOURS), temperatures)?);
    let years = year
        .broadcast_to(IxDyn(&[YEARS, DAYS, HOURS]))?
        .named("six centuries")
        .into();
    row("written", &years);
    write_npy(path, &years)?;
    Ok(())
}

#[heapline::profile]
fn sum_in_pieces(array: &NdArray<f64>) {
    let mut pieces = 0;
    let mut most = 0;
    let mut sum = 0.0;
    for piece in array.chunks(PIECE) {
        pieces += 1;
        most = most.max(piece.nbytes());
        sum += piece.sum();
    }
    println!(
        "{pieces} pieces of at most {} bytes, mean {:.3} °C",
        count(most),
        sum / array.len() as f64
    );
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    println!("array    shape               nbytes        heap      mapped");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("hours.npy");
    write(&path)?;
    // SAFETY: the folder is this process's own, and nothing writes the file from here on.
    let mapped = unsafe { open_npy_mmap(&path) }?;
    row("mapped", &mapped);
    let array = NdArray::<f64>::try_from(mapped)?;
    let read = read_npy(&path)?;
    row("read", &read);
    drop(read);

    println!("\nfile: {} bytes", count(path.metadata()?.len() as usize));
    sum_in_pieces(&array);
    drop(array);
    folder.close()?;
    Ok(())
}
