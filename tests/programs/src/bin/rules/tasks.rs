//! Asynchronous tasks, which go from thread to thread between two of their steps.

use std::collections::HashSet;
use std::future::poll_fn;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::thread::ThreadId;

/// Steps of each task.
const STEPS: u64 = 8;

/// Tasks that were seen on more than one thread.
static HAVE_MOVED: AtomicU64 = AtomicU64::new(0);

/// Lets the others have their turn, on whatever thread it goes on then.
async fn give_way() {
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Grows a vector and a text on one thread, gives them back on another.
async fn task(number: u64) -> u64 {
    let mut threads = HashSet::<ThreadId>::new();
    let mut grown = Vec::new();
    for step in 0..STEPS {
        threads.insert(std::thread::current().id());
        grown.extend(0..black_box(number % 20 + step));
        let text = black_box(format!("{number}, {step}"));
        give_way().await;
        drop(text);
    }
    HAVE_MOVED.fetch_add(u64::from(threads.len() > 1), Relaxed);
    grown.len() as u64
}

/// So many tasks on four threads.
pub(crate) fn tasks(times: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .expect("threads start");
    let lengths = runtime.block_on(async {
        let tasks: Vec<_> = (0..times)
            .map(|number| tokio::spawn(task(number)))
            .collect();
        let mut lengths = 0;
        for task in tasks {
            lengths += task.await.expect("no panic");
        }
        lengths
    });
    let expected = (0..times).map(|number| (0..STEPS).map(|step| number % 20 + step).sum::<u64>());
    assert_eq!(lengths, expected.sum::<u64>());
    assert!(HAVE_MOVED.load(Relaxed) > 0, "no task has moved");
}
