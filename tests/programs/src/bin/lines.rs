//! Allocates known amounts on known lines, and prints the row that each line must get.
//!
//! Every line of this file that allocates, or calls one that does, is stated in front
//! of it by `own!` or `calls!`; stating and printing allocate nothing.
//!
//! Output: `start` and what was allocated before `main`, `peak` and the bytes live then
//! without those, and a row for each statement: `inclusive|own LINE` and eight numbers
//! in the order of [`Expected`].

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Mutex;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// What a line's row must say.
#[derive(Clone, Copy, Default)]
struct Expected {
    allocations: u64,
    bytes: u64,
    reallocations: u64,
    reallocated: u64,
    at_peak: u64,
    at_end: u64,
    temporary: u64,
    max: u64,
}

#[derive(Clone, Copy)]
struct Note {
    line: u32,
    table: &'static str,
    expected: Expected,
}

/// Notes, and how many there are.
static NOTES: Mutex<([Option<Note>; 120], usize)> = Mutex::new(([None; 120], 0));

#[inline(never)]
fn note(line: u32, table: &'static str, expected: Expected) {
    let mut notes = NOTES.lock().expect("nobody panics with it");
    let (list, used) = &mut *notes;
    let mut known = list[..*used].iter().flatten();
    // Loops, recursion and generic functions come by several times.
    if !known.any(|note| note.line == line && note.table == table) {
        list[*used] = Some(Note {
            line,
            table,
            expected,
        });
        *used += 1;
    }
}

macro_rules! expected {
    ($($field:ident $value:expr),*) => { Expected { $($field: $value,)* ..Expected::default() } };
}

/// No other line of this file is further in on the stacks of the next line's blocks.
macro_rules! own {
    ($($field:ident $value:expr),*) => {{
        note(line!() + 1, "inclusive", expected!($($field $value),*));
        note(line!() + 1, "own", expected!($($field $value),*));
    }};
}

/// The next line calls what makes these blocks; those behind the semicolon it makes itself.
macro_rules! calls {
    ($($field:ident $value:expr),* $(; $($own:ident $part:expr),*)?) => {{
        note(line!() + 1, "inclusive", expected!($($field $value),*));
        $(note(line!() + 1, "own", expected!($($own $part),*));)?
    }};
}

fn main() {
    let start = heapline::stats().expect("recorded from the start");

    calls!(allocations 1, bytes 10_000, at_peak 10_000, at_end 10_000, max 10_000);
    let kept = keep();
    calls!(allocations 7, bytes 350, temporary 7, max 50);
    temporaries();
    calls!(allocations 3, bytes 60, temporary 1, max 60);
    nested();
    calls!(allocations 5, bytes 374, temporary 5, max 160);
    generics();
    calls!(allocations 3, bytes 340, temporary 1, max 340);
    closures();
    calls!(allocations 10, bytes 1_292, temporary 6, max 1_096);
    chains();
    calls!(allocations 3, bytes 111, temporary 1, max 111);
    inlined();
    calls!(allocations 5, bytes 77, temporary 2, max 62);
    macros();
    calls!(allocations 4, bytes 440, temporary 3, max 200);
    objects();
    calls!(allocations 5, bytes 150, temporary 1, max 150);
    black_box(descend(5));
    calls!(allocations 3, bytes 45, reallocations 3, reallocated 1_105, temporary 1, max 1_030);
    growth();
    calls!(allocations 3, bytes 24, temporary 3, max 8);
    destructors();
    calls!(allocations 3, bytes 3_072, temporary 3, max 1_024);
    callbacks();
    // Stacks of another thread do not lead here.
    other_thread();
    calls!(allocations 7, bytes 7_100_000, at_peak 4_500_000, temporary 2, max 4_500_000);
    peak();
    calls!(allocations 1, bytes 5_000, at_end 5_000, max 5_000);
    let late = keep_late();

    std::mem::forget(black_box((kept, late)));
    print(&start);
}

