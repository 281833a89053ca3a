//! Threads of every kind, and what they do when they end.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;

/// Asks for memory when its thread ends, and wakes the next variable up.
struct Last(Vec<u64>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.extend(0..100);
        SECOND.with(|second| second.borrow_mut().0.push(1));
    }
}

struct Second(Vec<u64>);

impl Drop for Second {
    fn drop(&mut self) {
        black_box(Box::new(self.0.len()));
        // Made in a destructor, destroyed behind it.
        let _ = THIRD.try_with(|third| third.borrow_mut().push(vec![2]));
    }
}

thread_local! {
    static FIRST: RefCell<Last> = RefCell::new(Last(vec![1]));
    static SECOND: RefCell<Second> = RefCell::new(Second(vec![1]));
    static THIRD: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
}

/// Threads, the first one too, whose variables ask for memory when they are destroyed.
pub(crate) fn destructors(threads: u64) {
    let touch = || FIRST.with(|first| first.borrow_mut().0.push(2));
    for _ in 0..threads {
        std::thread::spawn(touch).join().expect("no panic");
    }
    touch();
}

static KEY: AtomicU32 = AtomicU32::new(0);
static ROUNDS: AtomicU64 = AtomicU64::new(0);

/// Asks for memory, and to be called once more, as often as the C library allows.
extern "C" fn at_the_end(block: *mut libc::c_void) {
    // SAFETY: what `work_with_key` and this function have put there.
    drop(unsafe { Box::from_raw(block.cast::<u64>()) });
    ROUNDS.fetch_add(1, SeqCst);
    set_key();
}

fn set_key() {
    let block = Box::into_raw(Box::new(1_u64));
    // SAFETY: the key is there, and its destructor takes such a block.
    unsafe { libc::pthread_setspecific(KEY.load(SeqCst), block.cast()) };
}

/// Threads that ask for memory in four rounds of the C library's destructors, the last of
/// them behind the recorder's own.
pub(crate) fn keys(threads: u64) {
    let mut key = 0;
    // SAFETY: plain C call with a function of the right type.
    assert_eq!(
        unsafe { libc::pthread_key_create(&mut key, Some(at_the_end)) },
        0
    );
    KEY.store(key, SeqCst);
    for _ in 0..threads {
        std::thread::spawn(set_key).join().expect("no panic");
    }
    assert_eq!(ROUNDS.load(SeqCst), 4 * threads);
}

static ENDED: AtomicU64 = AtomicU64::new(0);

extern "C" fn work_for_c(number: *mut libc::c_void) -> *mut libc::c_void {
    let mut grown = Vec::new();
    for value in 0..100 + number as usize % 50 {
        grown.push(black_box(value));
    }
    drop(grown);
    ENDED.fetch_add(1, SeqCst);
    std::ptr::null_mut()
}

/// Threads that C makes, half of them detached.
pub(crate) fn c_threads(threads: u64) {
    for number in 0..threads {
        let mut thread = 0;
        let argument = number as usize as *mut libc::c_void;
        // SAFETY: plain C calls; the function takes any argument.
        unsafe {
            let answer = libc::pthread_create(&mut thread, std::ptr::null(), work_for_c, argument);
            assert_eq!(answer, 0);
            if number % 2 == 0 {
                libc::pthread_detach(thread);
            } else {
                libc::pthread_join(thread, std::ptr::null_mut());
            }
        }
    }
    while ENDED.load(SeqCst) < threads {
        std::thread::yield_now();
    }
}

/// Vectors that have come to their end.
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Eight threads in a circle that pass vectors on; whoever gets one makes it grow or
/// shrink, and the fourth one drops it.
pub(crate) fn passing(vectors: u64) {
    const THREADS: usize = 8;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS)
        .map(|_| mpsc::channel::<(u64, Vec<u64>)>())
        .unzip();
    let pass = |index: usize, receiver: mpsc::Receiver<(u64, Vec<u64>)>| {
        let next = senders[(index + 1) % THREADS].clone();
        move || {
            for (hops, mut vector) in receiver {
                if hops == 0 {
                    break;
                }
                if hops % 3 == 0 {
                    vector.truncate(vector.len() / 2);
                    vector.shrink_to_fit();
                } else {
                    vector.extend(0..vector.len() as u64 + 5);
                }
                if hops > 1 {
                    next.send((hops - 1, vector)).expect("it goes on");
                } else {
                    drop(vector);
                    PASSED.fetch_add(1, SeqCst);
                }
            }
        }
    };
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(index, receiver)| std::thread::spawn(pass(index, receiver)))
        .collect();
    for number in 0..vectors {
        let vector = vec![number; number as usize % 40];
        let first = &senders[number as usize % THREADS];
        first.send((5, vector)).expect("it goes on");
    }
    while PASSED.load(SeqCst) < vectors {
        std::thread::yield_now();
    }
    for sender in &senders {
        sender.send((0, Vec::new())).expect("it goes on");
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
}
