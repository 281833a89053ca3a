//! NumPy's answers, case by case: one folder of JSON files, each with its own form.
//!
//! The folder is named by `HEAPLINE_NUMPY_CASES`; without it the crate's own is read. What
//! is not known (a file, an operation, a field, a dtype, a rule, a tag) is a failure.
#![allow(clippy::print_stdout)]

mod arrays;
mod broadcast;
mod casts;
mod dtypes;
mod lifetime;
mod operations;
#[cfg(not(miri))]
mod recorded;
mod reduce;
mod resize;
mod share;
mod values;
mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Fields that tell of a case, but nothing that could be compared.
const INFORMATIONAL: [&str; 7] = [
    "id",
    "title",
    "tags",
    // NumPy's raw flag is false for some fresh results, too: ours is `is_view`.
    "numpy_owndata_flag",
    // How close other orders of addition come.
    "sequential",
    "numpy_abs_error",
    "sequential_abs_error",
];

/// Cases that nobody can pass: no portable type, and what C leaves open.
const SKIPPED: [&str; 2] = ["longdouble", "unspecified"];

/// Tag of arrays that are too large to be made: only the arithmetic counts.
const ESTIMATE_ONLY: &str = "estimate_only";

/// Tags of cases that are to be passed.
const KNOWN_TAGS: [&str; 3] = ["same_value", "weak_scalar", ESTIMATE_ONLY];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "numpy")]
    _numpy: String,
    #[serde(rename = "platform")]
    _platform: String,
    cases: Vec<Value>,
}

/// What went wrong.
type Check = Result<(), String>;

/// How the cases of a file are checked, by its name.
fn check_of(file: &str) -> Option<fn(Value) -> Check> {
    Some(match file {
        "astype_cases" => |case| casts::astype(parse(case)?),
        "broadcast_cases" => |case| broadcast::check(parse(case)?),
        "can_cast" => |case| casts::can_cast(parse(case)?),
        "dtype_cases" => |case| dtypes::dtype(parse(case)?),
        "finfo_cases" => |case| dtypes::finfo(parse(case)?),
        "iinfo_cases" => |case| dtypes::iinfo(parse(case)?),
        "lifetime_cases" => |case| lifetime::check(parse(case)?),
        "min_scalar_type" => |case| casts::min_scalar_type(parse(case)?),
        "nbytes_cases" => |case| dtypes::nbytes(parse(case)?),
        "promote_types" => |case| casts::promote(parse(case)?),
        "reduction_dtype" => |case| reduce::check(parse(case)?),
        "resize_cases" => |case| resize::check(parse(case)?),
        "shares_memory_cases" => |case| share::check(parse(case)?),
        "view_cases" => |case| view::check(parse(case)?),
        _ => return None,
    })
}

fn parse<T: DeserializeOwned>(case: Value) -> Result<T, String> {
    serde_json::from_value(case).map_err(|error| format!("not understood: {error}"))
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: BTreeMap<String, usize>,
}

impl Count {
    fn line(&self, name: &str) -> String {
        let skipped: usize = self.skipped.values().sum();
        let reasons = self
            .skipped
            .iter()
            .map(|(tag, count)| format!("{tag} {count}"));
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        let reasons = match skipped {
            0 => String::new(),
            _ => format!(" ({reasons})"),
        };
        format!(
            "{name:<26}{:>7} passed{:>6} failed{skipped:>6} skipped{reasons}",
            self.passed, self.failed
        )
    }

    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        for (tag, count) in other.skipped {
            *self.skipped.entry(tag).or_default() += count;
        }
    }
}

fn folder() -> PathBuf {
    match std::env::var_os("HEAPLINE_NUMPY_CASES") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy"),
    }
}

#[test]
fn numpy_says_the_same() {
    let (total, complaints) = check_folder(&folder());
    println!("{}", total.line("total"));
    let slowest = share::SLOWEST_NANOS.load(Ordering::Relaxed);
    println!("slowest shares_memory: {} µs", slowest as f64 / 1e3);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(total.passed > 0, "no case in {}", folder().display());
}

fn check_folder(folder: &Path) -> (Count, Vec<String>) {
    let (mut total, mut complaints) = (Count::default(), Vec::new());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return (total, vec![format!("{}: {error}", folder.display())]);
        }
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
    {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut count = Count::default();
        if let Err(complaint) = check_file(path, &mut count, &mut complaints) {
            count.failed += 1;
            complaints.push(format!("{name}: {complaint}"));
        }
        println!("{}", count.line(&name));
        total.add(count);
    }
    (total, complaints)
}

