//! T21: what the recorder's compiled code calls. That it asks for no memory while it records
//! the totals of `rules.rs` show, too: such an event would be skipped, and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::say;
use crate::support::{Build, program};

/// Parts of names of what a hook may not call: allocators, panics, the loader, locks that
/// wait.
const FORBIDDEN: [&str; 11] = [
    "__rust_alloc",
    "__rust_realloc",
    "__rust_dealloc",
    "core::panicking",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "handle_alloc_error",
    "dl_iterate_phdr",
    "lock_contended",
    "lock_slow",
];

/// Modules whose code runs inside the allocator.
const IN_THE_HOOK: [&str; 10] = [
    "heapline::allocator::",
    "heapline::hook::",
    "heapline::recorder::",
    "heapline::stage::",
    "heapline::thread_state::",
    "heapline::root::",
    "heapline::sys::",
    "heapline::activations::",
    "heapline_unwind::",
    "heapline_trace::encode::",
];

/// What each function of a program calls or jumps to, by name.
fn calls(program: &std::path::Path) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let objdump = Command::new("objdump")
        .args(["--disassemble", "--demangle", "--no-show-raw-insn"])
        .arg(program)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&objdump.stdout);
    let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut function = String::new();
    for line in text.lines() {
        let name = line
            .split_once(" <")
            .and_then(|(_, name)| name.strip_suffix(">:"));
        if let Some(name) = name {
            function = name.to_owned();
            continue;
        }
        let is_call = [" call ", "\tcall ", " jmp ", "\tjmp "]
            .iter()
            .any(|word| line.contains(word));
        let target = line
            .split_once('<')
            .and_then(|(_, name)| name.strip_suffix('>'));
        if let Some(target) = target.filter(|_| is_call) {
            calls
                .entry(function.clone())
                .or_default()
                .insert(target.to_owned());
        }
    }
    Some(calls)
}

#[test]
fn t21_the_hook_calls_nothing_that_it_may_not() {
    let Some(calls) = calls(&program("fault", Build::Release)) else {
        say("T21 needs objdump");
        return;
    };
    let is_forbidden = |target: &&String| FORBIDDEN.iter().any(|name| target.contains(name));
    let is_ours = |function: &&String| {
        IN_THE_HOOK
            .iter()
            .any(|module| function.trim_start_matches('<').starts_with(module))
    };
    let ours: Vec<&String> = calls.keys().filter(is_ours).collect();
    assert!(ours.len() > 15, "{ours:?}");
    for function in ours {
        let forbidden: Vec<&String> = calls[function].iter().filter(is_forbidden).collect();
        assert!(forbidden.is_empty(), "{function} calls {forbidden:?}");
    }
    // The counter-check: others do call these.
    let others = calls.values().flatten().filter(is_forbidden);
    assert!(others.count() > 100);
}
