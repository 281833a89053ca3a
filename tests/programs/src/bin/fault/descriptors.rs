//! What a program does to descriptors, paths, folders and rights while it is recorded.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::{Path, PathBuf};

use heapline_test_programs::work::Log;

use crate::{join, start, start_around};

/// Workers, and what each does before anything happens and in all.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) workers: u64,
    pub(crate) rounds: u64,
}

impl Size {
    /// Does something while all rest, and something else when they go on.
    fn around(self, log: &'static Log, first: impl FnOnce(), then: impl FnOnce()) -> u64 {
        let workers = start_around(self.workers, self.rounds, log, first);
        then();
        join(workers)
    }
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("FOLDER").expect("a folder"))
}

pub(crate) fn run(deed: &str, size: Size, log: &'static Log) -> u64 {
    match deed {
        "close" => {
            let close = || {
                close_from(3);
                write_files(&folder());
            };
            size.around(log, || {}, close)
        }
        "close all" => size.around(
            log,
            || {},
            || {
                // Room for the files where stdout and stderr were.
                close_from(0);
                write_files(&folder());
                // SAFETY: plain C call; from here on stdout is a file of ours.
                unsafe { libc::_exit(0) };
            },
        ),
        "close, path gone" => {
            let close = || {
                std::fs::rename("trace.heapline", "elsewhere").expect("is there");
                close_from(3);
            };
            size.around(log, close, || write_files(&folder()))
        }
        "close, path taken" => {
            let close = || {
                std::fs::rename("trace.heapline", "elsewhere").expect("is there");
                std::fs::write("trace.heapline", "mine").expect("writable");
                close_from(3);
            };
            size.around(log, close, || write_files(&folder()))
        }
        "take" => {
            let mut mine = File::create("mine").expect("writable");
            // SAFETY: both are open; nobody else uses the trace's just now.
            unsafe { libc::dup2(mine.as_raw_fd(), trace_descriptor()) };
            mine.write_all(b"mine").expect("writable");
            join(start(size.workers, size.rounds, log))
        }
        "move" => size.around(
            log,
            || {},
            || {
                std::fs::rename("trace.heapline", "elsewhere").expect("is there");
                std::env::set_current_dir("/").expect("is there");
                become_nobody();
            },
        ),
        "unlink" => size.around(
            log,
            || {},
            || {
                std::fs::hard_link("trace.heapline", "elsewhere").expect("writable");
                std::fs::remove_file("trace.heapline").expect("is there");
            },
        ),
        other => panic!("no deed {other}"),
    }
}

/// Closes everything from this descriptor on.
fn close_from(first: u32) {
    // SAFETY: descriptors that std holds are not used again.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    assert_eq!(answer, 0);
}

/// Writes a hundred files that are open at the same time, in many pieces.
fn write_files(folder: &Path) {
    let name = |number: u32| folder.join(format!("file-{number}"));
    let mut files: Vec<File> = (0..100)
        .map(|number| File::create(name(number)).expect("writable"))
        .collect();
    for piece in 0..20 {
        for (number, file) in files.iter_mut().enumerate() {
            writeln!(file, "file {number}, piece {piece}").expect("writable");
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// The descriptor through which the recorder writes.
fn trace_descriptor() -> RawFd {
    let open = std::fs::read_dir("/proc/self/fd").expect("a process has one");
    let mut found = open.filter_map(|entry| {
        let entry = entry.ok()?;
        let target = std::fs::read_link(entry.path()).ok()?;
        let number = entry.file_name().into_string().ok()?.parse().ok()?;
        target.ends_with("trace.heapline").then_some(number)
    });
    found.next().expect("it records")
}

/// Gives up root's rights, with all threads.
fn become_nobody() {
    // SAFETY: plain C calls.
    unsafe {
        libc::umask(0o777);
        if libc::getuid() == 0 {
            assert_eq!(libc::setgid(65534), 0);
            assert_eq!(libc::setuid(65534), 0);
        }
    }
}
