//! The recorder's process-wide state: one page that a forked child sees zeroed.
//!
//! Everything that belongs to a recording is reached through this page, by hook,
//! scopes and guards alike, and zero means "nothing here". So a child of `fork`,
//! also of one that bypassed libc, finds nothing to write into: no handler, no
//! lock taken before the fork, no check of the pid on the hot path.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::mem::size_of;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use heapline_trace::{HEADER_BYTES, HeaderField};
use parking_lot::{Mutex, MutexGuard};

use crate::config::PATH_BYTES;
use crate::free_list::FreeList;
use crate::thread_state::Slot;
use crate::users::Users;
use crate::{state, sys};

/// Slots are found through chunks of so many pointers.
const CHUNK_SLOTS: usize = 512;
const CHUNKS: usize = 128;

/// Most threads that can record at once.
pub(crate) const MAX_SLOTS: usize = CHUNK_SLOTS * CHUNKS;

/// Zero is a valid value of every field, and means that there is none.
#[repr(C)]
pub(crate) struct Root {
    /// The least number that a recording of this process has; 0 in a forked child that has
    /// made none.
    first_recording: AtomicU32,
    /// The recording whose file this is, and the threads that use it just now.
    users: Users,
    /// Whether there is an [`UnusedFile`].
    is_reserved: AtomicBool,
    /// The trace's descriptor, valid while there is a recording.
    pub(crate) descriptor: AtomicI32,
    /// Its device and inode: the number may be closed and reused by the program.
    pub(crate) device: AtomicU64,
    pub(crate) inode: AtomicU64,
    /// Most bytes the file may have.
    pub(crate) max_file: AtomicU64,
    /// Least bytes that stay free on its file system.
    pub(crate) min_free: AtomicU64,
    /// Free space is looked at again when the file's tail gets here.
    pub(crate) next_look: AtomicU64,
    /// Most frames stored of a stack.
    pub(crate) max_frames: AtomicU32,
    /// Serialises starts and stops.
    control: Lock,
    /// Serialises the registration of functions with their lines.
    registry: Lock,
    /// Scope tables claimed in this recording.
    pub(crate) functions: AtomicU32,
    /// Slots made so far; they outlive recordings.
    pub(crate) slots: AtomicU32,
    /// Slots that ever recorded in this recording.
    pub(crate) attached: AtomicU32,
    /// Slots taken by threads in their last destructors.
    pub(crate) exiting_threads: AtomicU32,
    free_slots: FreeList,
    header: AtomicPtr<u8>,
    chunks: [AtomicPtr<AtomicPtr<Slot>>; CHUNKS],
    /// The trace's absolute path, zero-terminated.
    path: UnsafeCell<[u8; PATH_BYTES]>,
}

// SAFETY: all fields are atomics or locks but the path, which is read by holders alone and written
// while there are none.
unsafe impl Sync for Root {}

static ROOT: AtomicPtr<Root> = AtomicPtr::new(core::ptr::null_mut());

const ROOT_BYTES: usize = size_of::<Root>().next_multiple_of(4096);

/// The page, if any recording ever began in this process or the one it was forked from.
#[inline]
pub(crate) fn get() -> Option<&'static Root> {
    // SAFETY: the pointer is null or that of a mapping made by `get_or_map`, which is
    // never unmapped. It began as zeros, and a fork makes it zeros: valid for every field.
    unsafe { ROOT.load(Ordering::Acquire).as_ref() }
}

/// The page, made if there is none yet, for a recording of this process. `None` if memory
/// cannot be mapped.
pub(crate) fn get_for_recording() -> Option<&'static Root> {
    let root = get_or_map()?;
    if root.is_a_childs() {
        root.first_recording
            .store(state::next_recording(), Ordering::Relaxed);
    }
    Some(root)
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

/// The right to use a recording's file: while one lives, descriptor and path stay.
pub(crate) struct Held {
    root: &'static Root,
}

impl Held {
    pub(crate) fn root(&self) -> &'static Root {
        self.root
    }

    /// The path of the trace.
    pub(crate) fn path(&self) -> Option<&CStr> {
        // SAFETY: nobody writes it while somebody holds the file.
        let bytes = unsafe { &*self.root.path.get() };
        CStr::from_bytes_until_nul(bytes).ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.root.users.leave();
    }
}

/// A file that no recording has and nobody uses; there is one of these at a time. Threads
/// may still look whether they may use it: they learn that they may not.
pub(crate) struct UnusedFile {
    root: &'static Root,
}

impl UnusedFile {
    /// Notes where the trace will be.
    pub(crate) fn set_path(&mut self, path: &CStr) {
        // SAFETY: who reads the path holds the file; nobody did when this was made, and
        // nobody can before it is gone, as only `give_to` gives the file away. Who else
        // would write it would have another one of these: see `retire`.
        let bytes = unsafe { &mut *self.root.path.get() };
        let path = path.to_bytes_with_nul();
        // Paths are made in as many bytes.
        if let Some(bytes) = bytes.get_mut(..path.len()) {
            bytes.copy_from_slice(path);
        }
    }

