//! Children of every kind while threads allocate.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;

use heapline_test_programs::pool::UNLOCKED_ALIGN;
use heapline_test_programs::work::Log;

use crate::{STOP, join, start, start_these, wait_for};

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
        let layout = Layout::from_size_align(5_101 + number as usize % 1_000, align);
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
        join(start_these(8..10, 3_000, log));
        drop(recording);
        assert!(!heapline::is_recording());
        std::process::exit(0);
    }
    assert_eq!(wait(child), 0);
    assert_eq!(heapline::is_recording(), !parent_stops);
    profiled_twice();
}

/// Four generations, each of one process, which notes its id. Each has two workers with
/// numbers of their own, calls a profiled function, frees the blocks that it has from its
/// parent, and leaves as many for its child.
pub(crate) fn family(log: &'static Log) {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for generation in 0..4 {
        log.notes[generation as usize].store(std::process::id().into(), SeqCst);
        drop(std::mem::take(&mut blocks));
        black_box(profiled(generation));
        blocks = (0..50).map(|number| vec![1; 5_000 + number]).collect();
        join(start_these(2 * generation..2 * generation + 2, 2_000, log));
        if generation == 3 {
            break;
        }
        // SAFETY: no other thread is there.
        let child = unsafe { libc::fork() };
        if child != 0 {
            assert_eq!(wait(child), 0);
            break;
        }
    }
    // Nothing is freed any more.
    std::process::exit(0);
}

/// A child that allocates when its parent is gone, and the working directory another one.
/// Notes its own process id, and then that it is done.
pub(crate) fn daemon(log: &'static Log) {
    let parent = std::process::id() as libc::pid_t;
    // SAFETY: no other thread is there.
    if unsafe { libc::fork() } != 0 {
        return;
    }
    // SAFETY: plain C calls.
    unsafe {
        while libc::getppid() == parent {
            libc::usleep(1_000);
        }
        assert_eq!(libc::chdir(c"/".as_ptr()), 0);
    }
    allocate(100, 8);
    log.notes[0].store(std::process::id().into(), SeqCst);
    log.notes[1].store(1, SeqCst);
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
