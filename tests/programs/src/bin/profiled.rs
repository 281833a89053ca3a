//! Functions with `#[heapline::profile]`, each line with what its row must say.
//!
//! Behind `//=`, or below it where a line ends with a brace, stand a line's Occurrences,
//! and in units of 128 KiB its Increment and its Mem usage. A line of such a function
//! without them must have an empty row. The test reads them here.
//!
//! Arguments: `tables`; `spin N` for a loop that turns N times and allocates nothing;
//! `forever` to be killed, with a note of each turn in memory shared with the test.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// An eighth of a MiB: exact in the table's three decimals.
const UNIT: usize = 128 << 10;

type Block = Vec<u8>;

fn block(units: usize) -> Block {
    black_box(Vec::with_capacity(units * UNIT))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = arguments.get(1).map(|text| text.parse());
    match (arguments[0].as_str(), number) {
        ("tables", None) => tables(),
        ("spin", Some(Ok(turns))) => spin(turns),
        ("forever", None) => forever(map_notes()),
        other => panic!("no mode {other:?}"),
    }
}

fn tables() {
    // The heap is one unit large in front of each function, whatever the runtime has.
    let before = heapline::stats().expect("recorded").live_bytes as usize;
    let ballast: Vec<u8> = black_box(Vec::with_capacity(UNIT - before));

    drop(straight());
    loops();
    nested(true);
    returns(2);
    returns(5);
    let _ = question(None);
    let _ = question(Some(4));
    for kind in [0, 1, 1, 2] {
        matches(kind);
    }
    caught();
    panics();
    closures();
    other_thread();
    recursion(3);
    let kept: Vec<Block> = (0..2).map(|_| twice()).collect();
    drop(kept);
    outer();
    moved(block(2), &block(1));
    drop(black_box(ballast));
}

#[heapline::profile] //= 1 +0 1
fn straight() -> Block {
    let kept = block(3); //= 1 +3 4
    let gone = block(2); //= 1 +2 6
    drop(gone); //= 1 -2 4

    // Nothing happens here.
    let _both = (block(1), block(1)); //= 1 +2 6
    kept //= 1 +0 6
} //= 1 -2 4

#[heapline::profile] //= 1 +0 1
fn loops() {
    let mut kept = [const { Block::new() }; 3]; //= 1 +0 1
    for slot in &mut kept {
        //= 1 +0 4
        *slot = block(1); //= 3 +3 4
        let gone = block(2); //= 3 +6 6
        drop(gone); //= 3 -6 4
    } //= 3 +0 4
    let mut left = 3; //= 1 +0 4
    while left > 1 {
        //= 1 +0 4
        left -= 1; //= 2 +0 4
        kept[left] = Block::new(); //= 2 -2 3
    } //= 2 +0 3
    let found = loop {
        //= 1 +0 2
        let local = block(left); //= 1 +1 3
        if left == 1 {
            //= 1 +0 3
            break local.capacity(); //= 1 +0 3
        }
    }; //= 1 -1 2
    assert_eq!(found, UNIT); //= 1 +0 2
} //= 1 -1 1

#[heapline::profile] //= 1 +0 1
fn nested(yes: bool) {
    let outer = block(1); //= 1 +1 2
    let bytes = {
        //= 1 +0 2
        let inner = block(2); //= 1 +2 4
        if yes {
            //= 1 +0 4
            let deep = block(4); //= 1 +4 8
            deep.capacity() + inner.capacity() //= 1 +0 8
        } else {
            //= 1 -4 4
            let never = block(8);
            never.capacity()
        }
    }; //= 1 -2 2
    assert_eq!(bytes, 6 * UNIT); //= 1 +0 2
    if bytes == 0 {
        //= 1 +0 2
        drop(block(1));
    } else if bytes == UNIT {
        //= 1 +0 2
        drop(block(2));
    } else {
        drop(block(3)); //= 1 +0 2
    } //= 1 +0 2
    drop(outer); //= 1 -1 1
} //= 1 +0 1

#[heapline::profile] //= 2 +0 1
fn returns(units: usize) {
    let local = block(units); //= 2 +7 6
    if local.capacity() < 3 * UNIT {
        //= 2 -2 6
        let inner = block(1); //= 1 +1 4
        if black_box(true) {
            //= 1 -1 4
            return; //= 1 +0 4
        }
        drop(inner);
    }
    drop(local); //= 1 -5 1
} //= 1 +0 1

#[heapline::profile] //= 2 +0 1
fn question(units: Option<usize>) -> Option<usize> {
    let local = block(2); //= 2 +4 3
    let units = units?; //= 2 -2 3
    let second = block(units); //= 1 +4 7
    Some(local.capacity() + second.capacity()) //= 1 +0 7
} //= 1 -6 1

#[heapline::profile] //= 4 +0 1
fn matches(kind: u32) {
    let local = match kind {
        //= 4 +0 5
        0 => block(1), //= 1 +1 2
        1 => {
            let inner = block(2); //= 2 +4 3
            drop(inner); //= 2 -4 1
            block(3) //= 2 +6 4
        } //= 2 +0 4
        _ if kind == 7 => return,
        _ => block(4), //= 1 +4 5
    };
    drop(local); //= 4 -11 1
} //= 4 +0 1

