//! Code beside the program's own: a library that comes and goes, and code made at run time.
#![allow(unsafe_code)]

use std::cell::Cell;

type Compare = extern "C" fn(*const i32, *const i32) -> i32;
type Sort = unsafe extern "C" fn(*mut i32, usize, usize, Compare);

thread_local! {
    /// What the comparison calls.
    static CALLED: Cell<fn()> = const { Cell::new(|| ()) };
}

extern "C" fn compare(left: *const i32, right: *const i32) -> i32 {
    CALLED.get()();
    // SAFETY: the sort gives pointers to two elements.
    unsafe { (*left).cmp(&*right) as i32 }
}

/// Loads a second C library beside the program's own, sorts with it, with a call in each
/// comparison, and unloads it.
pub(crate) fn sort_in_a_library(called: fn()) {
    CALLED.set(called);
    // SAFETY: the library is closed after its last use.
    unsafe {
        let library = libc::dlmopen(libc::LM_ID_NEWLM, c"libc.so.6".as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null());
        let sort = libc::dlsym(library, c"qsort".as_ptr());
        let sort: Sort = std::mem::transmute::<*mut libc::c_void, Sort>(sort);
        let mut numbers = [3, 1, 2, 5, 4];
        sort(numbers.as_mut_ptr(), numbers.len(), 4, compare);
        assert!(numbers.is_sorted());
        libc::dlclose(library);
    }
}

/// Fresh private memory: at an address, unless another thread has come there first, or
/// anywhere.
pub(crate) fn map_at(address: u64, bytes: usize, protection: libc::c_int) -> Option<*mut u8> {
    let fixed = if address == 0 {
        0
    } else {
        libc::MAP_FIXED_NOREPLACE
    };
    // SAFETY: the kernel finds a free place, or refuses one that is taken.
    let memory = unsafe {
        libc::mmap(
            address as *mut libc::c_void,
            bytes,
            protection,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | fixed,
            -1,
            0,
        )
    };
    (memory != libc::MAP_FAILED).then(|| memory.cast())
}

const PAGE_BYTES: u64 = 4096;

/// `sub rsp, 8; call rdi; add rsp, 8; ret`
pub(crate) const PLAIN_STUB: [u8; 11] = [
    0x48, 0x83, 0xec, 0x08, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x08, 0xc3,
];

/// `push rbp; mov rbp, rsp; call rdi; pop rbp; ret`
#[allow(dead_code, reason = "not all tests use it")]
pub(crate) const FRAMED_STUB: [u8; 8] = [0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3];

/// Code that calls its argument, with a frame that no table describes.
pub(crate) type Stub = extern "C" fn(extern "C" fn());

/// A stub at an address, as [`map_at`].
pub(crate) fn stub_at(address: u64, code: &[u8]) -> Option<Stub> {
    let inside = address % PAGE_BYTES;
    let pages = map_at(
        address - inside,
        2 * PAGE_BYTES as usize,
        libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
    )?;
    // SAFETY: whole instructions in pages of our own, written before they run.
    unsafe {
        let place = pages.add(inside as usize);
        std::ptr::copy_nonoverlapping(code.as_ptr(), place, code.len());
        Some(std::mem::transmute::<*mut u8, Stub>(place))
    }
}

/// The plain stub at the place from which its call returns to an address.
#[allow(dead_code, reason = "not all tests use it")]
pub(crate) fn stub_returning_to(address: u64) -> Option<Stub> {
    stub_at(address - 6, &PLAIN_STUB)
}
