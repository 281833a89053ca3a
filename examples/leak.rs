//! What is never freed, and which line made it?
//!
//! ```text
//! cargo heapline run --release --example leak
//! ```
//!
//! For each day the program links every earthquake to the stronger one it
//! followed, and that one back to its aftershocks. Both links own what they
//! point to, so a pair keeps itself alive when the day is dropped. (A `Weak` in
//! `main_shock` would end that.)
//!
//! Look at Live at end: `Rc::new` in `link` has made every linked earthquake of
//! the whole week, still there although `main` drops each day; and with them
//! stay the strings of their records, which `main` read. In the table of `main`
//! the line `drop(day)` gives back only what was not linked.

#![allow(clippy::print_stdout)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::rc::Rc;

use serde::Deserialize;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[derive(Deserialize)]
struct Record {
    time: String,
    magnitude: f64,
    network: String,
}

struct Earthquake {
    record: Record,
    main_shock: RefCell<Option<Rc<Earthquake>>>,
    aftershocks: RefCell<Vec<Rc<Earthquake>>>,
}

/// Links an earthquake to the last one before it that the same network
/// reported, if that was the stronger one.
#[heapline::profile]
fn link(records: Vec<Record>) -> Vec<Rc<Earthquake>> {
    let mut day: Vec<Rc<Earthquake>> = Vec::new();
    for record in records {
        let earthquake = Rc::new(Earthquake {
            record,
            main_shock: RefCell::default(),
            aftershocks: RefCell::default(),
        });
        let network = &earthquake.record.network;
        let before = day
            .iter()
            .rev()
            .find(|other| other.record.network == *network);
        if let Some(main_shock) = before
            && main_shock.record.magnitude > earthquake.record.magnitude
        {
            main_shock
                .aftershocks
                .borrow_mut()
                .push(Rc::clone(&earthquake));
            *earthquake.main_shock.borrow_mut() = Some(Rc::clone(main_shock));
        }
        day.push(earthquake);
    }
    day
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let mut dates = BTreeMap::<String, Vec<Record>>::new();
    for record in csv::Reader::from_path(data.join("earthquakes.csv"))?.into_deserialize() {
        let record: Record = record?;
        dates
            .entry(record.time[..10].to_owned())
            .or_default()
            .push(record);
    }
    while let Some((date, records)) = dates.pop_first() {
        let day = link(records);
        let linked = day
            .iter()
            .filter(|earthquake| Rc::strong_count(earthquake) > 1);
        println!(
            "{date}: {} earthquakes, {} linked",
            day.len(),
            linked.count()
        );
        drop(day);
    }
    Ok(())
}
