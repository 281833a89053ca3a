//! What the variable HEAPLINE may say, and what a program does then.

use std::path::Path;
use std::process::Output;

use super::places::{Started, run_in, traces_in};
use crate::support::fresh_folder;

/// Runs the program in a new folder: it ends well, says these lines, and leaves so many
/// traces.
fn check(value: &str, lines: &[&str], traces: usize) {
    let folder = fresh_folder("asked");
    let run = run_in(&folder, value);
    ends_well(&run, value);
    let stderr = String::from_utf8_lossy(&run.output.stderr).into_owned();
    let said: Vec<&str> = stderr.lines().collect();
    assert_eq!(said, lines, "{value}");
    assert_eq!(traces_in(&folder).len(), traces, "{value}");
}

fn ends_well(run: &Started, value: &str) {
    let Output { status, stdout, .. } = &run.output;
    assert!(status.success(), "{value}: {status}");
    assert_eq!(stdout, b"", "{value}");
}

#[test]
fn words_that_turn_it_off_or_on() {
    check("", &[], 0);
    check("off", &[], 0);
    check("0", &[], 0);
    check("quiet", &[], 0);
    check("on,off", &[], 0);
    check("off,frames=200", &[], 0);
    check("on,quiet", &[], 1);
    check("1,quiet", &[], 1);
    check("quiet,frames=200", &[], 1);
}

#[test]
fn one_line_says_where_the_trace_is() {
    let folder = fresh_folder("said");
    let run = run_in(&folder, "on");
    ends_well(&run, "on");
    let [trace] = &traces_in(&folder)[..] else {
        panic!("not one trace");
    };
    assert_eq!(trace, &format!("totals-{}.heapline", run.pid));
    let path = folder.join(trace);
    let expected = format!(
        "heapline: recording to {0} (see it with: heapline summary {0})\n",
        path.display()
    );
    assert_eq!(String::from_utf8_lossy(&run.output.stderr), expected);
}

#[test]
fn unknown_keys_are_named_and_skipped() {
    let unknown = "heapline: HEAPLINE has no key 'colour'; skipped";
    check("on,quiet,colour=red", &[unknown], 1);
    check("colour=red", &[unknown], 0);
    let other = "heapline: HEAPLINE has no key 'Frames'; skipped";
    check("colour=red,Frames=1,on,quiet", &[unknown, other], 1);
}

#[test]
fn values_that_cannot_be_used_turn_it_off() {
    let frames = "heapline: HEAPLINE's frames must be a number of at least 128; not recording";
    for value in [
        "frames=",
        "frames=many",
        "frames=3",
        "on,frames=-1",
        "frames",
    ] {
        check(value, &[frames], 0);
    }
    let bytes = "heapline: HEAPLINE's max_file must be a number of bytes; not recording";
    check("on,max_file=1G", &[bytes], 0);
    check(
        "out=",
        &["heapline: HEAPLINE's out must be a path; not recording"],
        0,
    );
}

#[test]
fn a_trace_that_cannot_be_made_costs_one_line() {
    // Nobody can make a file in /proc, not even root.
    for path in [
        "none/app.heapline",
        "/proc/app.heapline",
        "/dev/null/app.heapline",
    ] {
        let folder = fresh_folder("refused");
        let run = run_in(&folder, &format!("out={path}"));
        ends_well(&run, path);
        let stderr = String::from_utf8_lossy(&run.output.stderr);
        let path = folder.join(Path::new(path));
        let start = format!("heapline: cannot create {} (errno ", path.display());
        assert!(stderr.starts_with(&start), "{stderr}");
        assert!(stderr.ends_with("); not recording\n"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert_eq!(traces_in(&folder), [""; 0]);
    }
}

#[test]
fn the_exit_code_stays_the_programs() {
    for value in ["off", "on,quiet", "frames=many", "out=none/app.heapline"] {
        let folder = fresh_folder("code");
        let run = super::places::start(&folder, value, "no such mode");
        assert_eq!(run.output.status.code(), Some(101), "{value}");
    }
}
