//! Recorded stacks against the `backtrace` crate's, frame by frame, in builds of all kinds.

use std::collections::HashMap;
use std::path::Path;

use crate::support::{Build, Run, compiled, program, record, stacked_allocations, summary};
use heapline_trace::{FrameAddress, NodeId};

/// A stack as it was recorded, and as the `backtrace` crate sees it, innermost first. Zero
/// stands for frames that were left out.
struct Pair {
    bytes: u64,
    recorded: Vec<u64>,
    expected: Vec<u64>,
}

fn check(build: Build) {
    check_program(
        &format!("{build:?}"),
        &program("stacks", build),
        build == Build::Debug,
    );
}

fn check_program(build: &str, program: &Path, is_debug: bool) {
    let run = record(program, &[]);
    assert!(run.output.status.success(), "{build}: {}", run.stderr());
    let pairs = pairs(build, &run);
    assert!(pairs.len() > 40, "{} stacks compared", pairs.len());
    for pair in pairs {
        compare(build, &pair, is_debug);
    }
}

/// What a run printed and what it recorded; no stack was cut.
fn pairs(build: &str, run: &Run) -> Vec<Pair> {
    let recorded: HashMap<u64, _> = stacked_allocations(&run.trace())
        .into_iter()
        .map(|stacked| (stacked.bytes, stacked))
        .collect();
    let output = run.stdout();
    let pair = |line: &str| {
        let mut words = line.split(' ');
        let bytes: u64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .expect("bytes come first");
        let mut expected: Vec<u64> = words
            .map(|word| u64::from_str_radix(word, 16).expect("an address"))
            .collect();
        // libgcc ends a stack with a null address.
        expected.retain(|&address| address != 0);
        let stacked = &recorded[&bytes];
        assert_eq!(
            stacked.root,
            NodeId::COMPLETE,
            "{build}: block of {bytes} bytes was cut"
        );
        let address = |frame: &FrameAddress| match *frame {
            FrameAddress::Return(address) | FrameAddress::Exact(address) => address,
            FrameAddress::Omitted => 0,
        };
        Pair {
            bytes,
            recorded: stacked.frames.iter().map(address).collect(),
            expected,
        }
    };
    output.lines().map(pair).collect()
}

/// Both walks pass `probe`, each at an instruction of its own, with what they called
/// there further in. From its caller outwards all must be equal.
fn compare(build: &str, pair: &Pair, is_debug: bool) {
    let Pair {
        bytes,
        recorded: frames,
        expected,
    } = pair;
    let common = frames
        .iter()
        .rev()
        .zip(expected.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let inside = frames.len() - common;
    // In the caller's own frame: `probe`, and at opt-level 0 `alloc::alloc` and the
    // allocator's methods below it.
    let allowed = if is_debug { 5 } else { 1 };
    assert!(
        (1..=allowed).contains(&inside),
        "{build}, block of {bytes} bytes: {inside} innermost frames differ\nrecorded {frames:x?}\nexpected {expected:x?}"
    );
}

#[test]
fn stacks_of_a_release_build_are_exact() {
    check(Build::Release);
}

#[test]
fn stacks_with_frame_pointers_are_exact() {
    check(Build::FramePointers);
}

#[test]
fn stacks_without_optimisation_are_exact() {
    check(Build::Debug);
}

#[test]
fn stacks_of_fat_lto_and_abort_are_exact() {
    check(Build::FatLto);
}

/// One way to compile a program, its libraries being those of a release build, or of one
/// for link-time optimisation.
#[derive(Clone, Copy, Debug)]
struct Settings {
    opt_level: u32,
    has_frame_pointers: bool,
    panics_abort: bool,
    lto: &'static str,
    debug_info: u32,
    strip: &'static str,
}

impl Settings {
    /// All combinations there are.
    fn all() -> impl Iterator<Item = Settings> {
        (0..144).map(|number: u32| Settings {
            opt_level: [0, 3][number as usize % 2],
            has_frame_pointers: number / 2 % 2 == 1,
            panics_abort: number / 4 % 2 == 1,
            lto: ["off", "thin", "fat"][number as usize / 8 % 3],
            debug_info: number / 24 % 3,
            strip: ["none", "symbols"][number as usize / 72],
        })
    }

    fn libraries(&self) -> Build {
        match (self.lto, self.panics_abort) {
            ("off", _) => Build::Release,
            (_, true) => Build::FatLto,
            (_, false) => Build::FatLtoUnwinding,
        }
    }

    fn check(&self) {
        let panic = if self.panics_abort { "abort" } else { "unwind" };
        let flags = [
            format!("-Copt-level={}", self.opt_level),
            format!("-Cforce-frame-pointers={}", self.has_frame_pointers),
            format!("-Cpanic={panic}"),
            format!("-Clto={}", self.lto),
            format!("-Cdebuginfo={}", self.debug_info),
            format!("-Cstrip={}", self.strip),
        ];
        let flags = flags.each_ref().map(String::as_str);
        let program = compiled("stacks", self.libraries(), &flags);
        check_program(&format!("{self:?}"), &program, self.opt_level == 0);
        std::fs::remove_dir_all(program.parent().expect("a folder")).expect("ours");
    }
}

/// T71: the soak has every combination of settings; here, with the four builds above, each
/// setting is there at least once.
#[test]
fn stacks_of_other_builds_are_exact() {
    if std::env::var_os("HEAPLINE_SOAK").is_some() {
        return Settings::all().for_each(|settings| settings.check());
    }
    for (opt_level, has_frame_pointers, panics_abort, lto, debug_info, strip) in [
        (0, true, false, "off", 2, "symbols"),
        (3, false, true, "off", 0, "none"),
        (3, true, true, "thin", 0, "symbols"),
        (0, false, true, "fat", 2, "symbols"),
    ] {
        let settings = Settings {
            opt_level,
            has_frame_pointers,
            panics_abort,
            lto,
            debug_info,
            strip,
        };
        settings.check();
    }
}

/// Most frames stored, and how many of them are innermost ones.
const LIMIT: usize = 4096;
const INNER: usize = 63;

/// T73: recursions below the limit of stored frames, near it and far beyond. What is stored
/// of a deeper stack are its ends, with a mark in between.
#[test]
fn recursion_of_any_depth() {
    let depths = ["100", "4000", "10000", "100000"];
    let run = record(&program("stacks", Build::Release), &depths);
    assert!(run.output.status.success(), "{}", run.stderr());
    let mut pairs = pairs("recursion", &run);
    assert_eq!(pairs.len(), depths.len());
    for (pair, depth) in pairs.iter_mut().zip(depths) {
        let depth: usize = depth.parse().expect("a number");
        assert!((depth..depth + 30).contains(&pair.expected.len()));
        if depth < LIMIT {
            compare("recursion", pair, false);
            continue;
        }
        assert_eq!(pair.recorded.len(), LIMIT);
        let (inner, outer) = pair.recorded.split_at(INNER);
        let (mark, outer) = outer.split_first().expect("more than that");
        assert_eq!(*mark, 0);
        assert!(pair.expected.ends_with(outer), "{depth}: {outer:x?}");
        // The innermost one is at another instruction; all within are the recursion's.
        let call = pair.expected[depth / 2];
        assert!(
            inner[2..].iter().all(|address| *address == call),
            "{inner:x?}"
        );
    }
    let summary = summary(&run.trace);
    assert_eq!(summary["quality"]["exact"], true, "{summary}");
}
