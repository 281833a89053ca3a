//! Code that comes and goes: libraries, code made at run time, none at all.
#![allow(unsafe_code, clippy::unwrap_used)]

mod common;
#[path = "common/foreign.rs"]
mod foreign;

use std::cell::{Cell, RefCell};

use common::{LeakedPages, Recorder, oracle, plain};
use foreign::{FRAMED_STUB, PLAIN_STUB, map_at, stub_at};
use heapline_unwind::{CutReason, MODE, Mode, Registers, StackEnd};

thread_local! {
    static RECORDER: RefCell<Recorder> = RefCell::new(Recorder::new(4096));
}

#[test]
fn modules_are_told_once_with_all_that_finds_their_file() {
    let mut recorder = Recorder::new(4096);
    for _ in 0..5 {
        recorder.check();
    }
    let program = std::env::current_exe().unwrap();
    let is_program = |path: &str| path == program.to_string_lossy();
    let modules = &recorder.tree.modules;
    let own: Vec<_> = modules
        .iter()
        .filter(|module| is_program(&module.path))
        .collect();
    assert_eq!(own.len(), 1);
    let here = oracle as *const () as u64;
    assert!((own[0].start..own[0].end).contains(&here));
    assert!(modules.iter().any(|module| module.path.contains("libc.so")));
    let file = std::fs::read(&program).unwrap();
    for module in modules {
        assert!(module.start < module.end);
    }
    let id = &own[0].build_id;
    assert!(id.is_empty() || file.windows(id.len()).any(|window| window == id));
    // The first bytes of a function, found in the file through the bias.
    let symbol = here - own[0].bias;
    let offset = offset_in_file(&file, symbol);
    // SAFETY: code of a function that is there.
    let code = unsafe { std::slice::from_raw_parts(here as *const u8, 16) };
    assert_eq!(&file[offset..offset + 16], code);
}

/// Where an ELF file has the byte that is linked at an address.
fn offset_in_file(file: &[u8], address: u64) -> usize {
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let count = usize::from(u16::from_le_bytes(file[56..58].try_into().unwrap()));
    (0..count)
        .map(|index| word(32) as usize + 56 * index)
        .filter(|&header| file[header] == 1)
        .find_map(|header| {
            let inside = address.checked_sub(word(header + 16))?;
            (inside < word(header + 32)).then(|| (word(header + 8) + inside) as usize)
        })
        .unwrap()
}

fn sort_in_a_library_that_comes_and_goes() {
    foreign::sort_in_a_library(|| {
        RECORDER.with_borrow_mut(Recorder::check);
    });
}

/// Where the C library that was told of last lies: first address and bytes.
fn last_library() -> (u64, usize) {
    RECORDER.with_borrow(|recorder| {
        let told = recorder.tree.modules.iter().rev();
        let mut copies = told.filter(|module| module.path.contains("libc.so"));
        let library = copies.next().unwrap();
        (library.start, (library.end - library.start) as usize)
    })
}

#[test]
fn a_library_that_comes_back_elsewhere() {
    RECORDER.with_borrow_mut(Recorder::check);
    let program_library = last_library();
    for round in 0..4 {
        sort_in_a_library_that_comes_and_goes();
        assert_ne!(last_library(), program_library);
        RECORDER.with_borrow(|recorder| assert_eq!(recorder.tree.modules_changed, round));
        // Its place is taken, so that it must move.
        let (start, bytes) = last_library();
        map_at(start, bytes, libc::PROT_NONE).unwrap();
    }
}

#[test]
fn a_library_that_comes_back_to_its_place() {
    RECORDER.with_borrow_mut(Recorder::check);
    for _ in 0..4 {
        sort_in_a_library_that_comes_and_goes();
    }
    // Whether it did is the loader's choice; all comparisons have passed.
    RECORDER.with_borrow(|recorder| assert!(recorder.tree.modules_changed < 4));
}

