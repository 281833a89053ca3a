//! T19, T27, T81 and T85: programs and libraries that are put together in other ways. Totals
//! are those of the allocator below, lines those that the program knows of itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use heapline_trace::{EndState, Record, Trace};
use serde_json::Value;

use crate::check::{self, Expected};
use crate::processes::{output_of, status_of};
use crate::run::{Plan, trace_of};
use crate::skip;
use crate::support::{
    Build, Run, compiled, fresh_folder, json, library, record, record_with, summary,
};
use crate::totals_oracle::{oracle, totals_are_the_oracles};

const SITES: &str = "tests/programs/src/bin/sites.rs";

/// Bytes by line.
type Lines = BTreeMap<u64, u64>;

/// Bytes of each of two functions whose code is the same. Either may stand for both.
const TWIN_BYTES: u64 = 70_001;

/// The same with both twins at line 0.
fn twins_together(lines: impl Iterator<Item = (u64, u64)>) -> Lines {
    let mut together = Lines::new();
    for (line, bytes) in lines.filter(|(_, bytes)| *bytes > 0) {
        let is_twin = bytes.is_multiple_of(TWIN_BYTES);
        *together.entry(if is_twin { 0 } else { line }).or_default() += bytes;
    }
    together
}

/// What each line has allocated by itself: by the trace, and as the program says.
fn lines(run: &Run) -> [Lines; 2] {
    let trace = run.trace.to_str().expect("a plain path");
    let table = json(&["lines", "--own", "--all", "--file", SITES, trace]);
    let rows = table["rows"].as_array().expect("rows").iter();
    let number = |value: &Value| value.as_u64().expect("a number");
    let found = rows.map(|row| (number(&row["line"]), number(&row["allocated_bytes"])));
    let output = run.stdout();
    let stated = output.lines().map(|line| {
        let (line, bytes) = line.split_once(' ').expect("two numbers");
        let number = |word: &str| word.parse().expect("a number");
        (number(line), number(bytes))
    });
    [twins_together(found), twins_together(stated)]
}

/// Each site has its line.
#[track_caller]
fn lines_are_right(how: &str, run: &Run) -> Lines {
    let [mut found, stated] = lines(run);
    // The list of sites, and what prints them, are no sites.
    found.retain(|line, _| stated.contains_key(line));
    assert_eq!(found, stated, "{how}");
    assert!(stated.len() >= 6, "{how}: {stated:?}");
    stated
}

/// Runs it recorded: everything is there, and each site has its line.
#[track_caller]
fn is_right(how: &str, program: &Path) {
    let run = record(program, &[]);
    totals_are_the_oracles(how, &run);
    lines_are_right(how, &run);
    std::fs::remove_dir_all(run.folder).expect("ours");
    std::fs::remove_dir_all(program.parent().expect("a folder")).expect("ours");
}

/// The type and the interpreter that an ELF file asks for.
fn elf(program: &Path) -> (u8, bool) {
    let bytes = std::fs::read(program).expect("there");
    let interpreter = bytes.windows(15).any(|window| window == b"/ld-linux-x86-6");
    (bytes[16], interpreter)
}

/// T85: static, with and without a fixed place, and with a fixed place alone.
#[test]
fn t85_static_and_position_dependent_programs() {
    const EXECUTABLE: u8 = 2;
    const SHARED: u8 = 3;
    let is_static = ["-C", "target-feature=+crt-static"].as_slice();
    let is_fixed = ["-C", "relocation-model=static"].as_slice();
    for (flags, expected) in [
        (is_static.to_vec(), (SHARED, false)),
        (is_fixed.to_vec(), (EXECUTABLE, true)),
        ([is_static, is_fixed].concat(), (EXECUTABLE, false)),
    ] {
        let program = compiled("sites", Build::Release, &flags);
        assert_eq!(elf(&program), expected, "{flags:?}");
        is_right(&format!("{flags:?}"), &program);
    }
}

