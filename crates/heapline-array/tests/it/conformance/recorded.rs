//! The cases once more while a recording runs: what is noted allocates nothing, and the
//! report's buffers, holders and bytes are NumPy's.

use heapline_report::{ArrayBuffer, ArrayFacts, At, Options, Report};

use super::lifetime::{Buffer, Case, State};
use super::{Check, Value};
use super::{File, check_folder, folder, parse, same};

#[test]
fn the_report_says_what_numpy_says() {
    let files = tempfile::tempdir().expect("a folder");
    let trace = files.path().join("cases.heapline");
    let config = heapline::Config::new().out(&trace);
    let recording = heapline::start(&config).expect("starts");
    let (total, complaints) = check_folder(&folder());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(total.passed > 0, "no case in {}", folder().display());
    let states = lifetime_states();
    drop(recording);

    let report = Report::open(&trace, &Options::default(), &mut |_| {}).expect("a trace");
    assert!(report.quality().exact, "{:?}", report.quality());
    let arrays = report.arrays(At::End, &mut |_| {}).expect("reads again");
    for (prefix, _alive, state) in states {
        let checked = compare(&arrays.buffers, &prefix, state);
        checked.unwrap_or_else(|error| panic!("{prefix} {error}"));
    }
}

/// The arrays after each step of each case, under names that nothing else has.
fn lifetime_states() -> Vec<(String, impl Sized, State)> {
    let path = folder().join("lifetime_cases.json");
    // Another folder may have none.
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    let file: File = serde_json::from_str(&text).expect("as it was checked");
    let mut states = Vec::new();
    for mut case in file.cases {
        let id = case["id"].as_str().expect("as it was checked").to_owned();
        let case: Case = parse(fields_of(&mut case)).expect("as it was checked");
        let prefix = |step| format!("{id}, step {step}: ");
        let alive = case.alive(prefix).expect("as it was checked");
        let alive = alive.into_iter().enumerate();
        states.extend(alive.map(|(step, (alive, state))| (prefix(step), alive, state)));
    }
    states
}

fn fields_of(case: &mut Value) -> Value {
    if let Some(fields) = case.as_object_mut() {
        super::remove_informational(fields);
    }
    case.take()
}

fn compare(buffers: &[ArrayBuffer], prefix: &str, numpy: State) -> Check {
    let name = |array: &ArrayFacts| Some(array.name.as_ref()?.strip_prefix(prefix)?.to_owned());
    let here = buffers
        .iter()
        .filter(|buffer| buffer.alive().any(|array| name(array).is_some()));
    let mut ours: Vec<Buffer> = Vec::new();
    let mut sum = 0;
    for buffer in here {
        let mut holders: Vec<String> = buffer.alive().filter_map(name).collect();
        holders.sort();
        sum += buffer.alive().map(|array| array.nbytes).sum::<u64>();
        ours.push(Buffer {
            nbytes: buffer.holds.heap_bytes() as usize,
            holders,
        });
    }
    let live = ours.iter().map(|buffer| buffer.nbytes).sum();
    same("live_nbytes", live, numpy.live_nbytes)?;
    same("sum_of_nbytes", sum as usize, numpy.sum_of_nbytes)?;
    let mut theirs = numpy.buffers;
    theirs.iter_mut().for_each(|buffer| buffer.holders.sort());
    ours.sort();
    theirs.sort();
    same("buffers", ours, theirs)
}
