//! Locks that others hold while they ask for memory: the loader's, parking_lot's table of
//! those who wait, the backtrace crate's.

use std::ffi::CStr;
use std::hint::black_box;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

static STOP: AtomicBool = AtomicBool::new(false);

/// Lets threads do this again and again for so many milliseconds.
fn for_a_while(milliseconds: u64, deeds: &[fn()]) {
    let threads: Vec<JoinHandle<()>> = deeds
        .iter()
        .map(|&deed| {
            std::thread::spawn(move || {
                while !STOP.load(Relaxed) {
                    deed();
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(milliseconds));
    STOP.store(true, Relaxed);
    for thread in threads {
        thread.join().expect("no panic");
    }
}

fn allocate() {
    for number in 0..100 {
        black_box(vec![number; number]);
    }
}

fn open_and_close(name: &CStr) {
    // SAFETY: a library of the C library's own, which may be loaded and unloaded.
    unsafe {
        let library = libc::dlopen(name.as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null());
        libc::dlclose(library);
    }
}

fn panic_with_a_backtrace() {
    let caught = catch_unwind(|| panic!("as asked"));
    assert!(caught.is_err());
}

/// Libraries come and go on two threads, two allocate, one panics.
pub(crate) fn loader(milliseconds: u64) {
    let deeds: [fn(); 5] = [
        || open_and_close(c"libBrokenLocale.so.1"),
        || open_and_close(c"libanl.so.1"),
        allocate,
        allocate,
        panic_with_a_backtrace,
    ];
    for_a_while(milliseconds, &deeds);
}

static CONTENDED: parking_lot::Mutex<u64> = parking_lot::Mutex::new(0);

/// Threads that begin to wait for a lock of parking_lot for the first time: then its table
/// grows while others allocate.
pub(crate) fn parking_lot(times: u64) {
    for _ in 0..times {
        let threads: Vec<_> = (0..48)
            .map(|number| {
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        if number % 2 == 0 {
                            let mut guard = CONTENDED.lock();
                            *guard += 1;
                            allocate();
                        } else {
                            allocate();
                            *CONTENDED.lock() += 1;
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
    }
}

/// Backtraces with names on two threads, while two others allocate.
pub(crate) fn backtraces(milliseconds: u64) {
    let symbolise = || drop(black_box(backtrace::Backtrace::new()));
    for_a_while(milliseconds, &[symbolise, symbolise, allocate, allocate]);
}
