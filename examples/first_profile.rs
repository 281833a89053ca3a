//! What does a line of my program cost?
//!
//! ```text
//! cargo heapline run --release --example first_profile
//! ```
//!
//! The program reads the usual weather of every hour of a year and prints a
//! summary of each month. Four habits of memory use are in it, a line each:
//!
//! * `hours.push(…)` grows a vector: it moves into a larger block again and
//!   again, and the last block is up to twice as large as it had to be.
//! * `hours.to_vec()` is a needless clone: sorting references would do. It
//!   comes on top of what `load` returned, and the function's closing brace
//!   gives it back.
//! * `months.entry(…)` makes a temporary: a string for each hour, freed at once
//!   where the month is known already. Many allocations, next to no Increment.
//! * `load(&path)` in `main` leaves a result that stays, to the last line.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[derive(Clone, Deserialize)]
struct Hour {
    date: String,
    temperature: f64,
    wind: f64,
}

struct Month {
    coldest: f64,
    warmest: f64,
    strongest_wind: f64,
}

#[heapline::profile]
fn load(path: &Path) -> Result<Vec<Hour>, csv::Error> {
    let mut hours = Vec::new();
    for hour in csv::Reader::from_path(path)?.into_deserialize() {
        hours.push(hour?);
    }
    Ok(hours)
}

#[heapline::profile]
fn summarise(hours: &[Hour]) -> BTreeMap<String, Month> {
    let mut by_temperature = hours.to_vec();
    by_temperature.sort_unstable_by(|a, b| a.temperature.total_cmp(&b.temperature));

    let mut months = BTreeMap::new();
    for hour in &by_temperature {
        let month = months.entry(hour.date[5..7].to_owned()).or_insert(Month {
            coldest: hour.temperature,
            warmest: hour.temperature,
            strongest_wind: hour.wind,
        });
        month.warmest = hour.temperature;
        month.strongest_wind = month.strongest_wind.max(hour.wind);
    }
    months
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let default = data.join("seattle-hourly-normals.csv");
    let path = std::env::args_os().nth(1).map_or(default, PathBuf::from);

    let hours = load(&path)?;
    let months = summarise(&hours);
    println!("{} hours", hours.len());
    println!("month  coldest  warmest      wind");
    for (name, month) in &months {
        println!(
            "{name:>5} {:5.1} °C {:5.1} °C {:5.1} m/s",
            month.coldest, month.warmest, month.strongest_wind
        );
    }
    Ok(())
}
