//! The documents for programs: exactly these keys, with values of these kinds.

use serde_json::{Map, Value};

use super::{sample, text, works};

/// What a value may be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Integer,
    Text,
    TextOrNull,
    Flag,
    List,
    Object,
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Kind::Integer => value.is_u64(),
            Kind::Text => value.is_string(),
            Kind::TextOrNull => value.is_string() || value.is_null(),
            Kind::Flag => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Object => value.is_object(),
        }
    }
}

use Kind::{Flag, Integer, List, Object, Text, TextOrNull};

const SUMMARY: [(&str, Kind); 20] = [
    ("schema", Integer),
    ("program", Text),
    ("command", List),
    ("pid", Integer),
    ("parent_pid", Integer),
    ("allocations", Integer),
    ("allocated_bytes", Integer),
    ("deallocations", Integer),
    ("deallocated_bytes", Integer),
    ("reallocations", Integer),
    ("reallocated_bytes", Integer),
    ("failed_allocations", Integer),
    ("peak_bytes", Integer),
    ("peak_at_ns", Integer),
    ("live_at_end_bytes", Integer),
    ("live_at_end_blocks", Integer),
    ("temporary_allocations", Integer),
    ("threads", Integer),
    ("duration_ns", Integer),
    ("quality", Object),
];

const QUALITY: [(&str, Kind); 13] = [
    ("events", Integer),
    ("skipped_events", Integer),
    ("cut_stacks", Integer),
    ("ambiguous_stacks", Integer),
    ("lost_stacks", Integer),
    ("lost_blocks", Integer),
    ("order_anomalies", Integer),
    ("reallocations_in_flight", Integer),
    ("unknown_deallocations", Integer),
    ("missing_symbols", Integer),
    ("exact", Flag),
    ("end", Text),
    ("stop_reason", TextOrNull),
];

const TABLE: [(&str, Kind); 3] = [("schema", Integer), ("quality", Object), ("rows", List)];

const ROW: [(&str, Kind); 13] = [
    ("file", Text),
    ("line", Integer),
    ("function", Text),
    ("crate", Text),
    ("allocations", Integer),
    ("allocated_bytes", Integer),
    ("reallocations", Integer),
    ("reallocated_bytes", Integer),
    ("live_at_peak_bytes", Integer),
    ("live_at_end_bytes", Integer),
    ("max_live_bytes", Integer),
    ("temporary_allocations", Integer),
    ("source", TextOrNull),
];

/// An object with these keys, no fewer and no more.
fn check<'a>(value: &'a Value, keys: &[(&str, Kind)]) -> &'a Map<String, Value> {
    let object = value.as_object().expect("an object");
    for (key, kind) in keys {
        let value = object.get(*key).unwrap_or_else(|| panic!("no {key}"));
        assert!(kind.holds(value), "{key} is no {kind:?}: {value}");
    }
    let known = |key: &String| keys.iter().any(|(known, _)| known == key);
    let more: Vec<&String> = object.keys().filter(|key| !known(key)).collect();
    assert!(more.is_empty(), "unexpected: {more:?}");
    object
}

fn document(arguments: &[&str]) -> Value {
    let stdout = works(&[arguments, &["--format", "json", text(sample())]].concat());
    assert!(stdout.ends_with("}\n"));
    serde_json::from_str(&stdout).expect("JSON")
}

#[test]
fn a_summary() {
    let summary = document(&["summary"]);
    let object = check(&summary, &SUMMARY);
    check(&object["quality"], &QUALITY);
    assert_eq!(summary["schema"], 1);
    assert_eq!(summary["command"][1], "threads");
    assert_eq!(summary["threads"], 6);
    assert_eq!(summary["quality"]["end"], "exit");
    assert_eq!(summary["quality"]["stop_reason"], Value::Null);
}

#[test]
fn line_tables() {
    for arguments in [
        &["lines"][..],
        &["lines", "--all", "--own", "--sort", "file"],
        &["lines", "--function", "no such function"],
    ] {
        let table = document(arguments);
        let object = check(&table, &TABLE);
        assert_eq!(table["schema"], 1);
        check(&object["quality"], &QUALITY);
        let rows = table["rows"].as_array().expect("checked");
        for row in rows {
            check(row, &ROW);
        }
        assert_eq!(rows.is_empty(), arguments.contains(&"--function"));
    }
}
