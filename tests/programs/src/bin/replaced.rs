//! Libraries that take each other's place in memory, and call back.
//!
//! Arguments: how often, and for each library its path and its function, which calls its
//! argument. Below the first library's function blocks of 10,001 bytes are allocated, below
//! the second's of 20,001 and so on. Prints how many of the libraries lay where the one
//! before had lain.

use std::ffi::CString;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

static BYTES: AtomicUsize = AtomicUsize::new(0);

extern "C" fn called() {
    black_box(Vec::<u8>::with_capacity(BYTES.load(Relaxed)));
}

fn main() {
    let arguments: Vec<CString> = std::env::args()
        .skip(1)
        .map(|argument| CString::new(argument).expect("no zero byte"))
        .collect();
    let times: usize = arguments[0].to_str().expect("text").parse().expect("times");
    let (mut before, mut same) = (0, 0);
    for round in 0..times {
        let libraries = (arguments.len() - 1) / 2;
        let which = round % libraries;
        BYTES.store(10_000 * (which + 1) + 1, Relaxed);
        let (path, name) = (&arguments[1 + 2 * which], &arguments[2 + 2 * which]);
        // SAFETY: the function has this type, and the library is closed behind its call.
        unsafe {
            let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null(), "{path:?}");
            let function = libc::dlsym(library, name.as_ptr());
            assert!(!function.is_null(), "{name:?}");
            let page = function.addr() & !0xfff;
            same += usize::from(page == before);
            before = page;
            let function: extern "C" fn(extern "C" fn()) = std::mem::transmute(function);
            function(called);
            libc::dlclose(library);
        }
    }
    println!("{same}");
}
