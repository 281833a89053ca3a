//! What each recorded thread owns, and how it finds it.
//!
//! The state lies in mapped memory, so it outlives the thread's own destructors;
//! the thread-local variable that points to it has neither initialiser nor
//! destructor, so it works before `main`, in destructors, and after `main`. When a
//! thread ends its slot is given to the next one, with warm tables. A forked child
//! finds the state zeroed, hence under no recording's number, and detaches.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::mem::size_of;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence, fence};

use heapline_trace::{HeaderField, StreamId};
use once_cell::race::OnceNonZeroUsize;

use crate::free_list::Link;
use crate::recorder::Recorder;
use crate::root::{self, MAX_SLOTS, Root};
use crate::sink::{self, Failure};
use crate::{deciding, state, sys};

/// What other threads may see of a thread's state.
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) number: u32,
    pub(crate) next_free: Link,
    /// The thread that took the slot when it had ended but for other destructors, or 0:
    /// nobody may be left to give it back.
    exiting_thread: AtomicU32,
    /// What this slot's threads did since recording began.
    pub(crate) counters: Counters,
}

impl Slot {
    /// Whether the process has this slot. A forked child has others: it sees those of its
    /// parent zeroed.
    fn is_known(&self, root: &Root) -> bool {
        root.slot(self.number)
            .is_some_and(|known| core::ptr::eq(known, self))
    }

    /// Takes the slot from the thread that got it while it ended; true for the one that did.
    fn leave_exiting_thread(&self, root: &Root, thread: u32) -> bool {
        let is_taken = thread != 0
            && self
                .exiting_thread
                .compare_exchange(thread, 0, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if is_taken {
            root.exiting_threads.fetch_sub(1, Ordering::AcqRel);
        }
        is_taken
    }
}

/// Counts of one slot; only its owner adds to them.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) recording: AtomicU32,
    pub(crate) allocations: AtomicU64,
    pub(crate) allocated_bytes: AtomicU64,
    pub(crate) deallocations: AtomicU64,
    pub(crate) deallocated_bytes: AtomicU64,
    pub(crate) reallocations: AtomicU64,
    pub(crate) reallocated_bytes: AtomicU64,
    pub(crate) replaced_bytes: AtomicU64,
}

impl Counters {
    /// Adds without a locked instruction: nobody else writes.
    #[inline]
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(amount),
            Ordering::Relaxed,
        );
    }

    fn restart(&self, recording: u32) {
        for counter in [
            &self.allocations,
            &self.allocated_bytes,
            &self.deallocations,
            &self.deallocated_bytes,
            &self.reallocations,
            &self.reallocated_bytes,
            &self.replaced_bytes,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.recording.store(recording, Ordering::Release);
    }
}

/// One slot's mapping. All-zero is valid up to `recorder`, which is meaningful only
/// under a recording's number.
#[repr(C)]
struct ThreadState {
    /// The recording that the rest belongs to; 0 in a forked child.
    recording: Cell<u32>,
    slot: Slot,
    recorder: Recorder,
}

const STATE_BYTES: usize = size_of::<ThreadState>().next_multiple_of(4096);

/// The thread's way to its state. No initialiser, no destructor.
struct ThreadLocal {
    state: Cell<*mut ThreadState>,
    busy: Cell<bool>,
    /// The slot was given back once: what comes now comes from other destructors.
    is_exiting: Cell<bool>,
}

thread_local! {
    static THREAD: ThreadLocal = const {
        ThreadLocal {
            state: Cell::new(null_mut()),
            busy: Cell::new(false),
            is_exiting: Cell::new(false),
        }
    };
}

/// The right to use the calling thread's recorder. While it lives, allocations of
/// this thread pass through unrecorded.
pub(crate) struct Entered {
    state: NonNull<ThreadState>,
}

/// Enters the recorder under the recording `id`. `None` if this thread is inside it
/// already (then the event is counted as skipped), or nothing can be recorded.
#[inline]
pub(crate) fn enter(id: u32) -> Option<Entered> {
    THREAD.with(|thread| {
        if thread.busy.get() {
            sink::count(HeaderField::SkippedEvents);
            return None;
        }
        thread.busy.set(true);
        compiler_fence(Ordering::SeqCst);
        let state = thread.state.get();
        // SAFETY: a pointer that is not null is that of this thread's slot, which is
        // never unmapped; in a forked child it reads zero.
        let known = !state.is_null() && unsafe { (*state).recording.get() } == id;
        let entered = if known {
            NonNull::new(state)
        } else {
            attach(thread, id)
        };
        if entered.is_none() {
            thread.busy.set(false);
        }
        entered.map(|state| Entered { state })
    })
}

