//! Which line is responsible for the peak?
//!
//! ```text
//! cargo heapline run --release --example which_line_peaks
//! ```
//!
//! The program finds the busiest place on the map in a week of earthquakes. It
//! holds three things, one after the other: the text of the file, the parsed
//! earthquakes, and a grid over the whole earth.
//!
//! Look at Live at peak, not at Allocated. `parse` allocates most often, and
//! the text is gone when the peak comes; the line that made the peak is the one
//! that makes the grid, although nothing of it is left at the end. Nearly all
//! its cells stay zero: a map of those in use would be small.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// The cells of the grid are a quarter of a degree wide and high.
const COLUMNS: usize = 360 * 4;
const ROWS: usize = 180 * 4;

#[derive(Deserialize)]
struct Earthquake {
    latitude: f64,
    longitude: f64,
    magnitude: f64,
    place: String,
}

impl Earthquake {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn cell(&self) -> usize {
        let row = ((self.latitude + 90.0) * 4.0) as usize;
        let column = ((self.longitude + 180.0) * 4.0) as usize;
        row.min(ROWS - 1) * COLUMNS + column.min(COLUMNS - 1)
    }
}

#[heapline::profile]
fn parse(text: &str) -> Result<Vec<Earthquake>, csv::Error> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().collect()
}

#[heapline::profile]
fn busiest_cell(earthquakes: &[Earthquake]) -> Vec<&Earthquake> {
    let mut grid = vec![0_u32; COLUMNS * ROWS];
    for earthquake in earthquakes {
        grid[earthquake.cell()] += 1;
    }
    let cells = grid.iter().enumerate();
    let busiest = cells.max_by_key(|(_, count)| **count).map(|(cell, _)| cell);
    let in_cell = |earthquake: &&Earthquake| Some(earthquake.cell()) == busiest;
    earthquakes.iter().filter(in_cell).collect()
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let text = fs::read_to_string(data.join("earthquakes.csv"))?;
    let mut earthquakes = parse(&text)?;
    drop(text);
    earthquakes.shrink_to_fit();

    let busiest = busiest_cell(&earthquakes);
    println!("{} of {} in one cell", busiest.len(), earthquakes.len());
    for earthquake in busiest.iter().take(3) {
        println!("magnitude {}, {}", earthquake.magnitude, earthquake.place);
    }
    Ok(())
}
