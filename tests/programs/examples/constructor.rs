//! A library with an allocator of its own, which it uses before `main` of whatever program
//! has it loaded, and when C asks it to.

use std::hint::black_box;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// Bytes of its block.
const BYTES: usize = 7_013;

/// Runs when the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static WHEN_LOADED: extern "C" fn() = {
    extern "C" fn when_loaded() {
        drop(black_box(vec![1_u8; BYTES]));
    }
    when_loaded
};
