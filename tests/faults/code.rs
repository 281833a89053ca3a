//! T21: what the recorder's compiled code calls. That it asks for no memory while it records
//! the totals of `rules.rs` show, too: such an event would be skipped, and counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use crate::processes::output_of;
use crate::skip;
use crate::support::{Build, program};

/// Parts of names of what a hook may not call: allocators, panics, the loader, locks that
/// wait.
const FORBIDDEN: [&str; 13] = [
    "__rust_alloc",
    "__rust_realloc",
    "__rust_dealloc",
    "core::panicking",
    "core::slice::",
    "core::str::slice_error_fail",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "handle_alloc_error",
    "dl_iterate_phdr",
    "lock_contended",
    "::lock_slow",
];

/// What ends a program whose inner allocator unwinds.
const AGAINST_UNWINDING: [&str; 2] = [
    "core::panicking::panic_cannot_unwind",
    "core::panicking::panic_in_cleanup",
];

/// Crates and modules whose code runs inside the allocator.
const IN_THE_HOOK: [&str; 3] = ["heapline::", "heapline_unwind::", "heapline_trace::"];

/// What programs call, not the hook.
const CALLED_BY_PROGRAMS: [&str; 2] = ["heapline::config::Config", "heapline::recording::start"];

/// Runs objdump on a program; `None` if there is none.
fn objdump(program: &Path, options: &[&str]) -> Option<String> {
    let mut script = Command::new("sh");
    script.args(["-c", "command -v objdump >&2 && exec objdump \"$@\"", "sh"]);
    let output = output_of(script.args(options).arg(program));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text).filter(|_| output.status.success())
}

/// What each function of a program calls or jumps to, by name.
fn calls(program: &Path) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let code = objdump(
        program,
        &["--disassemble", "--demangle", "--no-show-raw-insn"],
    )?;
    let table = objdump(program, &["--dynamic-reloc"])?;
    let functions: HashMap<u64, &str> = code.lines().filter_map(function).collect();
    let in_table: HashMap<u64, &str> = table
        .lines()
        .filter_map(table_entry)
        .filter_map(|(slot, address)| Some((slot, *functions.get(&address)?)))
        .collect();
    let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut caller = "";
    for line in code.lines() {
        if let Some((_, name)) = function(line) {
            caller = name;
        } else if let Some(target) = target(line, &in_table) {
            let targets = calls.entry(caller.to_owned()).or_default();
            targets.insert(target.to_owned());
        }
    }
    Some(calls)
}

/// Address and name, from `0000000000001234 <name>:`.
fn function(line: &str) -> Option<(u64, &str)> {
    let (address, name) = line.split_once(" <")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    Some((address, name.strip_suffix(">:")?))
}

/// A slot of the table through which other crates are called, and the address in it, from
/// `0000000000001234 R_X86_64_RELATIVE  *ABS*+0x5678`.
fn table_entry(line: &str) -> Option<(u64, u64)> {
    let (slot, address) = line.split_once("R_X86_64_RELATIVE")?;
    let (_, address) = address.split_once("+0x")?;
    let number = |text: &str| u64::from_str_radix(text.trim(), 16).ok();
    Some((number(slot)?, number(address)?))
}

/// What a line calls or jumps to: `call 1234 <name>`, or through the table,
/// `call *0x12(%rip)  # 1234 <_DYNAMIC+0x56>`.
fn target<'a>(line: &'a str, table: &HashMap<u64, &'a str>) -> Option<&'a str> {
    let is_call = [" call ", "\tcall ", " jmp ", "\tjmp "];
    if !is_call.iter().any(|word| line.contains(word)) {
        return None;
    }
    let (slot, name) = line.split_once(" <")?;
    let slot = slot
        .split_once("# ")
        .and_then(|(_, slot)| u64::from_str_radix(slot, 16).ok());
    slot.and_then(|slot| table.get(&slot).copied())
        .or(name.strip_suffix('>'))
}

#[test]
fn t21_the_hook_calls_nothing_that_it_may_not() {
    let Some(calls) = calls(&program("fault", Build::Release)) else {
        return skip("t21_the_hook_calls_nothing_that_it_may_not", "no objdump");
    };
    let is_forbidden = |target: &&String| {
        let is_guard = AGAINST_UNWINDING.contains(&target.as_str());
        !is_guard && FORBIDDEN.iter().any(|name| target.contains(name))
    };
    let is_ours = |function: &&String| {
        let begins = |name: &&str| function.trim_start_matches('<').starts_with(name);
        IN_THE_HOOK.iter().any(&begins) && !CALLED_BY_PROGRAMS.iter().any(begins)
    };
    let ours: Vec<&String> = calls.keys().filter(is_ours).collect();
    assert!(ours.len() > 15, "{ours:?}");
    let forbidden = ours.into_iter().flat_map(|function| {
        let targets = calls[function].iter().filter(is_forbidden);
        targets.map(move |target| format!("{function} calls {target}"))
    });
    assert_eq!(forbidden.collect::<Vec<_>>(), [""; 0]);
    // The counter-check: others do call these.
    for name in ["__rust_dealloc", "core::panicking", "expect_failed"] {
        let mut targets = calls.values().flatten();
        assert!(targets.any(|target| target.contains(name)), "{name}");
    }
}
