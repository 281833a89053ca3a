//! Children of every kind while threads allocate.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;

use heapline_test_programs::pool::UNLOCKED_ALIGN;
use heapline_test_programs::work::{Log, work};

use crate::{STOP, join, start, wait_for};

/// Forks so often, in all ways that there are; each child asks for so many blocks.
pub(crate) fn storm(times: u64, blocks: u64, workers: u64, log: &'static Log) {
    let started = start(workers, u64::MAX, log);
    wait_for(1_000, workers, log);
    for time in 0..times {
        let is_by_libc = time % 3 == 0;
        // SAFETY: a child that calls the C library only if it did the fork.
        let child = unsafe {
            match time % 3 {
                0 => libc::fork(),
                1 => libc::syscall(libc::SYS_fork) as libc::pid_t,
                _ => libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t,
            }
        };
        if child == 0 {
            allocate(blocks, if is_by_libc { 8 } else { UNLOCKED_ALIGN });
            // SAFETY: ends the child.
            unsafe { libc::syscall(libc::SYS_exit_group, 0) };
        }
        assert!(child > 0);
        assert_eq!(wait(child), 0, "child {time}");
        log.notes[0].fetch_add(1, SeqCst);
    }
    STOP.store(true, SeqCst);
    join(started);
}

fn wait(child: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: a child of this process, and a live place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    status
}

fn allocate(blocks: u64, align: usize) {
    for number in 0..blocks {
        let layout = Layout::from_size_align(100 + number as usize % 1_000, align);
        let layout = layout.expect("a valid layout");
        // SAFETY: the layout is not empty, and the block is of it.
        unsafe { dealloc(black_box(alloc(layout)), layout) };
    }
}

/// Starts programs: copies of this one with the same variables, which record, too.
pub(crate) fn spawns(times: u64, workers: u64, log: &'static Log) {
    let started = start(workers, u64::MAX, log);
    wait_for(1_000, workers, log);
    let program = std::env::current_exe().expect("a path");
    for time in 0..times {
        let mut command = Command::new(&program);
        command.arg("nothing");
        if time % 2 == 0 {
            let works_in_the_child = || {
                allocate(100, UNLOCKED_ALIGN);
                Ok(())
            };
            // SAFETY: the closure takes no lock.
            unsafe { command.pre_exec(works_in_the_child) };
        }
        assert!(command.status().expect("starts").success());
        log.notes[0].fetch_add(1, SeqCst);
    }
    STOP.store(true, SeqCst);
    join(started);
}

/// A child that makes a trace of its own, of a program whose own recording goes on or is
/// over. The child's workers have the numbers from 8 on.
pub(crate) fn child_records(parent_stops: bool, log: &'static Log) {
    let profiled_twice = || {
        for number in 0..2 {
            black_box(profiled(number));
        }
    };
    join(start(2, 3_000, log));
    profiled_twice();
    if parent_stops {
        assert!(heapline::stop());
    }
    // SAFETY: no other thread is there.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let config = heapline::Config::new().out("child");
        let recording = heapline::start(&config).expect("starts");
        profiled_twice();
        let threads = [8, 9].map(|worker| {
            std::thread::Builder::new()
                .name(format!("worker-{worker}"))
                .spawn(move || work(worker, log, 3_000, &STOP))
                .expect("starts")
        });
        join(threads.into());
        drop(recording);
        assert!(!heapline::is_recording());
        std::process::exit(0);
    }
    assert_eq!(wait(child), 0);
    assert_eq!(heapline::is_recording(), !parent_stops);
    profiled_twice();
}

#[heapline::profile]
fn profiled(number: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    numbers.push(number);
    numbers
}

/// Recordings that begin and end while threads allocate, by two threads at once.
pub(crate) fn toggle(times: u64, workers: u64, log: &'static Log) {
    let started = start(workers, u64::MAX, log);
    wait_for(1_000, workers, log);
    black_box(profiled(0));
    let before = [open_files(), mappings()];
    let toggles = || {
        std::thread::spawn(move || {
            for number in 0..times {
                let config = heapline::Config::new().out("toggled");
                if let Ok(recording) = heapline::start(&config) {
                    log.notes[0].fetch_add(1, SeqCst);
                    assert!(heapline::start(&config).is_err());
                    black_box(profiled(number));
                    if number % 2 == 0 {
                        heapline::stop();
                    }
                    drop(recording);
                }
            }
        })
    };
    let threads = [toggles(), toggles()];
    for thread in threads {
        thread.join().expect("no panic");
    }
    let recording = heapline::start(&heapline::Config::new().out("last")).expect("starts");
    black_box(profiled(1));
    wait_for(log.done(workers as usize) + 10_000, workers, log);
    drop(recording);
    STOP.store(true, SeqCst);
    join(started);
    let after = [open_files(), mappings()];
    println!("{before:?} {after:?}");
    for (note, count) in log.notes[1..].iter().zip(before.into_iter().chain(after)) {
        note.store(count, SeqCst);
    }
}

fn open_files() -> u64 {
    let open = std::fs::read_dir("/proc/self/fd").expect("a process has one");
    open.count() as u64
}

fn mappings() -> u64 {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("a process has one");
    maps.lines().count() as u64
}
