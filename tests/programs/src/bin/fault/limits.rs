//! Limits that the kernel puts on a program while it is recorded.

use std::mem::zeroed;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use heapline_test_programs::work::{Log, work};

use crate::{STOP, join, start, start_around};

/// Puts a limit on the program, at first or in the middle, and works.
pub(crate) fn run(limit: &str, workers: u64, rounds: u64, log: &'static Log) -> u64 {
    match limit {
        "file bytes, later" => {
            // SAFETY: plain C call: to write where nobody reads is deadly from here on.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let limit = || set_limit(libc::RLIMIT_FSIZE, 100_000);
            join(start_around(workers, rounds, log, limit))
        }
        "locked memory" => {
            let waiting = Waiting::start(workers, rounds, log);
            let sum = join(start(1, rounds / 4, log));
            lock_memory();
            sum ^ waiting.go()
        }
        "all locked" => {
            // SAFETY: plain C call.
            assert_eq!(unsafe { libc::mlockall(libc::MCL_FUTURE) }, 0, "mlockall");
            let started = start(workers, u64::MAX, log);
            while log.workers[..workers as usize]
                .iter()
                .any(|line| line.done.load(SeqCst) == 0)
            {
                std::thread::yield_now();
            }
            let (all, locked) = recorders_mappings();
            log.notes[0].store(all, SeqCst);
            log.notes[1].store(locked, SeqCst);
            STOP.store(true, SeqCst);
            join(started)
        }
        "address space" => {
            let waiting = Waiting::start(workers, rounds, log);
            let sum = join(start(1, rounds / 4, log));
            set_limit(libc::RLIMIT_AS, mapped_bytes() + (32 << 10));
            sum ^ waiting.go()
        }
        "system calls" => join(start_around(workers / 2, rounds, log, refuse_calls)),
        other => panic!("no limit {other}"),
    }
}

/// Threads made by C, of which Rust knows nothing: they ask for no memory until they may
/// go on.
struct Waiting {
    threads: Vec<(libc::pthread_t, Box<Task>)>,
}

struct Task {
    worker: u64,
    rounds: u64,
    log: &'static Log,
    sum: u64,
}

static MAY_GO: AtomicBool = AtomicBool::new(false);

impl Waiting {
    /// Workers with the numbers from 1 on.
    fn start(workers: u64, rounds: u64, log: &'static Log) -> Self {
        let start = |worker| {
            let mut task = Box::new(Task {
                worker,
                rounds,
                log,
                sum: 0,
            });
            let mut thread = 0;
            let argument = (&raw mut *task).cast();
            // SAFETY: the task lives until the thread was waited for.
            let answer =
                unsafe { libc::pthread_create(&mut thread, std::ptr::null(), wait, argument) };
            assert_eq!(answer, 0);
            (thread, task)
        };
        Waiting {
            threads: (1..=workers).map(start).collect(),
        }
    }

    fn go(self) -> u64 {
        MAY_GO.store(true, SeqCst);
        let sums = self.threads.into_iter().map(|(thread, task)| {
            // SAFETY: a thread that is waited for once.
            assert_eq!(
                unsafe { libc::pthread_join(thread, std::ptr::null_mut()) },
                0
            );
            task.sum
        });
        sums.fold(0, |sum, next| sum ^ next)
    }
}

extern "C" fn wait(task: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: the task is this thread's until it ends.
    let task = unsafe { &mut *task.cast::<Task>() };
    while !MAY_GO.load(SeqCst) {
        // SAFETY: plain C call.
        unsafe { libc::usleep(100) };
    }
    let mut name = *b"worker-0\0";
    name[7] += task.worker as u8;
    // SAFETY: a text that ends in zero.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    task.sum = work(task.worker, task.log, task.rounds, &STOP);
    std::ptr::null_mut()
}

fn set_limit(which: libc::__rlimit_resource_t, bytes: u64) {
    let limit = libc::rlimit64 {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: the kernel reads one `rlimit64`.
    assert_eq!(unsafe { libc::setrlimit64(which, &limit) }, 0);
}

/// All that comes is to be locked, and little may be.
fn lock_memory() {
    // SAFETY: plain C calls; root may lock what it likes, so root's rights go.
    unsafe {
        assert_eq!(libc::mlockall(libc::MCL_FUTURE | libc::MCL_ONFAULT), 0);
        set_limit(libc::RLIMIT_MEMLOCK, 8 << 10);
        if libc::getuid() == 0 {
            assert_eq!(libc::setuid(65534), 0);
        }
    }
}

/// Mappings that a forked child does not have or sees zeroed, which no one but the recorder
/// makes; and those of them that are locked.
fn recorders_mappings() -> (u64, u64) {
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("a process has one");
    let flags = smaps
        .lines()
        .filter_map(|line| line.strip_prefix("VmFlags:"));
    let has =
        |flags: &str, wanted: &[&str]| flags.split_whitespace().any(|flag| wanted.contains(&flag));
    let its: Vec<&str> = flags.filter(|flags| has(flags, &["wf", "dc"])).collect();
    let locked = its.iter().filter(|flags| has(flags, &["lo"])).count();
    (its.len() as u64, locked as u64)
}

fn mapped_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a process has one");
    let pages: u64 = statm
        .split(' ')
        .next()
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    pages * 4096
}

/// From here on the kernel refuses, in all threads, what a recorder needs to grow.
fn refuse_calls() {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_IF: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let refused = [libc::SYS_fallocate, libc::SYS_madvise, libc::SYS_pwritev];
    let count = refused.len() as u8;
    // SAFETY: zero is a valid instruction.
    let mut program: [libc::sock_filter; 6] = unsafe { zeroed() };
    program[0].code = LOAD_NUMBER;
    for (index, call) in refused.into_iter().enumerate() {
        program[index + 1] = libc::sock_filter {
            code: JUMP_IF,
            jt: count - index as u8,
            jf: 0,
            k: call as u32,
        };
    }
    program[4] = libc::sock_filter {
        code: RETURN,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ALLOW,
    };
    program[5] = libc::sock_filter {
        code: RETURN,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
    };
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the filter, which is live.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let all_threads = libc::SECCOMP_FILTER_FLAG_TSYNC;
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        assert_eq!(
            libc::syscall(libc::SYS_seccomp, mode, all_threads, &filter),
            0
        );
    }
}