/// Live at the peak and at the end.
fn keep() -> Vec<u8> {
    own!(allocations 1, bytes 10_000, at_peak 10_000, at_end 10_000, max 10_000);
    black_box(Vec::with_capacity(10_000))
}

/// Live at the end, but not yet at the peak.
fn keep_late() -> Vec<u8> {
    own!(allocations 1, bytes 5_000, at_end 5_000, max 5_000);
    black_box(Vec::with_capacity(5_000))
}

fn temporaries() {
    for _ in 0..7 {
        own!(allocations 7, bytes 350, temporary 7, max 50);
        drop(black_box(vec![1_u8; 50]));
    }
}

/// Only the block that was made last is temporary: it goes first.
fn nested() {
    own!(allocations 1, bytes 10, max 10);
    let first = black_box(vec![1_u8; 10]);
    own!(allocations 2, bytes 50, temporary 1, max 50);
    let two = (black_box(vec![1_u8; 20]), black_box(vec![1_u8; 30]));
    drop(two.1);
    drop(two.0);
    drop(first);
}

fn generics() {
    calls!(allocations 1, bytes 10, temporary 1, max 10);
    drop(filled(1_u8));
    calls!(allocations 1, bytes 80, temporary 1, max 80);
    drop(filled(1_u64));
    calls!(allocations 1, bytes 160, temporary 1, max 160);
    drop(filled([1_u32; 4]));
    calls!(allocations 1, bytes 100, temporary 1, max 100);
    drop(boxed([1_u8; 100]));
    calls!(allocations 1, bytes 24, temporary 1, max 24);
    drop(boxed((1_u64, 2_u64, 3_u64)));
}

#[inline(never)]
fn filled<T: Clone>(value: T) -> Vec<T> {
    own!(allocations 3, bytes 250, temporary 3, max 160);
    black_box(vec![value; 10])
}

#[inline(always)]
fn boxed<T>(value: T) -> Box<T> {
    own!(allocations 2, bytes 124, temporary 2, max 100);
    black_box(Box::new(value))
}

fn closures() {
    let make = |bytes: usize| {
        own!(allocations 2, bytes 300, max 300);
        black_box(Vec::<u8>::with_capacity(bytes))
    };
    calls!(allocations 1, bytes 100, max 100);
    let small = make(100);
    calls!(allocations 1, bytes 200, max 200);
    let large = make(200);
    let captured = [1_u8; 40];
    own!(allocations 1, bytes 40, temporary 1, max 40);
    let boxed: Box<dyn Fn() -> u8> = black_box(Box::new(move || captured[black_box(3)]));
    assert_eq!(boxed(), 1);
    drop(boxed);
    drop(large);
    drop(small);
}

fn chains() {
    own!(allocations 1, bytes 96, temporary 1, max 96);
    let threes: Vec<u64> = (0..12_u64).map(|number| number * 3).collect();
    drop(black_box(threes));

    let made = (1..=4).map(|number: usize| {
        own!(allocations 4, bytes 1_000, temporary 1, max 1_000);
        black_box(Vec::<u8>::with_capacity(number * 100))
    });
    calls!(allocations 5, bytes 1_096, temporary 1, max 1_096; allocations 1, bytes 96, max 96);
    let blocks: Vec<Vec<u8>> = made.collect();
    drop(black_box(blocks));

    let made = (1..=4).map(|number: usize| {
        own!(allocations 4, bytes 100, temporary 4, max 40);
        black_box(vec![1_u8; number * 10])
    });
    let long = made.filter(|block| block.len() > 10);
    calls!(allocations 4, bytes 100, temporary 4, max 40);
    let total: usize = long.map(|block| block.len()).sum();
    assert_eq!(total, 90);
}

fn inlined() {
    calls!(allocations 1, bytes 100, max 100);
    let first = one(100);
    calls!(allocations 1, bytes 10, max 10);
    let second = one(10);
    calls!(allocations 1, bytes 1, temporary 1, max 1);
    drop(one(1));
    drop(second);
    drop(first);
}