    /// Gives the file, whose fields are filled in, to a recording.
    pub(crate) fn give_to(self, recording: u32) {
        self.root.users.give(recording);
    }
}

impl Drop for UnusedFile {
    fn drop(&mut self) {
        self.root.is_reserved.store(false, Ordering::Release);
    }
}

/// A lock that is free in a forked child, where the thread that had it is not.
struct Lock(Mutex<()>);

// SAFETY: the compiler checks that both have one size, and any byte is a `u8`.
const _: () = assert!(unsafe { core::mem::transmute::<Mutex<()>, u8>(Mutex::new(())) } == 0);

impl Lock {
    /// Waits for the lock; never from the hook. Asleep, not parked: a forked child would
    /// find its parent's threads in the table of those to be woken.
    fn wait(&self) -> Locked<'_> {
        let signals = sys::SignalsHeld::hold(sys::ALL_SIGNALS).ok();
        loop {
            if let Some(lock) = self.0.try_lock() {
                return Locked {
                    _lock: lock,
                    _signals: signals,
                };
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }
}

/// A lock that is held. Signals wait meanwhile: a handler that wants the lock would wait
/// for the thread that it interrupted. Fields are dropped in this order.
pub(crate) struct Locked<'a> {
    _lock: MutexGuard<'a, ()>,
    _signals: Option<sys::SignalsHeld>,
}

/// How often, a millisecond apart, a thread that still writes is waited for.
const RETIRE_TRIES: u32 = 2_000;

impl Root {
    /// Whether this is a forked child's, which sees the page zeroed.
    pub(crate) fn is_a_childs(&self) -> bool {
        self.first_recording.load(Ordering::Relaxed) == 0
    }

    /// Whether a recording was this process's, not one of a process that it was forked from.
    pub(crate) fn made(&self, recording: u32) -> bool {
        !self.is_a_childs() && recording >= self.first_recording.load(Ordering::Relaxed)
    }

    /// The recording whose file this is; 0 if there is none.
    pub(crate) fn recording(&self) -> u32 {
        self.users.recording()
    }

    /// Lets the caller use the file, if it is still this recording's.
    pub(crate) fn hold(&'static self, recording: u32) -> Option<Held> {
        // Not `then_some`: what is dropped leaves.
        self.users.enter(recording).then(|| Held { root: self })
    }

    /// Waits for the right to start or stop a recording; never from the hook.
    pub(crate) fn control(&self) -> Locked<'_> {
        self.control.wait()
    }

    /// Waits for the right to register functions; never from the hook.
    pub(crate) fn register(&self) -> Locked<'_> {
        self.registry.wait()
    }

    /// Takes the file away from the recording; `None` if a thread does not come to an end
    /// with it, or another one is about to use it. Waits, so never from the hook.
    pub(crate) fn retire(&'static self) -> Option<UnusedFile> {
        if self.is_reserved.swap(true, Ordering::Acquire) {
            return None;
        }
        // Nobody gives the file away from here on.
        let file = UnusedFile { root: self };
        self.users.take_away();
        for _ in 0..RETIRE_TRIES {
            if self.users.is_free() {
                return Some(file);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// The mapped header page of the trace, while there is one.
    pub(crate) fn header(&self) -> Option<HeaderPage> {
        let page = self.header.load(Ordering::Acquire);
        core::ptr::NonNull::new(page).map(HeaderPage)
    }

    /// Installs the header page of a new recording. An old one is replaced where it is: a
    /// thread may be about to count something in it. Should that fail, what it counts is
    /// in the old trace.
    pub(crate) fn set_header(&self, page: HeaderPage) {
        if let Some(old) = self.header()
            // SAFETY: both are mappings of a page, never used but through `HeaderPage`, and
            // the new one's address is known to nobody.
            && unsafe { sys::move_mapping(page.0, HEADER_BYTES, old.0) }.is_ok()
        {
            return;
        }
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
        self.free_slots
            .pop(|number| self.slot(number), |slot| &slot.next_free)
    }

    /// Puts a slot on the list of free ones.
    pub(crate) fn push_free_slot(&self, slot: &Slot) {
        self.free_slots.push(slot.number, &slot.next_free);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_left_as_often_as_it_is_entered() {
        let root = get_for_recording().expect("memory");
        root.retire().expect("unused").give_to(7);
        for _ in 0..3 {
            assert!(root.hold(6).is_none());
            assert!(root.hold(0).is_none());
            assert!(root.hold(7).is_some());
        }
        let held = root.hold(7);
        assert!(!root.users.is_free());
        root.users.take_away();
        assert!(!root.users.is_free());
        drop(held);
        assert!(root.hold(7).is_none());
        assert!(root.retire().is_some());
    }
}