#[heapline::profile] //= 1 +0 1
fn caught() {
    let outside = block(1); //= 1 +1 2
    let result = catch_unwind(|| {
        //= 1 +0 2
        let inside = block(2); //= 1 +2 4
        if inside.capacity() > 0 {
            //= 1 -2 4
            resume_unwind(Box::new(())); //= 1 +0 4
        }
        drop(inside);
    });
    assert!(result.is_err()); //= 1 +0 2
    drop(outside); //= 1 -1 1
} //= 1 +0 1

/// The panic passes through a profiled function, whose table is none the worse.
fn panics() {
    for _ in 0..2 {
        let result = catch_unwind(AssertUnwindSafe(|| thrown(3)));
        assert!(result.is_err());
    }
}

#[heapline::profile] //= 2 +0 1
fn thrown(units: usize) -> usize {
    let local = block(units); //= 2 +6 4
    for turn in 0.. {
        //= 2 -6 4
        let inner = block(1); //= 4 +4 5
        if turn == 1 {
            //= 4 -2 5
            resume_unwind(Box::new(())); //= 2 +0 5
        }
        drop(inner); //= 2 -2 4
    } //= 2 +0 4
    local.capacity()
}

#[heapline::profile] //= 1 +0 1
fn closures() {
    let make = |units: usize| block(units); //= 1 +4 5
    let first = make(1); //= 1 +1 2
    let second = {
        //= 1 +0 5
        let both = |units: usize| {
            //= 1 +0 2
            let local = block(1); //= 2 +2 4
            drop(local); //= 2 -2 3
            make(units) //= 2 +3 5
        }; //= 2 +0 5
        (both(1), both(2)) //= 1 +3 5
    }; //= 1 +0 5
    drop(second); //= 1 -3 2
    drop(first); //= 1 -1 1
} //= 1 +0 1

#[heapline::profile] //= 1 +0 1
fn other_thread() {
    let mut result = Block::new(); //= 1 +0 1
    on_a_thread(&mut || {
        //= 1 +0 3
        let local = block(3); //= 1 +3 4
        result = block(2); //= 1 +2 6
        drop(local); //= 1 -3 3
    }); //= 1 +0 3
    drop(result); //= 1 -2 1
} //= 1 +0 1

#[heapline::profile] //= 4 +0 4
fn recursion(depth: usize) -> usize {
    let local = block(1); //= 4 +4 5
    if depth == 0 {
        //= 4 -1 5
        return 0; //= 1 +0 5
    }
    let inner = recursion(depth - 1); //= 3 +0 4
    inner + black_box(local).len() //= 3 -3 3
} //= 3 +0 3

#[heapline::profile] //= 2 +0 2
fn twice() -> Block {
    let local = block(3); //= 2 +6 5
    drop(local); //= 2 -6 2
    block(1) //= 2 +2 3
} //= 2 +0 3

#[heapline::profile] //= 1 +0 1
fn outer() {
    let mut kept = [const { Block::new() }; 2]; //= 1 +0 1
    for slot in &mut kept {
        //= 1 +0 5
        *slot = inner(2); //= 2 +4 5
    } //= 2 +0 5
} //= 1 -4 1

#[heapline::profile] //= 2 +0 3
fn inner(units: usize) -> Block {
    let local = block(3); //= 2 +6 6
    let result = block(units); //= 2 +4 8
    drop(local); //= 2 -6 5
    result //= 2 +0 5
} //= 2 +0 5

/// What a parameter owns is freed at the end; what it borrows is not.
#[heapline::profile] //= 1 +0 4
fn moved(owned: Block, borrowed: &Block) {
    assert!(owned.capacity() > borrowed.capacity()); //= 1 +0 4
} //= 1 -2 2

/// Runs it on a thread of C's, so that nothing else allocates.
fn on_a_thread(mut work: &mut (dyn FnMut() + Send)) {
    extern "C" fn run(work: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the reference below, which outlives the thread.
        let work = unsafe { &mut *work.cast::<&mut (dyn FnMut() + Send)>() };
        work();
        std::ptr::null_mut()
    }
    let mut thread = 0;
    // SAFETY: the thread is joined while the reference is still there.
    unsafe {
        let work = (&raw mut work).cast();
        let answer = libc::pthread_create(&raw mut thread, std::ptr::null(), run, work);
        assert_eq!(answer, 0);
        libc::pthread_join(thread, std::ptr::null_mut());
    }
}

#[heapline::profile]
fn spin(turns: u64) {
    let mut sum = 0; //# once
    for turn in 0..turns {
        sum = black_box(sum + turn); //# each
    } //# end
    drop(black_box(block(1))); //# last
}

#[heapline::profile]
fn forever(notes: &[AtomicU64; 3]) {
    loop {
        let turn = black_box(notes[0].load(SeqCst)); //# load
        notes[0].store(turn + 1, SeqCst); //# note
        if turn.is_multiple_of(10_000) {
            let local = block(1); //# allocate
            notes[1].fetch_add(1, SeqCst); //# allocated
            drop(local); //# free
            notes[2].fetch_add(1, SeqCst); //# freed
        }
    }
}

/// Numbers in the file that ORACLE names.
fn map_notes() -> &'static [AtomicU64; 3] {
    let path = std::env::var("ORACLE").expect("a file for the notes");
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .expect("opens");
    file.set_len(4096).expect("grows");
    // SAFETY: a new shared mapping of a file of that length, never unmapped.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            std::os::fd::AsRawFd::as_raw_fd(&file),
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED);
        &*memory.cast()
    }
}
