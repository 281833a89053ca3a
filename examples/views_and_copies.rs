//! Is it a view or a copy?
//!
//! ```text
//! cargo heapline run --release --example views_and_copies
//! ```
//!
//! The program has how far each earthquake of a week lies below each other one, a
//! matrix of 22 MB, and cuts from it in every way. `new` are the bytes that the
//! cut allocated, `holds` are those that the result keeps alive.
//!
//! What tutorials say, checked:
//!
//! * "A basic slice is a view; lists of indices and masks copy." Always.
//! * "`ravel` keeps the same memory." Only of contiguous arrays: of the
//!   transposed matrix it is a copy, unless its order is `K`.
//! * "A copy allocates as much as the original." A copy of a view allocates the
//!   view's elements: that of ten rows is small, whatever they were cut from.
//! * "`a[0:10].copy()` wastes memory." **Wrong** if it is kept and `a` is not: the
//!   copy holds ten rows, the view the whole matrix.
//! * "`getrefcount` says how many arrays share the memory." **Wrong:** it counts
//!   references to one object, and says 3 of a view where 4 arrays share a buffer.
//!   `holders` counts the handles of the buffer.
//! * `m[1:4:-1]` is empty in Python, where a negative step starts from the end.
//!   ndarray's `s![1..4;-1]` cuts first and then reverses: three rows.
//! * "`v[0] = 1` writes through to `a`." Not here: who shares does not write. The
//!   first write copies, and says so.
//!
//! Look at Allocated of each line of `main`: next to nothing for a view, whatever its
//! `nbytes`, for a copy what the table says. Only what is kept in a variable has an
//! Increment, too. `heapline arrays` has who holds whom.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use heapline_array::{ArrayMemory, Element, NdArray, Order, slice};
use indicatif::HumanCount;
use ndarray::{Array1, Axis, Dimension, Ix2, s};
use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[derive(Deserialize)]
struct Earthquake {
    depth_km: f64,
}

fn depths() -> Result<Array1<f64>, csv::Error> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let earthquakes = csv::Reader::from_path(data.join("earthquakes.csv"))?.into_deserialize();
    earthquakes
        .map(|earthquake| earthquake.map(|one: Earthquake| one.depth_km))
        .collect()
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

fn row<A: Element, D: Dimension>(name: &str, array: &NdArray<A, D>, from: &NdArray<f64, Ix2>) {
    // An empty view shares nothing, but keeps the buffer.
    let (kind, new) = match array.base().id == from.base().id {
        true => ("view", 0),
        false => ("copy", array.base_nbytes()),
    };
    assert_eq!(
        array.shares_memory(from),
        kind == "view" && !array.is_empty()
    );
    println!(
        "{name:<26} {kind} {:>11} {:>11} {:>11}",
        count(array.nbytes()),
        count(new),
        count(array.base_nbytes())
    );
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let depths = depths()?;
    let below = &depths.view().insert_axis(Axis(1)) - &depths;
    let m = NdArray::from_array(below).named("m");
    println!(
        "m: {:?} {}, nbytes {}\n",
        m.shape(),
        m.dtype(),
        count(m.nbytes())
    );

    println!("cut                        is        nbytes         new       holds");
    let rows = m.slice(s![..10, ..]).named("ten rows");
    row("m[:10]", &rows, &m);
    row("m[:10].copy()", &rows.copy(Order::C), &m);
    row("m[::2, ::2]", &m.slice(s![..;2, ..;2]), &m);
    row("m[::-1]", &m.index(&[slice(None, None, -1)])?, &m);
    row("m[1:4:-1]", &m.index(&[slice(1, 4, -1)])?, &m);
    row("s![1..4;-1]", &m.slice(s![1..4;-1, ..]), &m);
    row("m.T", &m.t(), &m);
    row("m[[0, 5, -1]]", &m.take(&[0, 5, -1], 0)?, &m);
    let deep = m.view().mapv(|km| km > 100.0);
    row("m[m > 100]", &m.mask(deep.view())?.named("deep"), &m);
    drop(deep);
    row("m.ravel()", &m.ravel(Order::C), &m);
    row("m.T.ravel()", &m.t().ravel(Order::C).named("raveled"), &m);
    row("m.T.ravel('K')", &m.t().ravel(Order::K), &m);
    row("m.flatten()", &m.flatten(Order::C).named("flat"), &m);

    println!("\nhandles that share m's buffer: {}", m.holders());
    let mut written = m.clone().named("written");
    println!("after written = m.clone(): {}", m.holders());
    written.make_mut()[[0, 0]] = 1.0;
    println!(
        "after a write to it: {}, and m[0, 0] is still {}",
        m.holders(),
        m.view()[[0, 0]]
    );
    row("written", &written, &m);
    drop(m);
    println!(
        "after drop(m): {}, ten rows hold {}",
        rows.holders(),
        count(rows.base_nbytes())
    );
    Ok(())
}
