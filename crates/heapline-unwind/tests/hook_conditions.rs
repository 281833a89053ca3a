//! What a capture may not do in an allocator's hook: allocate, touch `errno`,
//! fail without memory, read outside of the stack.
#![allow(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use common::{LeakedPages, Recorder, oracle, plain};
use heapline_unwind::{
    CutReason, FrameAddress, LOST_NODE, Memo, Module, Pages, Registers, StackEnd, StackLog,
    Unwinder,
};

thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });

struct Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's duty.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Takes everything and keeps nothing.
struct Nowhere;

impl StackLog for Nowhere {
    fn node(&mut self, _node: u32, _parent: u32, _address: FrameAddress) -> bool {
        true
    }

    fn module(&mut self, _module: &Module<'_>) {}

    fn modules_changed(&mut self) {}
}

/// Memory from the system, page by page, up to a number of requests.
struct MappedPages(u32);

impl Pages for MappedPages {
    fn zeroed(&mut self, words: usize) -> Option<&'static mut [u64]> {
        self.0 = self.0.checked_sub(1)?;
        // SAFETY: fresh pages of that many bytes, used as one slice.
        unsafe {
            let pages = libc::mmap(
                std::ptr::null_mut(),
                words * 8,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(pages, libc::MAP_FAILED);
            Some(std::slice::from_raw_parts_mut(pages.cast(), words))
        }
    }

    fn release(&mut self, words: &'static mut [u64]) {
        // SAFETY: the slice is what `zeroed` gave, and nothing else uses it.
        unsafe { libc::munmap(words.as_mut_ptr().cast(), words.len() * 8) };
    }
}

#[test]
fn it_neither_allocates_nor_touches_errno() {
    #[inline(never)]
    fn descend(depth: u64, unwinder: &mut Unwinder) -> u64 {
        // SAFETY: the location is the calling thread's own.
        unsafe { *libc::__errno_location() = 77 };
        let before = ALLOCATIONS.get();
        unwinder.capture(
            Registers::current(),
            &mut MappedPages(u32::MAX),
            &mut Nowhere,
        );
        assert_eq!(ALLOCATIONS.get(), before);
        // SAFETY: as above.
        assert_eq!(unsafe { *libc::__errno_location() }, 77);
        if depth == 0 {
            return 0;
        }
        descend(depth - 1, unwinder) + black_box(1)
    }
    let mut unwinder = Unwinder::new(100);
    unwinder.set_memo(Memo::Verify);
    descend(black_box(400), &mut unwinder);
    assert_eq!(unwinder.counters().captures, 401);
    assert_eq!(unwinder.mismatches(), 0);
}

#[test]
fn without_memory_stacks_are_right_or_cut() {
    #[inline(never)]
    fn descend(depth: u64, requests: u32) -> StackEnd {
        if depth > 0 {
            return black_box(descend(depth - 1, requests));
        }
        let mut pages = MappedPages(requests);
        let mut recorder = Recorder::new(4096);
        let mut last = StackEnd::Complete;
        for _ in 0..3 {
            let start = Registers::current();
            let node = recorder
                .unwinder
                .capture(start, &mut pages, &mut recorder.tree);
            if node == LOST_NODE {
                last = StackEnd::Cut(CutReason::NoMemory);
                continue;
            }
            let (frames, end) = recorder.tree.stack(node);
            let right = oracle(start.sp);
            if end == StackEnd::Complete {
                assert_eq!(plain(&frames[1..]), right[1..]);
            } else if !frames.is_empty() {
                assert_eq!(plain(&frames[1..]), right[1..frames.len()]);
            }
            last = end;
        }
        last
    }
    let mut complete = 0;
    for requests in 0..40 {
        match descend(1_000, requests) {
            StackEnd::Complete => complete += 1,
            StackEnd::Cut(reason) => {
                assert!(matches!(reason, CutReason::NoMemory | CutReason::NoModule));
            }
        }
    }
    assert!((1..40).contains(&complete), "{complete}");
}

#[test]
fn wild_registers_end_in_a_cut() {
    let mut recorder = Recorder::new(4096);
    recorder.check();
    let program = recorder.tree.modules.clone();
    let here = Registers::current();
    let mut seed = 0x1234_5678_9abc_def1_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..20_000 {
        let module = &program[(random() % program.len() as u64) as usize];
        let near = |random: u64| here.sp + random % 4096;
        let start = Registers {
            ip: module.start + random() % (module.end - module.start),
            sp: near(random()) & !7,
            bp: match random() % 3 {
                0 => random(),
                1 => near(random()),
                _ => near(random()) & !7,
            },
        };
        recorder
            .unwinder
            .capture(start, &mut LeakedPages, &mut recorder.tree);
    }
    assert!(recorder.unwinder.counters().cut > 1_000);
    recorder.check();
}