/// Whether the calling thread is inside the recorder, as in a handler that interrupted it.
pub(crate) fn is_inside() -> bool {
    THREAD.with(|thread| thread.busy.get())
}

/// Enters the recording that goes on instead of `id`: that of a forked child which has
/// just begun its own.
#[cold]
pub(crate) fn enter_instead(id: u32) -> Option<Entered> {
    match state::load() {
        state::STARTING => {
            deciding::skip_early();
            None
        }
        now if now != id && now >= state::FIRST_RECORDING => enter(now),
        _ => None,
    }
}

impl Entered {
    /// The recording that was entered.
    #[inline]
    pub(crate) fn recording(&self) -> u32 {
        // SAFETY: the state is this thread's.
        unsafe { (*self.state.as_ptr()).recording.get() }
    }

    /// The thread's recorder.
    #[inline]
    pub(crate) fn recorder(&mut self) -> &mut Recorder {
        // SAFETY: `busy` is set for as long as `self` lives, so this is the only way to
        // the recorder in this thread, and no other thread uses it. Under the
        // recording's number it is initialised.
        unsafe { &mut (*self.state.as_ptr()).recorder }
    }

    /// Ends the recording because its trace cannot go on.
    #[cold]
    pub(crate) fn fail(&self, failure: Failure) {
        sink::fail(self.recording(), failure);
    }

    /// The counts of the thread's slot.
    #[inline]
    pub(crate) fn counters(&self) -> &Counters {
        // SAFETY: the slot is all atomics, never unmapped.
        unsafe { &(*self.state.as_ptr()).slot.counters }
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        THREAD.with(|thread| thread.busy.set(false));
    }
}

/// Gives the thread a state under this recording: its old one, a free one, or a new one.
#[cold]
fn attach(thread: &ThreadLocal, id: u32) -> Option<NonNull<ThreadState>> {
    // The state was read without an order; what a recording stored before it is looked at
    // now.
    fence(Ordering::Acquire);
    let root = root::get()?;
    if root.is_a_childs() {
        // Its recording state is the parent's; it begins its own, or records nothing.
        thread.state.set(null_mut());
        deciding::follow(id);
    }
    if root.recording() != id {
        return None;
    }
    match claim(thread, root).and_then(|state| begin(state, root, id).map(|()| state)) {
        Ok(state) => Some(state),
        Err(failure) => {
            sink::fail(id, failure);
            None
        }
    }
}

/// The thread's slot, from wherever one can be had.
fn claim(thread: &ThreadLocal, root: &'static Root) -> Result<NonNull<ThreadState>, Failure> {
    if let Some(state) = NonNull::new(thread.state.get())
        // SAFETY: a slot's mapping is never unmapped.
        && unsafe { (*state.as_ptr()).slot.is_known(root) }
    {
        return Ok(state);
    }
    let slot = match root.pop_free_slot().or_else(|| reclaim_slot(root)) {
        Some(slot) => slot,
        None => new_slot(root)?,
    };
    if thread.is_exiting.get() {
        slot.exiting_thread
            .store(sys::thread_id(), Ordering::Release);
        root.exiting_threads.fetch_add(1, Ordering::AcqRel);
    }
    // SAFETY: `slot` is a field of a `ThreadState`, made by `new_slot`, which has
    // provenance over the whole mapping through the pointer kept there.
    let state = unsafe {
        core::ptr::from_ref(slot)
            .cast::<u8>()
            .cast_mut()
            .sub(core::mem::offset_of!(ThreadState, slot))
    };
    let state = state.cast::<ThreadState>();
    thread.state.set(state);
    free_at_thread_exit(state);
    NonNull::new(state).ok_or(NO_MEMORY)
}