#[test]
fn other_code_where_a_library_was() {
    extern "C" fn called() {
        let start = Registers::current();
        RECORDER.with_borrow_mut(|recorder| {
            let node = recorder.capture(start);
            let (frames, end) = recorder.tree.stack(node);
            assert_eq!((frames.len(), end), (2, StackEnd::Cut(CutReason::NoRule)));
        });
    }
    RECORDER.with_borrow_mut(Recorder::check);
    sort_in_a_library_that_comes_and_goes();
    let code = stub_at(last_library().0 + 0x3_0000, &PLAIN_STUB).unwrap();
    code(called);
    RECORDER.with_borrow(|recorder| assert_eq!(recorder.tree.modules_changed, 1));
    RECORDER.with_borrow_mut(Recorder::check);
}

#[test]
fn code_without_tables_cuts_the_stack() {
    thread_local! {
        static STUB: Cell<u64> = const { Cell::new(0) };
    }
    extern "C" fn called() {
        let start = Registers::current();
        RECORDER.with_borrow_mut(|recorder| {
            let node = recorder.capture(start);
            let (frames, end) = recorder.tree.stack(node);
            assert_eq!(end, StackEnd::Cut(CutReason::NoRule));
            let [_, caller] = plain(&frames)[..] else {
                panic!("{frames:x?}");
            };
            // Both stubs have their call at the fifth byte.
            assert_eq!(caller, STUB.get() + 6);
        });
    }
    RECORDER.with_borrow_mut(Recorder::check);
    for code in [&PLAIN_STUB[..], &FRAMED_STUB, &PLAIN_STUB] {
        let stub = stub_at(0, code).unwrap();
        STUB.set(stub as usize as u64);
        for _ in 0..100 {
            stub(called);
        }
        RECORDER.with_borrow_mut(Recorder::check);
    }
    let counters = RECORDER.with_borrow(|recorder| recorder.unwinder.counters());
    assert!(counters.cut >= 3);
    assert!(counters.maps_reads < 30, "{counters:?}");
}

#[test]
fn code_that_is_not_mapped_is_asked_for_rarely() {
    let mut recorder = Recorder::new(4096);
    recorder.check();
    let before = recorder.unwinder.counters().maps_reads;
    let start = Registers {
        ip: 0x1234_5678,
        ..Registers::current()
    };
    for _ in 0..2_500 {
        let node = recorder.capture(start);
        let (frames, end) = recorder.tree.stack(node);
        assert_eq!(plain(&frames), [0x1234_5678]);
        assert_eq!(end, StackEnd::Cut(CutReason::NoModule));
    }
    let reads = recorder.unwinder.counters().maps_reads - before;
    assert!((2..=4).contains(&reads), "{reads}");
}

#[test]
fn the_portable_capture_sees_the_same_callers() {
    #[inline(never)]
    fn descend(depth: u64, recorder: &mut Recorder) -> u64 {
        if depth > 0 {
            return descend(depth - 1, recorder) + std::hint::black_box(1);
        }
        let Recorder { unwinder, tree } = &mut *recorder;
        let node = unwinder.capture_portable(&mut LeakedPages, tree);
        let (frames, end) = recorder.tree.stack(node);
        let (mut portable, right) = (plain(&frames), oracle(Registers::current().sp));
        assert_eq!(end, StackEnd::Complete);
        if right.len() > 1_023 {
            assert_eq!(portable.len(), 1_024);
            assert_eq!(portable[63], 0);
            assert_eq!(portable[64..], right[right.len() - 960..]);
            portable.truncate(63);
        }
        let callers = &right[1..32];
        assert!(
            portable
                .windows(callers.len())
                .any(|window| window == callers)
        );
        0
    }
    assert_eq!(MODE, Mode::Rules);
    for depth in [40, 2_000] {
        descend(depth, &mut Recorder::new(4096));
    }
}
