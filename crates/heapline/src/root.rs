//! The recorder's process-wide state: one page that a forked child sees zeroed.
//!
//! Everything that belongs to a recording is reached through this page, by hook,
//! scopes and guards alike, and zero means "nothing here". So a child of `fork`,
//! also of one that bypassed libc, finds nothing to write into: no handler, no
//! lock taken before the fork, no check of the pid on the hot path.
#![allow(unsafe_code)]

use core::mem::size_of;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use heapline_trace::{HEADER_BYTES, HeaderField};

use crate::sys;
use crate::thread_state::Slot;

/// Slots are found through chunks of so many pointers.
const CHUNK_SLOTS: usize = 512;
const CHUNKS: usize = 128;

/// Most threads that can record at once.
pub(crate) const MAX_SLOTS: usize = CHUNK_SLOTS * CHUNKS;

/// Zero is a valid value of every field, and means that there is none.
#[repr(C)]
pub(crate) struct Root {
    /// Number of the recording that goes on; 0 if none does.
    pub(crate) recording: AtomicU32,
    /// The trace's descriptor, valid while `recording` is not 0.
    pub(crate) descriptor: AtomicI32,
    /// Its device and inode: the number may be closed and reused by the program.
    pub(crate) device: AtomicU64,
    pub(crate) inode: AtomicU64,
    /// Most bytes the file may have.
    pub(crate) max_file: AtomicU64,
    /// Least bytes that stay free on its file system.
    pub(crate) min_free: AtomicU64,
    /// The file's tail when free space was last looked at.
    pub(crate) checked_tail: AtomicU64,
    /// Most frames stored of a stack.
    pub(crate) max_frames: AtomicU32,
    /// 1 once a second thread has recorded: stamps are ordered from then on.
    pub(crate) threaded: AtomicU32,
    /// Scope tables claimed in this recording.
    pub(crate) functions: AtomicU32,
    /// Slots made so far; they outlive recordings.
    pub(crate) slots: AtomicU32,
    /// Slots that ever recorded in this recording.
    pub(crate) attached: AtomicU32,
    /// Head of the list of free slots: a count against ABA, and slot number plus 1.
    free_slots: AtomicU64,
    header: AtomicPtr<u8>,
    chunks: [AtomicPtr<AtomicPtr<Slot>>; CHUNKS],
}

static ROOT: AtomicPtr<Root> = AtomicPtr::new(core::ptr::null_mut());

const ROOT_BYTES: usize = size_of::<Root>().next_multiple_of(4096);

/// The page, if any recording ever began in this process or the one it was forked from.
#[inline]
pub(crate) fn get() -> Option<&'static Root> {
    // SAFETY: the pointer is null or that of a mapping made by `get_or_map`, which is
    // never unmapped; all fields are atomics, valid for any bytes.
    unsafe { ROOT.load(Ordering::Acquire).as_ref() }
}

/// The page, made if there is none yet. `None` if memory cannot be mapped.
pub(crate) fn get_or_map() -> Option<&'static Root> {
    if let Some(root) = get() {
        return Some(root);
    }
    let made = sys::map_anonymous(ROOT_BYTES)?.as_ptr().cast::<Root>();
    let null = core::ptr::null_mut();
    if ROOT
        .compare_exchange(null, made, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        // SAFETY: another thread's page won; nobody has seen this one.
        unsafe { sys::unmap(made as usize, ROOT_BYTES) };
    }
    get()
}

impl Root {
    /// The mapped header page of the trace, while there is one.
    pub(crate) fn header(&self) -> Option<HeaderPage> {
        let page = self.header.load(Ordering::Acquire);
        core::ptr::NonNull::new(page).map(HeaderPage)
    }

    /// Installs the header page of a new recording. The old one, if any, stays
    /// mapped: a thread may be about to count something in it.
    pub(crate) fn set_header(&self, page: HeaderPage) {
        self.header.store(page.0.as_ptr(), Ordering::Release);
    }