/// T81: one unit of code, and functions of one code made one: a line of theirs is that of
/// either.
#[test]
fn t81_folded_functions() {
    let linkers = linkers();
    if !linkers.join("ld.lld").exists() {
        return skip("t81_folded_functions", "the toolchain has no lld");
    }
    let place = format!("link-arg=-B{}", linkers.display());
    let folding = [
        "-C",
        &place,
        "-C",
        "link-arg=-fuse-ld=lld",
        "-C",
        "link-arg=-Wl,--icf=all",
        "-C",
        "codegen-units=1",
    ];
    let link_time = ["-C", "lto=fat", "-C", "panic=abort"];
    for (build, more) in [(Build::Release, &[][..]), (Build::FatLto, &link_time)] {
        let program = compiled("sites", build, &[&folding, more].concat());
        is_right(&format!("folded, {build:?}"), &program);
    }
}

/// Where the compiler has its own linkers.
fn linkers() -> PathBuf {
    let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
    let output = output_of(Command::new(rustc).args(["--print", "target-libdir"]));
    let libraries = String::from_utf8(output.stdout).expect("UTF-8");
    Path::new(libraries.trim()).with_file_name("bin/gcc-ld")
}

/// T27: C of a library that is loaded before the program calls the program's Rust from its
/// constructor.
#[test]
fn t27_a_constructor_of_c_calls_rust() {
    let folder = fresh_folder("constructor");
    let (source, library) = (folder.join("early.c"), folder.join("libearly.so"));
    let code = "extern void allocate_early(void) __attribute__((weak));
                __attribute__((constructor)) static void early(void) { allocate_early(); }";
    std::fs::write(&source, code).expect("writable");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source]);
    assert!(status_of(&mut compiler).success());
    let program = compiled("sites", Build::Release, &["-C", "link-arg=-rdynamic"]);
    let library = library.to_str().expect("a plain path");
    let run = record_with(&program, &[], &[("LD_PRELOAD", library)]);
    let stated = lines_are_right("constructor", &run);
    assert!(stated.values().any(|bytes| *bytes == 60_013), "{stated:?}");
    let (summary, oracle) = (summary(&run.trace), oracle(&run));
    for name in ["allocations", "deallocations", "live_at_end_bytes"] {
        assert_eq!(summary[name], oracle[name], "{name}");
    }
    // The loader's first function has no tables and no caller.
    assert_eq!(summary["quality"]["cut_stacks"], 1);
    assert_eq!(summary["quality"]["exact"], true);
}

/// T27: the constructor of a library with an allocator of its own, in a program of C.
#[test]
fn t27_a_constructor_in_a_program_of_c() {
    let library = library("constructor");
    let script = format!("shift; LD_PRELOAD={} exec true", library.display());
    let run = Plan::shell(&script, "sites", &[]).run();
    run.succeeds();
    has_the_constructors_block(&run.trace());
    run.tidy();
}

#[track_caller]
fn has_the_constructors_block(trace: &Trace<Vec<u8>>) {
    assert_eq!(trace.header().end_state, EndState::Exit);
    assert_eq!(trace.header().skipped_events, 0);
    let records = trace
        .streams()
        .iter()
        .flat_map(|stream| trace.records(stream));
    let records: Vec<Record> = records.map(|record| record.expect("no damage")).collect();
    let of = |record: &&Record| matches!(record, Record::Alloc { bytes: 7_013, .. });
    assert_eq!(records.iter().filter(of).count(), 1);
}

/// T19: a program and a library, each with a recorder, in one process: a trace each.
#[test]
fn t19_two_recorders() {
    let library = library("constructor");
    let preload = library.to_str().expect("a plain path").to_owned();
    let run = Plan::new("fault", &["rounds", "2", "5000"]);
    let run = run.variable("LD_PRELOAD", &preload).run();
    run.succeeds();
    let [(other, _)] = &run.traces_of_children()[..] else {
        panic!("two traces");
    };
    // The library comes first.
    has_the_constructors_block(&run.trace());
    let trace = trace_of(other);
    assert_eq!(trace.header().end_state, EndState::Exit);
    let log = run.log();
    let found = check::workers(&trace, &log, Expected::AllThatReturned);
    assert!(
        found[..2].iter().all(|operations| *operations > 5_000),
        "{found:?}"
    );
    run.tidy();
}