#[inline(always)]
fn one(bytes: usize) -> Vec<u8> {
    calls!(allocations 3, bytes 111, temporary 1, max 111);
    two(bytes)
}

#[inline(always)]
fn two(bytes: usize) -> Vec<u8> {
    calls!(allocations 3, bytes 111, temporary 1, max 111);
    three(bytes)
}

#[inline(always)]
fn three(bytes: usize) -> Vec<u8> {
    calls!(allocations 3, bytes 111, temporary 1, max 111);
    four(bytes)
}

#[inline(always)]
fn four(bytes: usize) -> Vec<u8> {
    calls!(allocations 3, bytes 111, temporary 1, max 111);
    five(bytes)
}

#[inline(always)]
fn five(bytes: usize) -> Vec<u8> {
    own!(allocations 3, bytes 111, temporary 1, max 111);
    black_box(Vec::with_capacity(bytes))
}

/// The compiler gives the lines of a program's own macros, not of their use,
const PAIR_LINE: u32 = line!() + 3;
macro_rules! pair {
    ($bytes:expr) => {
        [vec![1_u8; $bytes], vec![2_u8; $bytes * 2]]
    };
}

/// unless it is told to.
#[collapse_debuginfo(yes)]
macro_rules! collapsed {
    ($bytes:expr) => {
        vec![1_u8; $bytes]
    };
}

fn macros() {
    note(
        PAIR_LINE,
        "inclusive",
        expected!(allocations 4, bytes 45, temporary 1, max 45),
    );
    note(
        PAIR_LINE,
        "own",
        expected!(allocations 4, bytes 45, temporary 1, max 45),
    );
    let kept = black_box(pair!(10));
    drop(black_box(pair!(5)));
    own!(allocations 1, bytes 32, temporary 1, max 32);
    drop(black_box(collapsed!(32)));
    drop(kept);
}

trait Shape {
    fn outline(&self) -> Vec<u8>;
}

struct Square([u8; 40]);
struct Circle;

impl Shape for Square {
    fn outline(&self) -> Vec<u8> {
        own!(allocations 2, bytes 200, temporary 2, max 100);
        black_box(Vec::with_capacity(self.0.len() + 60))
    }
}

impl Shape for Circle {
    fn outline(&self) -> Vec<u8> {
        own!(allocations 1, bytes 200, temporary 1, max 200);
        black_box(Vec::with_capacity(200))
    }
}

fn objects() {
    let shapes: [&dyn Shape; 2] = black_box([&Square([0; 40]), &Circle]);
    for shape in shapes {
        calls!(allocations 2, bytes 300, temporary 2, max 200);
        drop(shape.outline());
    }
    own!(allocations 1, bytes 40, max 40);
    let shape: Box<dyn Shape> = black_box(Box::new(Square([0; 40])));
    calls!(allocations 1, bytes 100, temporary 1, max 100);
    drop(shape.outline());
}

/// The line of the inner call is on the stack up to four times, and counts once.
#[inline(never)]
fn descend(depth: usize) -> usize {
    own!(allocations 5, bytes 150, temporary 1, max 150);
    let block = black_box(vec![1_u8; depth * 10]);
    if depth == 1 {
        return block.len();
    }
    calls!(allocations 4, bytes 100, temporary 1, max 100);
    let inner = descend(depth - 1);
    inner + black_box(block).len()
}

/// A reallocation moves the block to its own line.
fn growth() {
    own!(allocations 1, bytes 10, max 10);
    let mut list = black_box(Vec::<u8>::with_capacity(10));
    own!(reallocations 1, reallocated 100, max 100);
    list.reserve_exact(100);
    own!(allocations 1, bytes 30, max 30);
    let other = black_box(vec![1_u8; 30]);
    own!(reallocations 1, reallocated 1_000, max 1_000);
    list.reserve_exact(1_000);
    list.extend_from_slice(black_box(&[1; 5]));
    own!(reallocations 1, reallocated 5, max 5);
    list.shrink_to_fit();
    own!(allocations 1, bytes 5, temporary 1, max 5);
    drop(black_box(list.clone()));
    drop(list);
    drop(other);
}

struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        own!(allocations 3, bytes 24, temporary 3, max 8);
        drop(black_box(vec![1_u8; 8]));
    }
}

fn destructors() {
    let loud = Loud;
    calls!(allocations 1, bytes 8, temporary 1, max 8);
    drop(loud);
    let two = [Loud, Loud];
    {
        let _two = two;
        calls!(allocations 2, bytes 16, temporary 2, max 8);
    }
}

/// C code without unwind rules of ours stands between.
fn callbacks() {
    for key in 0..3_u8 {
        let key = (&raw const key).cast();
        // SAFETY: one element to search, of one byte; the comparison does not read it.
        calls!(allocations 3, bytes 3_072, temporary 3, max 1_024);
        unsafe { libc::bsearch(key, key, 1, 1, Some(compare)) };
    }
}

extern "C" fn compare(_: *const libc::c_void, _: *const libc::c_void) -> libc::c_int {
    own!(allocations 3, bytes 3_072, temporary 3, max 1_024);
    drop(black_box(vec![1_u8; 1_024]));
    0
}

/// A thread of C's, so that nothing of the standard library allocates along.
fn other_thread() {
    let mut thread = 0;
    // SAFETY: the function has the right type and needs no argument.
    unsafe {
        let answer = libc::pthread_create(
            &raw mut thread,
            std::ptr::null(),
            on_other_thread,
            std::ptr::null_mut(),
        );
        assert_eq!(answer, 0);
        libc::pthread_join(thread, std::ptr::null_mut());
    }
}

extern "C" fn on_other_thread(_: *mut libc::c_void) -> *mut libc::c_void {
    for _ in 0..4 {
        own!(allocations 4, bytes 400, temporary 4, max 100);
        drop(black_box(vec![1_u8; 100]));
    }
    std::ptr::null_mut()
}

fn peak() {
    own!(allocations 1, bytes 1_000_000, at_peak 1_000_000, max 1_000_000);
    let first = black_box(Vec::<u8>::with_capacity(1_000_000));
    own!(allocations 1, bytes 700_000, temporary 1, max 700_000);
    drop(black_box(Vec::<u8>::with_capacity(700_000)));
    own!(allocations 1, bytes 2_000_000, at_peak 2_000_000, max 2_000_000);
    let second = black_box(Vec::<u8>::with_capacity(2_000_000));
    let mut third = [const { Vec::<u8>::new() }; 3];
    for slot in &mut third {
        own!(allocations 3, bytes 1_500_000, at_peak 1_500_000, max 1_500_000);
        *slot = black_box(Vec::with_capacity(500_000));
    }
    // This is the peak: what comes now stays 100,000 bytes below it.
    drop(second);
    own!(allocations 1, bytes 1_900_000, temporary 1, max 1_900_000);
    let fourth = black_box(Vec::<u8>::with_capacity(1_900_000));
    drop(third);
    drop(first);
    drop(fourth);
}

fn print(start: &heapline::Stats) {
    let mut buffer = [0; 16 << 10];
    let mut text = &mut buffer[..];
    let notes = NOTES.lock().expect("nobody panics with it");
    // The buffer is large enough.
    let _ = writeln!(
        text,
        "start {} {} {}",
        start.allocations, start.allocated_bytes, start.live_bytes
    );
    let _ = writeln!(text, "peak 4510000");
    for note in notes.0.iter().flatten() {
        let Expected {
            allocations,
            bytes,
            reallocations,
            reallocated,
            at_peak,
            at_end,
            temporary,
            max,
        } = note.expected;
        let _ = writeln!(
            text,
            "{} {} {allocations} {bytes} {reallocations} {reallocated} {at_peak} {at_end} {temporary} {max}",
            note.table, note.line
        );
    }
    let rest = text.len();
    let length = buffer.len() - rest;
    // SAFETY: the bytes are the buffer's own.
    unsafe { libc::write(1, buffer.as_ptr().cast(), length) };
}
