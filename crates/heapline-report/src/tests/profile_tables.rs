//! `#[profile]` tables, down to the byte.

use std::fs;
use std::path::PathBuf;

use heapline_trace::{NodeId, TraceBuilder};

use super::report;
use crate::profile_table::{Measured, ProfileTable};
use crate::{Report, render};

const NODE: NodeId = NodeId::COMPLETE;
const MIB: u64 = 1 << 20;

fn table(report: &Report) -> ProfileTable {
    let mut tables = report.profile_tables();
    assert_eq!(tables.len(), 1);
    tables.remove(0)
}

fn measured(table: &ProfileTable, line: u32) -> (Option<u64>, i64, u64) {
    let row = table
        .rows
        .iter()
        .find(|row| row.line == line)
        .expect("the line");
    let Measured {
        live_bytes,
        increment_bytes,
        occurrences,
    } = row.measured.expect("measured");
    (live_bytes, increment_bytes, occurrences)
}

#[test]
fn the_layout_is_that_of_memory_profiler() {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("sample.rs");
    let source =
        "\n\n\n#[profile]\nfn work() {\n\tlet a = make();\n\n    drop(a);\n    never();\n}\n";
    fs::write(&path, source).expect("writes");
    let name = path.to_str().expect("UTF-8");
    let mut builder = TraceBuilder::new();
    let function = builder.scopes(name, "app::work", &[4, 6, 8, 9, 10], 10, &[1, 1, 1, 0, 1]);
    builder
        .stream()
        .alloc(5, 0x100, 36_712_743, NODE)
        .scope_enter(10, 0, function, 0)
        .scope_line(11, 0, 1)
        .alloc(12, 0x200, 8_003_649, NODE)
        .scope_line(13, 0, 2)
        .dealloc(14, 0x200)
        .scope_line(15, 0, 4)
        .scope_exit(16, 0);
    let text = render::text::profile(&report(builder).profile_tables(), None);
    let expected = "\
Line #    Mem usage    Increment  Occurrences   Line Contents
=============================================================
     4   35.012 MiB    0.000 MiB           1   #[profile]
     5                                         fn work() {
     6   42.645 MiB    7.633 MiB           1   \tlet a = make();
     7                                         
     8   35.012 MiB   -7.633 MiB           1       drop(a);
     9                                             never();
    10   35.012 MiB    0.000 MiB           1   }


";
    assert_eq!(text, format!("Filename: {name}\n\n{expected}"));
}

#[test]
fn a_line_sums_its_executions_and_keeps_its_largest_heap() {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "f", &[1, 2, 3], 4, &[1, 3, 3]);
    let main = builder.stream();
    main.scope_enter(1, 0, function, 0);
    for round in 0..3 {
        let at = 10 * (round + 1);
        main.scope_line(at, 0, 1)
            .alloc(at + 1, 0x100 + round, (round + 1) * MIB, NODE)
            .scope_line(at + 2, 0, 2);
        if round < 2 {
            main.dealloc(at + 3, 0x100 + round);
        }
    }
    main.scope_exit(90, 0);
    let table = table(&report(builder));
    assert_eq!(measured(&table, 1), (Some(0), 0, 1));
    assert_eq!(measured(&table, 2), (Some(3 * MIB), 6 * MIB as i64, 3));
    assert_eq!(measured(&table, 3), (Some(3 * MIB), -3 * MIB as i64, 3));
    assert_eq!(table.rows[3].measured, None);
}

#[test]
fn reallocations_count_by_their_difference() {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "f", &[1, 2], 3, &[1, 1]);
    builder
        .stream()
        .alloc(1, 0x100, 100, NODE)
        .scope_enter(2, 0, function, 0)
        .scope_line(3, 0, 1)
        .realloc((4, 5), (0x100, 0x200), 350, NODE)
        .scope_exit(6, 0);
    assert_eq!(measured(&table(&report(builder)), 2), (Some(350), 250, 1));
}

#[test]
fn a_recursive_line_has_each_event_once() {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "f", &[1, 2, 3], 4, &[2, 2, 2]);
    builder
        .stream()
        .scope_enter(1, 0, function, 0)
        .scope_line(2, 0, 1)
        .alloc(3, 0x100, 1, NODE)
        // Line 2 of the outer call calls the function again.
        .scope_enter(4, 1, function, 0)
        .scope_line(5, 1, 1)
        .alloc(6, 0x200, 10, NODE)
        .scope_line(7, 1, 2)
        .alloc(8, 0x300, 100, NODE)
        .scope_exit(9, 1)
        .scope_line(10, 0, 2)
        .alloc(11, 0x400, 1000, NODE)
        .scope_exit(12, 0);
    let table = table(&report(builder));
    assert_eq!(measured(&table, 2), (Some(111), 111, 2));
    assert_eq!(measured(&table, 3), (Some(1111), 1100, 2));
    assert_eq!(measured(&table, 1), (Some(11 - 10), 0, 2));
}

