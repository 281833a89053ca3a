//! Who pays for memory that one thread allocates and another one frees?
//!
//! ```text
//! cargo heapline run --release --example threads
//! ```
//!
//! Two producers parse a file each and send the records in batches; a consumer
//! keeps the largest value of each and frees the rest.
//!
//! Look at the table of `produce`: allocations are charged to its lines,
//! whoever frees them, so Live at end is zero there although not one of these
//! lines frees anything. Increment counts the bytes of the line's own thread:
//! in `produce` it only rises, in `consume` it only falls. A bounded channel
//! (`sync_channel`) would keep the peak low where the consumer is slow.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

const BATCH: usize = 100;

struct Reading {
    label: String,
    value: f64,
}

type Batch = (&'static str, Vec<Reading>);
type Failure = Box<dyn Error + Send + Sync>;

/// Reads two columns of a file.
#[heapline::profile]
fn produce(
    file: &'static str,
    [label, value]: [usize; 2],
    batches: &Sender<Batch>,
) -> Result<(), Failure> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let mut batch = Vec::with_capacity(BATCH);
    for record in csv::Reader::from_path(data.join(file))?.into_records() {
        let record = record?;
        let label = record[label].to_owned();
        let value = record[value].parse()?;
        batch.push(Reading { label, value });
        if batch.len() == BATCH {
            let next = Vec::with_capacity(BATCH);
            batches.send((file, std::mem::replace(&mut batch, next)))?;
        }
    }
    batches.send((file, batch))?;
    Ok(())
}

#[heapline::profile]
fn consume(batches: Receiver<Batch>) -> BTreeMap<&'static str, Reading> {
    let mut largest = BTreeMap::<&str, Reading>::new();
    for (file, batch) in batches {
        for reading in batch {
            if largest
                .get(file)
                .is_none_or(|known| known.value < reading.value)
            {
                largest.insert(file, reading);
            }
        }
    }
    largest
}

fn main() -> Result<(), Failure> {
    let (to_consumer, batches) = channel();
    let consumer = thread::spawn(|| consume(batches));
    let producers = [
        ("earthquakes.csv", [6, 4]),
        ("seattle-hourly-normals.csv", [0, 3]),
    ];
    let producers = producers.map(|(file, columns)| {
        let to_consumer = to_consumer.clone();
        thread::spawn(move || produce(file, columns, &to_consumer))
    });
    drop(to_consumer);
    for producer in producers {
        producer.join().map_err(|_| "a producer panicked")??;
    }
    let largest = consumer.join().map_err(|_| "the consumer panicked")?;
    for (file, Reading { label, value }) in &largest {
        println!("{file}: {value} ({label})");
    }
    Ok(())
}
