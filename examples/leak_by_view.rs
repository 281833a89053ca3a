//! Why does an array of 13 KB keep 22 MB alive?
//!
//! ```text
//! cargo heapline run --release --example leak_by_view
//! ```
//!
//! For each of three quantities the program has the differences of all pairs of a
//! week's earthquakes, 22 MB, and keeps one row: that of the strongest. As a view
//! the row keeps the whole matrix; a copy of it keeps the row.
//!
//! What tutorials say, checked:
//!
//! * "Leaving a scope frees its arrays." **Wrong** if a slice of one is returned:
//!   the buffer lives as long as its last handle.
//! * "`a[0:10].copy()` wastes memory." **Wrong:** here it is the cure.
//! * "`getrefcount` says who shares the memory." **Wrong:** `holders` does.
//! * "No reference left: the garbage collector frees it." There is none involved,
//!   neither here nor in NumPy: the last handle frees the buffer, at once.
//! * "Live bytes are what the process takes." Neither way: zeros take no physical
//!   memory before they are written, and an allocator may keep what was freed.
//! * ndarray's own `slice_move` keeps the whole vector as well, and a `clone` of
//!   what is left allocates all of it once more; `to_owned` of a view does not.
//!
//! `heapline arrays` warns of each row that keeps a matrix. In the line tables look
//! at the column At peak: the subtraction in `row_of` is there three times, although only
//! rows are left of it.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::path::Path;

use heapline_array::{ArrayMemory, NdArray, Order, deep_nbytes};
use indicatif::HumanCount;
use ndarray::{Array, Array1, Axis, Ix1, s};
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[derive(Deserialize)]
struct Earthquake {
    latitude: f64,
    depth_km: f64,
    magnitude: f64,
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

/// How much the strongest earthquake differs from each, cut from a matrix of all.
#[heapline::profile]
fn row_of(column: Array1<f64>, strongest: usize) -> NdArray<f64, Ix1> {
    let across = column.view().insert_axis(Axis(1));
    let differences = NdArray::from_array(&across - &column).named("differences");
    differences.slice(s![strongest, ..]).named("row")
}

fn report(name: &str, rows: &[NdArray<f64, Ix1>]) {
    let nbytes: usize = rows.iter().map(ArrayMemory::nbytes).sum();
    let held = deep_nbytes(rows).heap_nbytes;
    let holders: Vec<usize> = rows.iter().map(NdArray::holders).collect();
    println!(
        "{name:<8} {:>10} {:>12} {:>10} {:>8.3} %",
        count(nbytes),
        count(held),
        format!("{holders:?}"),
        100.0 * nbytes as f64 / held as f64
    );
}

#[heapline::profile]
fn rows_kept(earthquakes: &[Earthquake], strongest: usize) {
    let column = |of: fn(&Earthquake) -> f64| earthquakes.iter().map(of).collect();
    println!("rows         nbytes        holds    holders     used");
    let views = [
        row_of(column(|earthquake| earthquake.latitude), strongest),
        row_of(column(|earthquake| earthquake.depth_km), strongest),
        row_of(column(|earthquake| earthquake.magnitude), strongest),
    ];
    report("views", &views);
    let copies = views
        .each_ref()
        .map(|row| row.copy(Order::C).named("row, copied"));
    drop(views);
    report("copies", &copies);
}

/// The same of ndarray's own arrays, whose vectors only `into_raw_vec_and_offset` shows.
#[heapline::profile]
fn moved_slices(length: usize) {
    let row = Array::<f64, _>::ones(length * length).slice_move(s![..length]);
    let (cloned, owned) = (row.clone(), row.view().to_owned());
    println!("\nndarray             nbytes     capacity");
    for (name, array) in [
        ("slice_move", row),
        ("its clone", cloned),
        ("its to_owned", owned),
    ] {
        let nbytes = array.nbytes();
        let capacity = array.into_raw_vec_and_offset().0.capacity() * size_of::<f64>();
        println!("{name:<14} {:>11} {:>12}", count(nbytes), count(capacity));
    }
}

/// Physical memory of this process, in bytes.
fn resident_bytes() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no VmRSS")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}

#[heapline::profile]
fn live_is_not_resident() -> Result<(), Box<dyn Error>> {
    let before = resident_bytes()?;
    // In tens of millions: what else the process takes is less than that.
    let show = |what: &str, live: usize| -> Result<(), Box<dyn Error>> {
        let resident = ((resident_bytes()? - before) / 1e7).round() * 10.0;
        println!(
            "{what:<14} {:>11} {:>9.0} MB",
            count(live),
            resident.max(0.0)
        );
        Ok(())
    };
    println!("\n                      live     resident");
    let mut zeros = NdArray::<f64, _>::zeros(5_000_000).named("zeros");
    show("zeros", zeros.base_nbytes())?;
    zeros.view_mut().ok_or("shared")?.fill(1.0);
    show("written", zeros.base_nbytes())?;
    drop(zeros);
    show("dropped", 0)
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let reader = csv::Reader::from_path(data.join("earthquakes.csv"))?;
    let earthquakes: Vec<Earthquake> = reader.into_deserialize().collect::<Result<_, _>>()?;
    let by_magnitude = |(_, one): &(usize, &Earthquake), (_, other): &(usize, &Earthquake)| {
        one.magnitude.total_cmp(&other.magnitude)
    };
    let strongest = earthquakes.iter().enumerate().max_by(by_magnitude);
    let (strongest, _) = strongest.ok_or("no earthquakes")?;
    rows_kept(&earthquakes, strongest);
    moved_slices(earthquakes.len());
    live_is_not_resident()
}
