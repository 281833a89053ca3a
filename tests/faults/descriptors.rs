//! T16 and T17: a program that closes descriptors it has not opened, moves files, and
//! gives up its rights. Its own files are as it writes them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::check::{self, Expected};
use crate::is_soak;
use crate::processes::wait_until;
use crate::run::{Ended, Plan, Running, sum_of, trace_of};
use crate::support::fresh_folder;

const WORKERS: &str = "4";
const ROUNDS: &str = "60000";

/// Does the deed; the program ends well, with the result that it has without heapline.
#[track_caller]
fn run(deed: &str) -> Ended {
    let run = Plan::new("fault", &["descriptors", deed, WORKERS, ROUNDS]).run();
    assert!(run.status.success(), "{deed}: {}", run.stderr);
    assert_eq!(run.stderr, "", "{deed}");
    assert_eq!(run.stdout, sum_of("fault", &["rounds", WORKERS, ROUNDS]));
    run
}

/// The hundred files are what the program wrote.
fn files_are_its_own(run: &Ended) {
    for number in 0..100 {
        let path = run.folder.join(format!("file-{number}"));
        let text = std::fs::read_to_string(path).expect("a file");
        let pieces = (0..20).map(|piece| format!("file {number}, piece {piece}\n"));
        assert_eq!(text, pieces.collect::<String>());
    }
}

/// T16: what the program closed is opened again.
#[test]
fn t16_closed_descriptors() {
    let run = run("close");
    files_are_its_own(&run);
    check::complete(&run, "exit");
    run.tidy();
}

/// T16: the same with stdout and stderr, whose numbers then belong to files.
#[test]
fn t16_closed_standard_streams() {
    let plan = Plan::new("fault", &["descriptors", "close all", WORKERS, "2000000"]);
    let run = plan
        .variable("HEAPLINE", "max_file=4000000,out=trace.heapline")
        .run();
    assert_eq!(run.status.code(), Some(0));
    files_are_its_own(&run);
    let found = check::workers(&run.trace(), &run.log(), Expected::Beginning);
    let quality = &run.summary()["quality"];
    assert_eq!(quality["stop_reason"], "file size limit reached");
    check::nothing_is_wrong(quality, &found);
    run.tidy();
}

/// T16: the trace's number is another file's.
#[test]
fn t16_a_descriptor_that_is_taken() {
    let run = run("take");
    let mine = std::fs::read(run.folder.join("mine")).expect("a file");
    assert_eq!(mine, b"mine");
    check::complete(&run, "exit");
    run.tidy();
}

/// T16: closed, and the path leads nowhere or to another file.
#[test]
fn t16_closed_and_not_to_be_found() {
    for deed in ["close, path gone", "close, path taken"] {
        let run = run(deed);
        files_are_its_own(&run);
        let path = run.trace_path();
        let other = std::fs::read(&path).unwrap_or_default();
        let is_taken = deed.ends_with("taken");
        assert_eq!(other, if is_taken { b"mine".as_slice() } else { b"" });
        std::fs::rename(run.folder.join("elsewhere"), path).expect("there");
        let found = check::workers(&run.trace(), &run.log(), Expected::Beginning);
        let quality = &run.summary()["quality"];
        let reason = "the program closed the trace's descriptor";
        assert_eq!(quality["stop_reason"], reason, "{quality}");
        check::nothing_is_wrong(quality, &found);
        run.tidy();
    }
}

/// T17: the trace is renamed or unlinked, the working folder changes, rights go.
#[test]
fn t17_moved_files_and_lost_rights() {
    for deed in ["move", "unlink"] {
        let run = run(deed);
        let elsewhere = run.folder.join("elsewhere");
        std::fs::rename(elsewhere, run.trace_path()).expect("there");
        check::complete(&run, "exit");
        run.tidy();
    }
}

/// T17: two programs with one path, where an older trace is. Neither takes the other's away.
#[test]
fn t17_two_programs_with_one_path() {
    let older = Plan::new("fault", &["rounds", "1", "10"]).run();
    let pairs = if is_soak() { 2_000 } else { 60 };
    let mut both = 0;
    for _ in 0..pairs {
        let folder = fresh_folder("pair");
        let path = folder.join("trace.heapline");
        std::fs::copy(older.trace_path(), &path).expect("writable");
        let variable = format!("quiet,out={}", path.display());
        let start = || {
            let plan = Plan::new("fault", &["end", "never", "0", "1"]);
            plan.variable("HEAPLINE", &variable).start()
        };
        let mut programs = [start(), start()];
        std::thread::sleep(Duration::from_millis(20));
        for program in &mut programs {
            program.kill();
        }
        let pids = programs.each_ref().map(Running::pid);
        let ended = programs.map(Running::wait);
        if ended.iter().all(|run| run.log().workers[0].1 > 0) {
            both += 1;
            let entries = std::fs::read_dir(&folder).expect("a folder");
            let traces = entries.map(|entry| trace_of(&entry.expect("readable").path()));
            let found: BTreeSet<u32> = traces.map(|trace| trace.header().pid).collect();
            assert_eq!(found, BTreeSet::from(pids));
        }
        ended.into_iter().for_each(Ended::tidy);
        std::fs::remove_dir_all(folder).expect("ours");
    }
    older.tidy();
    assert!(both > pairs / 2, "{both} of {pairs}");
}

/// T16: the trace's descriptor is a high number, where no program looks for its own, and no
/// program that is started has it.
#[test]
fn t16_the_descriptor_is_high_and_closed_on_exec() {
    let mut running = Plan::new("fault", &["end", "never", "0", "1"]).start();
    let process = format!("/proc/{}", running.pid());
    let open = || {
        let entries = std::fs::read_dir(format!("{process}/fd")).expect("it runs");
        let entries = entries.map(|entry| entry.expect("readable").path());
        let mut traces = entries.filter(|entry| {
            std::fs::read_link(entry).is_ok_and(|path| path.ends_with("trace.heapline"))
        });
        traces.next()
    };
    wait_until(|| open().is_some());
    // It is moved to its high number.
    std::thread::sleep(Duration::from_millis(20));
    let path = open().expect("it runs");
    let number = path.file_name().and_then(|name| name.to_str());
    let number: u32 = number.and_then(|name| name.parse().ok()).expect("a number");
    let text = std::fs::read_to_string(format!("{process}/fdinfo/{number}")).expect("open");
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = u32::from_str_radix(flags.expect("flags").trim(), 8).expect("octal");
    assert!(number >= 250, "{number}");
    assert!(flags & 0o2_000_000 != 0, "{flags:o}");
    running.kill();
    running.wait().tidy();
}