fn check_file(path: &Path, count: &mut Count, complaints: &mut Vec<String>) -> Check {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let check = check_of(&stem).ok_or("an unknown file")?;
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file: File = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for case in file.cases {
        let id = case["id"]
            .as_str()
            .unwrap_or("a case without id")
            .to_owned();
        // A panic is one case's failure, too.
        let checked = std::panic::catch_unwind(|| check_case(case, check));
        match checked.unwrap_or_else(|_| Err("panicked".to_owned())) {
            Ok(None) => count.passed += 1,
            Ok(Some(tag)) => *count.skipped.entry(tag).or_default() += 1,
            Err(complaint) => {
                count.failed += 1;
                complaints.push(format!("{stem} {id}: {complaint}"));
            }
        }
    }
    Ok(())
}

/// Passed, or skipped because of a tag.
fn check_case(mut case: Value, check: fn(Value) -> Check) -> Result<Option<String>, String> {
    let tags = case.get("tags").and_then(Value::as_array).cloned();
    let mut is_estimate = false;
    for tag in tags.unwrap_or_default() {
        let tag = tag.as_str().ok_or("a tag that is no text")?.to_owned();
        if SKIPPED.contains(&&*tag) {
            return Ok(Some(tag));
        }
        if !KNOWN_TAGS.contains(&&*tag) {
            return Err(format!("unknown tag {tag}"));
        }
        is_estimate |= tag == ESTIMATE_ONLY;
    }
    let fields = case.as_object_mut().ok_or("a case that is no object")?;
    let has_outcome = fields.contains_key("result") || fields.contains_key("error");
    if !has_outcome && !fields.contains_key("after") {
        return Err("neither result nor error".to_owned());
    }
    remove_informational(fields);
    if let Some(result) = fields.get_mut("result").and_then(Value::as_object_mut) {
        remove_informational(result);
        if is_estimate {
            // To see these, the array would have to be made.
            result.retain(|name, _| !["c_order", "f_order"].contains(&&**name));
        }
    }
    check(case).map(|()| None)
}

fn remove_informational(fields: &mut Map<String, Value>) {
    fields.retain(|name, _| !INFORMATIONAL.contains(&&**name));
}

/// Says what differs, by name.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, numpy: T) -> Check {
    if ours == numpy {
        Ok(())
    } else {
        Err(format!("{what}: {ours:?}, but NumPy {numpy:?}"))
    }
}

#[test]
fn what_is_unknown_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, cases: &str| {
        let text = format!(r#"{{"about":"","numpy":"","platform":"","cases":[{cases}]}}"#);
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    let cast = |more: &str| {
        let result = r#"{"no":true,"equiv":true,"safe":true,"same_kind":true,"unsafe":true}"#;
        format!(r#"{{"id":"x","from":"bool","to":"bool"{more},"result":{result}}}"#)
    };
    write("can_cast.json", &cast(""));
    assert_eq!(check_folder(folder.path()).0.passed, 1);
    let strange = [
        cast(r#","tags":["strange"]"#),
        cast(r#","strange":1"#),
        cast("").replace(r#""from":"bool""#, r#""from":"strange""#),
        cast("").replace(r#""no""#, r#""strange""#),
        cast("").replace(r#""result""#, r#""strange""#),
        cast("").replace("true", "false"),
    ];
    for case in &strange {
        write("can_cast.json", &format!("{case},{}", cast("")));
        let (count, complaints) = check_folder(folder.path());
        assert_eq!(
            (count.passed, count.failed, complaints.len()),
            (1, 1, 1),
            "{case}"
        );
    }
    write("can_cast.json", "");
    write("strange.json", "");
    assert_eq!(check_folder(folder.path()).0.failed, 1);
    let missing = folder.path().join("missing");
    assert_eq!(check_folder(&missing).1.len(), 1);
}

#[test]
fn what_is_only_an_estimate_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = r#"{"strides":[8],"c_contiguous":true,"f_contiguous":true}"#;
    let case = format!(
        r#"{{"id":"x","dtype":"float64","shape":[1125899906842624],"tags":["estimate_only"],
        "result":{{"ndim":1,"size":1125899906842624,"itemsize":8,"nbytes":9007199254740992,
        "c_order":{layout},"f_order":{layout}}}}}"#
    );
    let check = |case: &str| {
        let text = format!(r#"{{"about":"","numpy":"","platform":"","cases":[{case}]}}"#);
        std::fs::write(folder.path().join("nbytes_cases.json"), text).expect("written");
        check_folder(folder.path()).0
    };
    assert_eq!(check(&case).passed, 1);
    assert_eq!(
        check(&case.replace("estimate_only", "weak_scalar")).failed,
        1
    );
    assert_eq!(check(&case.replace("740992", "740991")).failed, 1);
}