#[test]
fn a_call_of_another_function_belongs_to_its_line() {
    let mut builder = TraceBuilder::new();
    let outer = builder.scopes("a.rs", "outer", &[1, 2], 3, &[1, 1]);
    let inner = builder.scopes("a.rs", "inner", &[11, 12], 13, &[1, 1]);
    builder
        .stream()
        .scope_enter(1, 0, outer, 0)
        .scope_line(2, 0, 1)
        .scope_enter(3, 1, inner, 0)
        .scope_line(4, 1, 1)
        .alloc(5, 0x100, 64, NODE)
        .scope_exit(6, 1)
        .scope_exit(7, 0);
    let tables = report(builder).profile_tables();
    assert_eq!(measured(&tables[0], 2), (Some(64), 64, 1));
    assert_eq!(measured(&tables[1], 12), (Some(64), 64, 1));
}

#[test]
fn threads_are_added_and_other_threads_do_not_count() {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "f", &[1, 2], 3, &[2, 2]);
    builder
        .stream()
        .scope_enter(10, 0, function, 0)
        .scope_line(11, 0, 1)
        .alloc(12, 0x100, 5, NODE)
        .scope_exit(40, 0);
    builder
        .stream()
        .scope_enter(20, 0, function, 0)
        .scope_line(21, 0, 1)
        .alloc(22, 0x200, 7, NODE)
        .dealloc(23, 0x100)
        .scope_exit(30, 0);
    builder.stream().alloc(25, 0x300, 1000, NODE);
    let table = table(&report(builder));
    assert_eq!(measured(&table, 2), (Some(1007), 7, 2));
    assert_eq!(measured(&table, 1), (Some(5), 0, 2));
}

#[test]
fn what_never_ended_counts_to_the_end() {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "f", &[1, 2], 3, &[2, 2]);
    let slot = builder.stream();
    slot.scope_enter(1, 0, function, 0)
        .scope_line(2, 0, 1)
        .alloc(3, 0x100, 5, NODE)
        .thread(4, 9, b"next owner")
        .alloc(5, 0x200, 100, NODE)
        .scope_enter(6, 0, function, 0)
        .scope_line(7, 0, 1)
        .alloc(8, 0x300, 6, NODE);
    let table = table(&report(builder));
    assert_eq!(measured(&table, 2), (Some(111), 11, 2));
}

#[test]
fn an_exit_from_several_calls_at_once_closes_them() {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "f", &[1, 2], 3, &[2, 2]);
    builder
        .stream()
        .scope_enter(1, 0, function, 0)
        .scope_line(2, 0, 1)
        .scope_enter(3, 1, function, 0)
        .scope_line(4, 1, 1)
        .alloc(5, 0x100, 5, NODE)
        .scope_exit(6, 0)
        .alloc(7, 0x200, 100, NODE)
        // Marks of activations that are not there change nothing.
        .scope_line(8, 3, 1)
        .scope_exit(9, 7);
    assert_eq!(measured(&table(&report(builder)), 2), (Some(5), 5, 2));
}

#[test]
fn a_function_that_never_ran_prints_nothing() {
    let mut builder = TraceBuilder::new();
    builder.scopes("a.rs", "f", &[1, 2], 3, &[0, 0]);
    builder.stream();
    let report = report(builder);
    assert_eq!(report.profile_tables(), []);
    assert_eq!(render::text::profile(&report.profile_tables(), None), "");
}

#[test]
fn tables_are_written_for_programs_too() {
    let mut builder = TraceBuilder::new();
    let function = builder.scopes("a.rs", "app::f", &[1, 2, 3], 4, &[1, 3, 0]);
    builder
        .stream()
        .scope_enter(1, 0, function, 0)
        .scope_line(2, 0, 1)
        .alloc(3, 0x100, 1_000, NODE)
        .scope_exit(4, 0);
    let report = report(builder);
    let json = render::json::profile(&report, &report.profile_tables(), None);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let function = &json["functions"][0];
    assert_eq!(
        (&function["file"], &function["function"]),
        (&"a.rs".into(), &"app::f".into())
    );
    let rows = function["rows"].as_array().expect("rows");
    let row = |line: u64| {
        let row = rows.iter().find(|row| row["line"] == line).expect("there");
        ["live_bytes", "increment_bytes", "occurrences"].map(|key| row[key].clone())
    };
    assert_eq!(row(2), [1_000, 1_000, 3].map(serde_json::Value::from));
    assert_eq!(row(3), [const { serde_json::Value::Null }; 3]);
    assert_eq!(json["quality"]["exact"], true);
}
