//! Children of a thread that forks before, while and after the program makes its first
//! allocation. Each allocates, and sees to it that it records: by itself, or by a start.
//!
//! Prints how many children there were.

use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use heapline_test_programs::start_thread;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

static IS_ASKED_TO_END: AtomicBool = AtomicBool::new(false);
static HAS_ENDED: AtomicBool = AtomicBool::new(false);
static CHILDREN: AtomicU32 = AtomicU32::new(0);

/// Longer than any child takes; then SIGALRM ends it.
const DEADLINE_SECONDS: u32 = 20;

/// Runs before `main`, and before anything has allocated.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        start_thread(forks);
        while CHILDREN.load(SeqCst) == 0 {
            std::hint::spin_loop();
        }
    }
    before_main
};

extern "C" fn forks(_: *mut libc::c_void) -> *mut libc::c_void {
    while !IS_ASKED_TO_END.load(SeqCst) {
        // SAFETY: this thread holds no lock.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: ends this process alone.
            unsafe {
                libc::alarm(DEADLINE_SECONDS);
                libc::_exit(i32::from(!records()));
            }
        }
        let mut status = 0;
        // SAFETY: a child of this process, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status), "{status}");
        assert_eq!(libc::WEXITSTATUS(status), 0, "a child that cannot record");
        CHILDREN.fetch_add(1, SeqCst);
    }
    HAS_ENDED.store(true, SeqCst);
    null_mut()
}

/// Whether this process records, by itself or when it is asked to.
fn records() -> bool {
    drop(black_box(Box::new([0_u8; 100])));
    if heapline::is_recording() {
        return true;
    }
    let recording = heapline::start(&heapline::Config::new().out("child"));
    drop(black_box(vec![0_u8; 5_003]));
    recording.is_ok()
}

fn main() {
    IS_ASKED_TO_END.store(true, SeqCst);
    while !HAS_ENDED.load(SeqCst) {
        std::thread::yield_now();
    }
    println!("{}", CHILDREN.load(SeqCst));
}