    /// The slot with this number.
    pub(crate) fn slot(&self, number: u32) -> Option<&'static Slot> {
        let number = number as usize;
        let chunk = self
            .chunks
            .get(number / CHUNK_SLOTS)?
            .load(Ordering::Acquire);
        if chunk.is_null() {
            return None;
        }
        // SAFETY: a chunk is a mapping of CHUNK_SLOTS pointers that is never unmapped,
        // and slots are never unmapped either.
        unsafe {
            (*chunk.add(number % CHUNK_SLOTS))
                .load(Ordering::Acquire)
                .as_ref()
        }
    }

    /// Puts a new slot into the table; false if there is no room.
    pub(crate) fn install_slot(&self, number: u32, slot: &'static Slot) -> bool {
        let number = number as usize;
        let Some(chunk) = self.chunks.get(number / CHUNK_SLOTS).and_then(chunk_or_map) else {
            return false;
        };
        let slot = core::ptr::from_ref(slot).cast_mut();
        // SAFETY: as in `slot`.
        unsafe { (*chunk.add(number % CHUNK_SLOTS)).store(slot, Ordering::Release) };
        true
    }

    /// Takes a slot from the list of free ones.
    pub(crate) fn pop_free_slot(&self) -> Option<&'static Slot> {
        let mut head = self.free_slots.load(Ordering::Acquire);
        loop {
            let slot = self.slot((head as u32).checked_sub(1)?)?;
            let next = head_with((head >> 32) + 1, slot.next_free.load(Ordering::Relaxed));
            match self.free_slots.compare_exchange_weak(
                head,
                next,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(slot),
                Err(now) => head = now,
            }
        }
    }

    /// Puts a slot on the list of free ones.
    pub(crate) fn push_free_slot(&self, slot: &Slot) {
        let mut head = self.free_slots.load(Ordering::Acquire);
        loop {
            slot.next_free.store(head as u32, Ordering::Relaxed);
            let next = head_with((head >> 32) + 1, slot.number + 1);
            match self.free_slots.compare_exchange_weak(
                head,
                next,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

fn head_with(count: u64, link: u32) -> u64 {
    count << 32 | u64::from(link)
}

fn chunk_or_map(entry: &AtomicPtr<AtomicPtr<Slot>>) -> Option<*mut AtomicPtr<Slot>> {
    let chunk = entry.load(Ordering::Acquire);
    if !chunk.is_null() {
        return Some(chunk);
    }
    let bytes = CHUNK_SLOTS * size_of::<AtomicPtr<Slot>>();
    let made = sys::map_anonymous(bytes)?
        .as_ptr()
        .cast::<AtomicPtr<Slot>>();
    match entry.compare_exchange(
        core::ptr::null_mut(),
        made,
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        Ok(_) => Some(made),
        Err(winner) => {
            // SAFETY: another thread's chunk won; nobody has seen this one.
            unsafe { sys::unmap(made as usize, bytes) };
            Some(winner)
        }
    }
}

/// The trace's header page, mapped: the kernel has every change at once.
#[derive(Clone, Copy)]
pub(crate) struct HeaderPage(core::ptr::NonNull<u8>);

impl HeaderPage {
    /// Maps the first page of a trace.
    pub(crate) fn map(descriptor: i32) -> Result<Self, sys::Errno> {
        sys::map_shared(descriptor, 0, HEADER_BYTES).map(HeaderPage)
    }

    /// The page's bytes, to write the texts before anyone else knows the page.
    pub(crate) fn bytes(&mut self) -> &mut [u8; HEADER_BYTES] {
        // SAFETY: the mapping is a page long and never unmapped; that nobody else knows
        // it yet is why `&mut self` is asked for: the caller made it just now.
        unsafe { self.0.cast::<[u8; HEADER_BYTES]>().as_mut() }
    }

    /// A number of the header that is updated in place.
    pub(crate) fn u64_field(self, field: HeaderField) -> &'static AtomicU64 {
        // SAFETY: the offset lies inside the page and is a multiple of 8 for every field
        // of 8 bytes, and the page is never unmapped.
        unsafe { &*self.0.as_ptr().add(field as usize).cast::<AtomicU64>() }
    }

    /// A number of the header that is updated in place.
    pub(crate) fn u32_field(self, field: HeaderField) -> &'static AtomicU32 {
        // SAFETY: as in `u64_field`, with multiples of 4.
        unsafe { &*self.0.as_ptr().add(field as usize).cast::<AtomicU32>() }
    }
}
