//! Every way a program can end, while its threads go on.

use std::alloc::{Layout, alloc};
use std::hint::black_box;

use heapline_test_programs::work::Log;

use crate::{start, wait_for};

/// Bytes of the blocks that are allocated behind `main`.
const EXIT_HANDLER_BYTES: usize = 5_001;
const ARRAY_BYTES: usize = 5_003;

/// Ends the program in this way once the workers have done so much.
pub(crate) fn end(how: &str, operations: u64, workers: u64, log: &'static Log) {
    start(workers, u64::MAX, log);
    // SAFETY: plain C call with a function of the right type.
    unsafe { libc::atexit(exit_handler) };
    wait_for(operations, workers, log);
    match how {
        // Someone else will do it.
        "never" => loop {
            std::thread::park();
        },
        "return" => {}
        "exit in a thread" => {
            let exits = std::thread::spawn(|| std::process::exit(3));
            // Until the other thread's exit has run.
            let _ = exits.join();
            loop {
                std::thread::park();
            }
        }
        "panic" => panic!("as asked"),
        "abort" => std::process::abort(),
        "overflow" => println!("{}", overflow(1)),
        other => end_by_c(other),
    }
}

fn end_by_c(how: &str) {
    let signals = [
        ("kill", libc::SIGKILL),
        ("term", libc::SIGTERM),
        ("int", libc::SIGINT),
        ("hup", libc::SIGHUP),
        ("fpe", libc::SIGFPE),
    ];
    if let Some((_, signal)) = signals.iter().find(|(name, _)| *name == how) {
        // SAFETY: plain C calls. Whoever started the program may have had it ignored.
        unsafe {
            libc::signal(*signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), *signal);
        }
        loop {
            std::thread::park();
        }
    }
    // SAFETY: each ends the process, which is what is wanted.
    unsafe {
        match how {
            "_exit" => libc::_exit(4),
            "exit_group" => drop(libc::syscall(libc::SYS_exit_group, 4)),
            "quick_exit" => quick_exit(5),
            "null" => black_box(std::ptr::null_mut::<u8>()).write_volatile(1),
            "illegal" => std::arch::asm!("ud2"),
            "bus" => touch_behind_a_file(),
            "pipe" => write_into_a_closed_pipe(),
            other => panic!("no ending {other}"),
        }
    }
    panic!("still there");
}

unsafe extern "C" {
    fn quick_exit(code: libc::c_int) -> !;
}

/// Allocates in every frame until the stack is full.
#[inline(never)]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    let block = black_box(Box::new(frame[0]));
    if *block == u64::MAX {
        return 0;
    }
    overflow(*block + 1) + frame[63]
}

unsafe fn touch_behind_a_file() {
    let path = c"/proc/self/exe";
    // SAFETY: a mapping behind the end of a file; touching it raises SIGBUS.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_RDONLY);
        let length = 1 << 40;
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ,
            libc::MAP_PRIVATE,
            file,
            length,
        );
        assert_ne!(page, libc::MAP_FAILED);
        black_box(page.cast::<u8>().read_volatile());
    }
}

unsafe fn write_into_a_closed_pipe() {
    let mut ends = [0; 2];
    // SAFETY: plain C calls with live arguments.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        libc::close(ends[0]);
        libc::write(ends[1], c"x".as_ptr().cast(), 1);
    }
}

/// Runs at `exit`, before or behind the recorder's own.
extern "C" fn exit_handler() {
    allocate(EXIT_HANDLER_BYTES);
}

/// Runs behind all that `atexit` knows.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_THE_VERY_END: extern "C" fn() = {
    extern "C" fn at_the_very_end() {
        allocate(ARRAY_BYTES);
    }
    at_the_very_end
};

fn allocate(bytes: usize) {
    let layout = Layout::from_size_align(bytes, 8).expect("a valid layout");
    // SAFETY: the layout is not empty.
    black_box(unsafe { alloc(layout) });
}
