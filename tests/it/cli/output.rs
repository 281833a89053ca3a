//! Arguments, and where the text goes.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use heapline_trace::{FrameAddress, NodeId, TraceBuilder};

use super::{fails, heapline_in, sample, text, works};
use crate::processes::Watched;
use crate::support::{fresh_folder, heapline};

#[test]
fn arguments_that_make_no_sense() {
    let trace = text(sample());
    // Told by the parser of arguments, with the usage.
    let refused = |arguments: &[&str], message: &str| {
        let output = heapline(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert_eq!(output.stdout, b"");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    };
    refused(
        &["flamegraph", "--metric", "bytes", trace],
        "[possible values: live, allocated, allocations, temporary]",
    );
    refused(
        &["lines", "--sort", "size", trace],
        "[possible values: peak, end, allocated, allocations, temporary, file]",
    );
    refused(
        &["summary", "--format", "xml", trace],
        "[possible values: text, json]",
    );
    refused(&["lines", "--limit", "-1", trace], "'-1'");
    refused(
        &["flamegraph", "--metric", "live", "--metric", "live", trace],
        "cannot be used multiple times",
    );
    refused(&["lines", trace, trace], "unexpected argument");
    refused(&["report", trace], "unrecognized subcommand 'report'");
    refused(&[], "Usage: heapline <COMMAND>");
    // Told by the commands, in one line.
    let said = fails(heapline(&["summary", trace, trace]), 2);
    assert_eq!(said, format!("{trace} is named twice"));
    for time in ["later", "1.5", "-1s", "1e99s"] {
        let said = fails(heapline(&["flamegraph", &format!("--at={time}"), trace]), 2);
        assert_eq!(
            said,
            format!("--at takes peak, end or a time such as 1.5s or 20ms, not '{time}'")
        );
    }
    let said = fails(
        heapline(&["flamegraph", "--metric", "allocated", "--at", "end", trace]),
        2,
    );
    assert_eq!(
        said,
        "--at is for --metric live; allocated are counted over the whole run"
    );
}

#[test]
fn text_goes_to_a_file() {
    let folder = fresh_folder("output");
    let file = folder.join("summary.txt");
    let arguments = ["summary", text(sample())];
    let expected = works(&arguments);
    assert_eq!(works(&[&arguments[..], &["-o", text(&file)]].concat()), "");
    assert_eq!(std::fs::read_to_string(&file).expect("written"), expected);
    assert_eq!(works(&[&arguments[..], &["--output=-"]].concat()), expected);

    let nowhere = folder.join("none/summary.txt");
    let said = fails(
        heapline(&[&arguments[..], &["-o", text(&nowhere)]].concat()),
        1,
    );
    assert!(
        said.starts_with(&format!("cannot write {}: ", nowhere.display())),
        "{said}"
    );
}

#[test]
fn the_trace_itself_is_not_overwritten() {
    let trace = fresh_folder("overwrite").join("a.heapline");
    std::fs::copy(sample(), &trace).expect("writable");
    let bytes = std::fs::read(&trace).expect("a trace");
    let said = fails(heapline(&["summary", text(&trace), "-o", text(&trace)]), 2);
    assert_eq!(
        said,
        format!("-o {} would overwrite the trace", trace.display())
    );
    assert!(std::fs::read(&trace).expect("a trace") == bytes);
}

#[test]
fn a_reader_may_have_seen_enough() {
    for command in ["summary", "lines", "flamegraph", "info"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut heapline = Command::new(env!("CARGO_BIN_EXE_heapline"));
        heapline
            .args([command, text(sample())])
            .stdout(writer)
            .stderr(Stdio::piped());
        let output = Watched::start(&mut heapline).wait_with_output();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert_eq!(output.stderr, b"", "{command}");
    }
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut command = Command::new(env!("CARGO_BIN_EXE_heapline"));
    command.args(["summary", text(sample())]).stdout(full);
    command.stderr(Stdio::piped());
    let said = fails(Watched::start(&mut command).wait_with_output(), 1);
    assert!(said.starts_with("cannot write to stdout: "), "{said}");
}

#[test]
fn the_newest_trace_is_taken_and_named() {
    let folder = fresh_folder("newest");
    let put = |path: &str, seconds: u64| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("writable");
        std::fs::copy(sample(), &path).expect("writable");
        let file = std::fs::File::options()
            .write(true)
            .open(&path)
            .expect("ours");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
        file.set_modified(time).expect("ours");
    };
    let newest = |inside: &str| {
        let output = heapline_in(&folder.join(inside), &["summary"]);
        assert!(output.status.success());
        assert!(output.stdout.starts_with(b"Quality: "));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    put("first.heapline", 1);
    put("second.heapline", 2);
    put("not-a-trace.svg", 9);
    std::fs::create_dir(folder.join("folder.heapline")).expect("writable");
    assert_eq!(newest(""), "heapline: looking at ./second.heapline\n");
    put("target/heapline/third.heapline", 3);
    let third = folder.join("target/heapline/third.heapline");
    assert_eq!(
        newest(""),
        format!("heapline: looking at {}\n", third.display())
    );
    put("first.heapline", 4);
    assert_eq!(newest(""), "heapline: looking at ./first.heapline\n");
}

#[test]
fn info_tells_of_streams_and_blocks() {
    let stdout = works(&["info", text(sample())]);
    for part in [
        "Quality: exact, ",
        "  Stream    Blocks     Records          Events  Threads\n",
        " blocks, ",
        " stages, ",
        "totals threads",
    ] {
        assert!(stdout.contains(part), "no '{part}' in\n{stdout}");
    }
    let streams = stdout
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("Stream"));
    assert!(streams.skip(1).count() > 3, "{stdout}");
}

#[test]
fn nothing_in_a_trace_controls_the_terminal() {
    const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\r\u{9b}31m\u{202e}";
    let mut builder = TraceBuilder::new();
    builder.header.program = format!("/tmp/{HOSTILE}app").into_bytes();
    builder.header.arguments = format!("app\0{HOSTILE}\0").into_bytes();
    builder.header.directory = HOSTILE.as_bytes().to_vec();
    let function = builder.scopes(
        &format!("src/{HOSTILE}.rs"),
        &format!("f{HOSTILE}"),
        &[1, 2],
        3,
        &[1, 1],
    );
    let stream = builder.stream();
    stream.thread(1, 77, HOSTILE.as_bytes());
    stream.module((0x1000, 0x9000), 0, b"id", &format!("/tmp/{HOSTILE}.so"));
    let node = stream.node(NodeId::COMPLETE, FrameAddress::Return(0x2000));
    stream
        .scope_enter(2, 0, function, 0)
        .scope_line(3, 0, 1)
        .alloc(4, 0x5000, 64, node)
        .scope_exit(5, 0);
    let trace = fresh_folder("hostile").join("a.heapline");
    std::fs::write(&trace, builder.finish()).expect("writable");
    for arguments in [
        &["summary"][..],
        &["info"],
        &["profile"],
        &["lines", "--all"],
        &["flamegraph"],
        &["flamegraph", "--folded", "--full"],
    ] {
        let stdout = works(&[arguments, &[text(&trace)]].concat());
        let own = stdout.replace(['\n', '\t'], " ");
        let bad = own.chars().find(|letter| letter.is_control());
        assert_eq!(bad, None, "{arguments:?}: {stdout:?}");
    }
}