/// A slot that a thread took in its last destructors, and that nobody gives back.
fn reclaim_slot(root: &Root) -> Option<&'static Slot> {
    if root.exiting_threads.load(Ordering::Acquire) == 0 {
        return None;
    }
    let mut slots = (0..root.slots.load(Ordering::Acquire)).filter_map(|number| root.slot(number));
    slots.find(|slot| {
        let thread = slot.exiting_thread.load(Ordering::Acquire);
        thread != 0 && !sys::thread_lives(thread) && slot.leave_exiting_thread(root, thread)
    })
}

const NO_MEMORY: Failure = Failure(heapline_trace::StopReason::Memory);

fn new_slot(root: &'static Root) -> Result<&'static Slot, Failure> {
    let number = root.slots.fetch_add(1, Ordering::Relaxed);
    if number as usize >= MAX_SLOTS {
        root.slots.fetch_sub(1, Ordering::Relaxed);
        return Err(NO_MEMORY);
    }
    let state = sys::map_anonymous(STATE_BYTES)
        .ok_or(NO_MEMORY)?
        .as_ptr()
        .cast::<ThreadState>();
    // SAFETY: the mapping is zeroed, large enough, and known to nobody else. A zeroed
    // `Slot` is valid; its number is set before anyone can see it.
    let slot: &'static Slot = unsafe {
        (&raw mut (*state).slot.number).write(number);
        &(*state).slot
    };
    if root.install_slot(number, slot) {
        Ok(slot)
    } else {
        Err(NO_MEMORY)
    }
}

/// A recorder as it is at first. It is copied from here because it is larger than what the
/// smallest stacks have left.
struct Fresh(Recorder);

// SAFETY: only its bytes are read.
unsafe impl Sync for Fresh {}

static FRESH: Fresh = Fresh(Recorder::new());

/// Makes the state ready for its thread: afresh under a new recording, warm otherwise.
fn begin(state: NonNull<ThreadState>, root: &Root, id: u32) -> Result<(), Failure> {
    let state = state.as_ptr();
    // SAFETY: the slot is this thread's: taken from the free list, made just now, or
    // its own from a recording before. `recorder` is touched only by its owner, and
    // read only if the number says that it was initialised.
    unsafe {
        if (*state).recording.get() == id {
            return (*state).recorder.change_owner();
        }
        if root.attached.fetch_add(1, Ordering::SeqCst) > 0 {
            state::set_threaded();
        }
        let stream = StreamId((*state).slot.number);
        if (*state).recording.get() == 0 {
            (&raw mut (*state).recorder).copy_from_nonoverlapping(&raw const FRESH.0, 1);
        }
        (*state)
            .recorder
            .begin_recording(id, stream, root.max_frames.load(Ordering::Relaxed))?;
        (*state).slot.counters.restart(id);
        (*state).recording.set(id);
    }
    Ok(())
}

/// The key whose destructor gives the slot back. It runs after the thread-local
/// destructors of Rust and C++.
static EXIT_KEY: OnceNonZeroUsize = OnceNonZeroUsize::new();

fn free_at_thread_exit(state: *mut ThreadState) {
    let key = EXIT_KEY.get_or_try_init(|| {
        let mut key = 0;
        // SAFETY: plain C call; the destructor has the signature that C asks for.
        let answer = unsafe { libc::pthread_key_create(&raw mut key, Some(thread_exits)) };
        // Zero is a valid key, but not a valid cell.
        if answer == 0 {
            core::num::NonZeroUsize::new(key as usize + 1).ok_or(())
        } else {
            Err(())
        }
    });
    if let Ok(key) = key {
        // SAFETY: the key is valid, and the value is only compared and handed back.
        unsafe { libc::pthread_setspecific((key.get() - 1) as libc::pthread_key_t, state.cast()) };
    }
}

/// Gives the slot of an ending thread back. What the thread does afterwards takes a
/// slot again.
extern "C" fn thread_exits(state: *mut libc::c_void) {
    let state = state.cast::<ThreadState>();
    THREAD.with(|thread| {
        if thread.state.get() != state || thread.busy.get() {
            return;
        }
        thread.state.set(null_mut());
        thread.is_exiting.set(true);
        // SAFETY: the slot's mapping is never unmapped. In a forked child it reads zero
        // and belongs to nobody.
        let slot = unsafe { &(*state).slot };
        if let Some(root) = root::get().filter(|root| slot.is_known(root)) {
            slot.leave_exiting_thread(root, slot.exiting_thread.load(Ordering::Acquire));
            root.push_free_slot(slot);
        }
    });
}
