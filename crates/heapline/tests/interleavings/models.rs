//! What is promised, as programs of two or three threads. `UnsafeCell` stands for what may
//! be used by one thread alone: the model fails where two could be at it, or where one
//! would not see what the other did.

use loom::cell::UnsafeCell;
use loom::model;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::Acquire;
use loom::thread;

use super::atomic::fence;
use super::free_list::{FreeList, Link};
use super::phase::{FIRST_RECORDING, IDLE, Phase};
use super::users::Users;

#[derive(Default)]
struct Slots {
    list: FreeList,
    slots: [Slot; 2],
}

#[derive(Default)]
struct Slot {
    link: Link,
    memory: UnsafeCell<u32>,
}

impl Slots {
    fn pop(&self) -> Option<usize> {
        let number = self.list.pop(
            |number| Some(number as usize).filter(|&number| number < self.slots.len()),
            |number| &self.slots[number].link,
        )?;
        self.slots[number].memory.with_mut(|_| ());
        Some(number)
    }

    fn push(&self, number: usize) {
        self.slots[number].memory.with_mut(|_| ());
        self.list.push(number as u32, &self.slots[number].link);
    }
}

/// Slots are taken and given back by two threads; none is in two hands, none is lost. One
/// takes both and gives back the first, the pattern of ABA.
pub(crate) fn free_slots() {
    model(|| {
        let slots = Arc::new(Slots::default());
        slots.push(1);
        slots.push(0);
        let other = Arc::clone(&slots);
        let other = thread::spawn(move || {
            let first = other.pop();
            let second = other.pop();
            if let Some(first) = first {
                other.push(first);
            }
            if let Some(second) = second {
                other.push(second);
            }
        });
        let first = slots.pop();
        let second = slots.pop();
        for number in [first, second].into_iter().flatten() {
            slots.push(number);
        }
        other.join().expect("no panic");
        let mut left = [slots.pop(), slots.pop(), slots.pop()];
        left.sort();
        assert_eq!(left, [None, Some(0), Some(1)]);
    });
}

#[derive(Default)]
struct File {
    users: Users,
    contents: UnsafeCell<u32>,
}

impl File {
    /// Uses the file, if it is the recording's.
    fn use_it(&self, recording: u32) {
        if self.users.enter(recording) {
            self.contents.with(|_| ());
            self.users.leave();
        }
    }
}

/// A file is taken from its recording, and given to the next if nobody uses it then, while
/// a thread uses it for the first, and then for the second; and while two threads do the
/// former.
pub(crate) fn users() {
    uses([&[3, 4]]);
    uses([&[3], &[3]]);
}

fn uses<const THREADS: usize>(recordings: [&'static [u32]; THREADS]) {
    model(move || {
        let file = Arc::new(File::default());
        file.contents.with_mut(|_| ());
        file.users.give(3);
        let threads = recordings.map(|recordings| {
            let file = Arc::clone(&file);
            thread::spawn(move || recordings.iter().for_each(|&recording| file.use_it(recording)))
        });
        file.users.take_away();
        if file.users.is_free() {
            file.contents.with_mut(|_| ());
            file.users.give(4);
        }
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert!(file.users.recording() == 4 || file.users.is_free());
    });
}

const PARENT: u32 = 1;
const CHILD: u32 = 2;

#[derive(Default)]
struct Process {
    phase: Phase,
    opened: UnsafeCell<u32>,
}

impl Process {
    /// What a thread does at its first event: it decides, or records what was decided.
    fn first_event(&self) {
        if self.phase.begin_deciding(CHILD) || self.phase.take_over_deciding(CHILD) {
            self.open();
        }
        self.record(FIRST_RECORDING);
    }

    /// The same where it found the number of its parent's recording.
    fn first_event_under(&self, parents: u32) {
        if self.phase.begin_following(parents, CHILD) {
            self.open();
        }
        self.record(FIRST_RECORDING);
    }

    fn open(&self) {
        self.opened.with_mut(|_| ());
        self.phase.finish_starting(FIRST_RECORDING);
    }

    fn record(&self, recording: u32) {
        if self.phase.load() == recording {
            fence(Acquire);
            self.opened.with(|_| ());
        }
    }
}

/// A trace is opened by one thread, and the others see all of it: in a process that nobody
/// has asked, in a child that was forked while its parent was at it, and in one whose parent
/// records.
pub(crate) fn phases() {
    by_two(Process::default, Process::first_event);
    let forked_meanwhile = || {
        let process = Process::default();
        assert!(process.phase.begin_deciding(PARENT));
        process
    };
    by_two(forked_meanwhile, Process::first_event);
    const PARENTS: u32 = FIRST_RECORDING + 1;
    let recorded = || {
        let process = Process::default();
        process.phase.finish_starting(PARENTS);
        process
    };
    by_two(recorded, |process| process.first_event_under(PARENTS));
    // A child that leaves its parent's state by one thread is idle for the other, which
    // measures, or has begun a recording by it.
    model(move || {
        let process = Arc::new(forked_meanwhile());
        let other = Arc::clone(&process);
        let other = thread::spawn(move || {
            other.phase.begin_measuring();
            other.first_event();
            other.phase.end_measuring();
        });
        process.phase.leave_parents(CHILD);
        other.join().expect("no panic");
        assert!(!process.phase.is_measured());
        assert!([IDLE, FIRST_RECORDING].contains(&process.phase.load()));
    });
}

fn by_two(process: impl Fn() -> Process + Sync + Send + 'static, event: fn(&Process)) {
    model(move || {
        let process = Arc::new(process());
        let other = Arc::clone(&process);
        let other = thread::spawn(move || event(&other));
        event(&process);
        other.join().expect("no panic");
        assert_eq!(process.phase.load(), FIRST_RECORDING);
    });
}
