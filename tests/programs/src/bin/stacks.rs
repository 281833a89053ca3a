//! Allocations on stacks of every kind, each with the stack as the `backtrace` crate
//! sees it: one line "BYTES ip ip …" on stdout, innermost frame first.
//!
//! The block's bytes are its number. The innermost frame is at another instruction
//! in the two walks, so it is left out; all others must be equal.
//!
//! Arguments: depths of recursions, in place of all else; each is noted at its end alone.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::fmt::Write as _;
use std::hint::black_box;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

thread_local! {
    static OUTPUT: Cell<Option<String>> = const { Cell::new(None) };
}

static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1_000_003);

/// Allocates a block of a size that nothing else has, and notes the stack.
#[inline(never)]
fn probe() {
    let bytes = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let layout = Layout::from_size_align(bytes, 1).expect("a valid layout");
    // SAFETY: the layout is not empty, and the block is freed by it.
    let block = unsafe { alloc(layout) };
    let mut line = format!("{bytes}");
    backtrace::trace(|frame| {
        write!(line, " {:x}", frame.ip() as usize).expect("a String takes all");
        true
    });
    // SAFETY: as above.
    unsafe { dealloc(black_box(block), layout) };
    println!("{line}");
}

fn main() {
    let depths: Vec<u32> = std::env::args()
        .skip(1)
        .map(|word| word.parse().expect("a depth"))
        .collect();
    if !depths.is_empty() {
        return depths.into_iter().for_each(deep);
    }
    probe();
    closures();
    generics(1u8);
    generics(1.0f64);
    inlined_5(1);
    trait_objects();
    iterators();
    recursion(black_box(2_000));
    even(black_box(301));
    std::thread::spawn(closures).join().expect("no panic");
    std::thread::Builder::new()
        .name("named".into())
        .spawn(probe)
        .expect("starts")
        .join()
        .expect("no panic");
    unwinding();
    drop(Glue(Glue2(3)));
    callback_from_c();
    large_frames(black_box(7));
    black_box(counting_in_registers(black_box(9)));
}

fn closures() {
    let outer = |n: u32| {
        let inner = || probe();
        if n > 0 {
            inner();
        }
    };
    outer(black_box(1));
    let boxed: Box<dyn Fn()> = Box::new(probe);
    boxed();
}

#[inline(never)]
fn generics<T: Copy>(value: T) {
    black_box(value);
    probe();
    black_box(value);
}

macro_rules! inlined {
    ($($name:ident -> $next:ident),*) => {$(
        #[inline(always)]
        fn $name(n: u32) {
            black_box(n);
            $next(n + 1);
            black_box(n);
        }
    )*};
}
inlined!(inlined_5 -> inlined_4, inlined_4 -> inlined_3, inlined_3 -> inlined_2, inlined_2 -> inlined_1);
fn inlined_1(n: u32) {
    black_box(n);
    probe();
}

trait Animal {
    fn speak(&self);
}
struct Dog;
struct Cat(u64);
impl Animal for Dog {
    fn speak(&self) {
        probe();
        black_box(());
    }
}
impl Animal for Cat {
    fn speak(&self) {
        black_box(self.0);
        probe();
        black_box(self.0);
    }
}
fn trait_objects() {
    let animals: [&dyn Animal; 2] = [&Dog, &Cat(1)];
    for animal in black_box(animals) {
        animal.speak();
    }
}

fn iterators() {
    let sum: usize = (0..3)
        .map(|n| {
            probe();
            n * 2
        })
        .filter(|n| n % 2 == 0)
        .flat_map(|n| std::iter::repeat_n(n, 2))
        .inspect(|_| probe())
        .sum();
    black_box(sum);
}

#[inline(never)]
fn recursion(depth: u32) {
    if depth == 0 {
        probe();
    } else {
        recursion(depth - 1);
        black_box(depth);
    }
    if depth.is_multiple_of(500) {
        probe();
    }
}

/// So many frames on a stack that has room for them, at least 200 bytes each.
fn deep(depth: u32) {
    #[inline(never)]
    fn descend(depth: u32) {
        if depth == 0 {
            probe();
        } else {
            descend(depth - 1);
        }
        black_box(depth);
    }
    let stack_bytes = (1 << 20) + 200 * depth as usize;
    let thread = std::thread::Builder::new().stack_size(stack_bytes);
    let thread = thread.spawn(move || descend(black_box(depth)));
    thread.expect("starts").join().expect("no panic");
}

#[inline(never)]
fn even(n: u32) {
    if n.is_multiple_of(100) {
        probe();
    }
    if n > 0 {
        odd(n - 1);
        black_box(n);
    }
}

#[inline(never)]
fn odd(n: u32) {
    let room = [n; 16];
    black_box(&room);
    if n > 0 {
        even(n - 1);
        black_box(n);
    }
    if n.is_multiple_of(64) {
        probe();
    }
}

/// A panic on its way out runs destructors, which allocate.
fn unwinding() {
    if cfg!(panic = "abort") {
        return;
    }
    std::panic::set_hook(Box::new(|_| probe()));
    let caught = std::panic::catch_unwind(|| {
        let _glue = Glue(Glue2(1));
        panicking(black_box(3));
    });
    assert!(caught.is_err());
    probe();
    let _ = std::panic::take_hook();
}

#[inline(never)]
fn panicking(n: u32) {
    let _glue = Glue2(n);
    if n == 0 {
        panic!("on purpose");
    }
    panicking(n - 1);
    black_box(n);
}

struct Glue(Glue2);
struct Glue2(u32);
impl Drop for Glue {
    fn drop(&mut self) {
        probe();
        black_box(self.0.0);
    }
}
impl Drop for Glue2 {
    fn drop(&mut self) {
        probe();
        black_box(self.0);
    }
}

extern "C" fn compare(a: *const libc::c_void, b: *const libc::c_void) -> libc::c_int {
    probe();
    // SAFETY: qsort passes pointers to elements.
    unsafe { *a.cast::<i32>() - *b.cast::<i32>() }
}

fn callback_from_c() {
    let mut numbers = [5, 3, 9, 1, 7];
    // SAFETY: the array has five elements of four bytes, compared as such.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 5, 4, Some(compare)) };
    assert!(numbers.is_sorted());
}

#[inline(never)]
fn large_frames(n: u64) {
    let room = [n; 3_000];
    black_box(&room);
    probe();
    black_box(&room);
}

/// Many live values: the frame pointer's register is likely to hold one of them.
#[inline(never)]
fn counting_in_registers(n: u64) -> u64 {
    let (mut a, mut b, mut c, mut d, mut e, mut f) = (n, n + 1, n + 2, n + 3, n + 4, n + 5);
    for round in 0..4 {
        a = a.wrapping_mul(b).rotate_left(round);
        b = b.wrapping_add(c ^ a);
        c = c.wrapping_mul(d | 1);
        d = d.wrapping_add(e);
        e = e.rotate_right(3) ^ f;
        f = f.wrapping_add(a);
        probe();
    }
    a ^ b ^ c ^ d ^ e ^ f
}
