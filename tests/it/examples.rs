//! The examples about arrays: what they print against shapes, item sizes and the data
//! sets themselves, and that a recording changes none of it.

mod memory;
mod reports;
mod shapes;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use heapline_trace::Trace;

use crate::processes::{BUILD_DEADLINE, Watched, output_of};
use crate::support::{fresh_folder, stacked_allocations, target_folder};

/// Bytes of a float64.
const F64: usize = 8;
const DAYS: usize = 364;
const HOURS: usize = 24;

/// An example as this test is built: with or without optimisation.
fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let (profile, folder) = match cfg!(debug_assertions) {
            true => ("dev", "debug"),
            false => ("release", "release"),
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--examples", "--profile", profile])
            .arg("--target-dir")
            .arg(target_folder());
        let status = Watched::start_within(&mut cargo, BUILD_DEADLINE).wait();
        assert!(status.success(), "they build");
        target_folder().join(folder).join("examples")
    });
    folder.join(name)
}

fn run(name: &str, settings: Option<String>) -> Output {
    let mut command = Command::new(example(name));
    command.env_remove("HEAPLINE");
    command.envs(settings.map(|settings| ("HEAPLINE", settings)));
    let output = output_of(&mut command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    output
}

/// What an example prints, the same whether it is recorded or not.
fn printed(name: &str) -> Printed {
    let plain = run(name, None);
    let trace = fresh_folder(name).join("trace.heapline");
    let recorded = run(name, Some(format!("quiet,out={}", trace.display())));
    let text = String::from_utf8(plain.stdout).expect("UTF-8");
    assert_eq!(String::from_utf8_lossy(&recorded.stdout), text);
    let trace = Trace::open(std::fs::read(trace).expect("a trace")).expect("a readable trace");
    let allocations = stacked_allocations(&trace);
    let allocated: Vec<usize> = allocations.iter().map(|made| made.bytes as usize).collect();
    assert!(!allocated.is_empty(), "it was recorded");
    Printed { text, allocated }
}

struct Printed {
    text: String,
    /// Bytes of each allocation of the recorded run.
    allocated: Vec<usize>,
}

impl Printed {
    /// The words behind a row's name, without commas in numbers.
    fn row(&self, name: &str) -> Vec<String> {
        self.rows(name).remove(0)
    }

    /// The same of all rows of that name.
    fn rows(&self, name: &str) -> Vec<Vec<String>> {
        let behind = |line: &str| {
            let words = line
                .strip_prefix(name)?
                .strip_prefix(' ')?
                .split_whitespace();
            Some(words.map(|word| word.replace(',', "")).collect())
        };
        let rows: Vec<_> = self.text.lines().filter_map(behind).collect();
        assert!(!rows.is_empty(), "no '{name}' in\n{}", self.text);
        rows
    }

    /// The last words of a row as numbers.
    fn numbers<const N: usize>(&self, name: &str) -> [usize; N] {
        last_numbers(&self.row(name))
    }

    #[track_caller]
    fn has(&self, text: &str) {
        assert!(self.text.contains(text), "no '{text}' in\n{}", self.text);
    }
}

fn last_numbers<const N: usize>(words: &[String]) -> [usize; N] {
    let numbers = words[words.len() - N..].iter().map(|word| {
        word.parse()
            .unwrap_or_else(|_| panic!("{word} of {words:?}"))
    });
    numbers.collect::<Vec<_>>().try_into().expect("so many")
}

/// A column of a data set, as text.
fn column(file: &str, name: &str) -> Vec<String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let mut reader = csv::Reader::from_path(data.join(file)).expect("there");
    let headers = reader.headers().expect("names").clone();
    let place = headers.iter().position(|header| header == name);
    let place = place.expect("the column");
    let rows = reader.into_records().map(|row| row.expect("a row"));
    rows.map(|row| row[place].to_owned()).collect()
}

fn depths() -> Vec<f64> {
    let depths = column("earthquakes.csv", "depth_km");
    depths
        .iter()
        .map(|km| km.parse().expect("a number"))
        .collect()
}

/// Numbers with one digit behind the point at most, in tenths.
fn tenths(name: &str) -> Vec<i64> {
    let texts = column("seattle-hourly-normals.csv", name);
    let tenths = texts.iter().map(|text| {
        let (whole, digit) = text.split_once('.').unwrap_or((text, "0"));
        assert_eq!(digit.len(), 1, "{text}");
        format!("{whole}{digit}").parse().expect("digits")
    });
    tenths.collect()
}
