//! Packing files: what is written where, and what happens if it does not work.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use heapline_trace::{EndState, Header, NodeId, TraceBuilder};

use crate::{Options, Outcome, PackOptions, Packed, Report, ReportError, pack};

/// The bytes of a trace of a program that has ended in this way.
fn trace(header: Header) -> Vec<u8> {
    let mut builder = TraceBuilder::new();
    builder.header = header;
    let stream = builder.stream();
    for round in 0..40_000 {
        stream.alloc(round * 10, 0x5000 + round % 3 * 32, 24, NodeId::COMPLETE);
        stream.dealloc(round * 10 + 4, 0x5000 + round % 3 * 32);
        if round % 1_000 == 0 {
            stream.flush();
        }
    }
    builder.finish()
}

fn ended() -> Header {
    Header {
        end_state: EndState::Exit,
        ..Header::default()
    }
}

/// A folder with a trace in it.
struct Folder {
    folder: tempfile::TempDir,
    raw: Vec<u8>,
}

impl Folder {
    fn new(header: Header) -> Self {
        let folder = tempfile::tempdir().expect("writable");
        let raw = trace(header);
        fs::write(folder.path().join("app.heapline"), &raw).expect("writable");
        Folder { folder, raw }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("app.heapline")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("readable");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry.expect("readable")))
            .collect();
        names.sort();
        names
    }

    /// The trace is as it was, and there is nothing else.
    fn is_untouched(&self) {
        assert!(fs::read(self.path()).expect("readable") == self.raw);
        assert_eq!(self.names(), ["app.heapline"]);
    }
}

fn pack_quietly(path: &Path, output: Option<&Path>) -> Result<Outcome, ReportError> {
    pack(path, output, PackOptions::default(), &mut |_| {}, &|| false)
}

fn packed(outcome: Result<Outcome, ReportError>) -> Packed {
    match outcome.expect("packs") {
        Outcome::Packed(packed) => packed,
        Outcome::WasPacked => panic!("it was raw"),
    }
}

fn events(path: &Path) -> u64 {
    let report = Report::open(path, &Options::default(), &mut |_| {}).expect("opens");
    assert!(report.packing().is_some());
    report.totals().events()
}

#[test]
fn a_trace_is_replaced() {
    let folder = Folder::new(ended());
    let path = folder.path();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let file = fs::File::open(&path).expect("opens");
    file.set_modified(long_ago).expect("ours");
    let packed = packed(pack_quietly(&path, None));
    assert_eq!((&packed.path, packed.events), (&path, 80_000));
    assert_eq!(packed.raw_bytes, folder.raw.len() as u64);
    let metadata = path.metadata().expect("there");
    assert_eq!(packed.packed_bytes, metadata.len());
    assert!(metadata.len() * 10 < packed.raw_bytes, "{packed:?}");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    // It does not become the newest trace.
    assert_eq!(metadata.modified().expect("a time"), long_ago);
    assert_eq!(folder.names(), ["app.heapline"]);
    assert_eq!(events(&path), 80_000);
    // Whoever had the raw trace open still has it.
    assert_eq!(file.metadata().expect("open").len(), packed.raw_bytes);
    let again = pack_quietly(&path, None).expect("no error");
    assert_eq!(again, Outcome::WasPacked);
}

#[test]
fn an_output_leaves_the_trace() {
    let folder = Folder::new(ended());
    let output = folder.folder.path().join("small");
    assert_eq!(
        packed(pack_quietly(&folder.path(), Some(&output))).path,
        output
    );
    assert_eq!(events(&output), 80_000);
    fs::remove_file(output).expect("there");
    folder.is_untouched();
}

#[test]
fn a_link_stays_a_link() {
    let folder = Folder::new(ended());
    let link = folder.folder.path().join("link");
    symlink("app.heapline", &link).expect("writable");
    packed(pack_quietly(&link, None));
    assert!(link.symlink_metadata().expect("there").is_symlink());
    assert_eq!(events(&folder.path()), 80_000);
}

#[test]
fn a_file_in_the_way_is_not_followed() {
    let folder = Folder::new(ended());
    let name = format!(".app.heapline.packing-{}", std::process::id());
    let victim = folder.folder.path().join("victim");
    fs::write(&victim, b"precious").expect("writable");
    symlink(&victim, folder.folder.path().join(&name)).expect("writable");
    let error = pack_quietly(&folder.path(), None).expect_err("refused");
    assert!(error.to_string().contains(&name), "{error}");
    assert_eq!(fs::read(&victim).expect("there"), b"precious");
    assert!(fs::read(folder.path()).expect("there") == folder.raw);
}

#[test]
fn packing_that_is_interrupted_leaves_the_trace() {
    let folder = Folder::new(ended());
    // At the first look, while it is written, and while it is checked.
    for looks in [0u32, 2, 7] {
        let left = Cell::new(looks);
        let is_stopped = || {
            let now = left.get();
            left.set(now.saturating_sub(1));
            now == 0
        };
        let error = pack(
            &folder.path(),
            None,
            PackOptions::default(),
            &mut |_| {},
            &is_stopped,
        )
        .expect_err("stopped");
        assert!(error.to_string().contains("interrupted"), "{error}");
        folder.is_untouched();
    }
}

#[test]
fn a_trace_that_was_replaced_meanwhile_stays() {
    let folder = Folder::new(ended());
    let path = folder.path();
    let replace = |_| {
        let new = folder.folder.path().join("new");
        fs::write(&new, &folder.raw).expect("writable");
        fs::rename(new, &path).expect("writable");
    };
    let error = pack(
        &path,
        None,
        PackOptions::default(),
        &mut { replace },
        &|| false,
    )
    .expect_err("refused");
    assert!(error.to_string().contains("another trace"), "{error}");
    folder.is_untouched();
}

#[test]
fn a_running_program_is_refused() {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let start = fields.split_whitespace().nth(19).expect("22 fields");
    let header = Header {
        pid: std::process::id(),
        process_start_time: start.parse().expect("a number"),
        ..Header::default()
    };
    let folder = Folder::new(header);
    let error = pack_quietly(&folder.path(), None).expect_err("refused");
    assert!(error.to_string().contains("still runs"), "{error}");
    folder.is_untouched();
}

#[test]
fn a_killed_program_is_packed() {
    let folder = Folder::new(Header::default());
    packed(pack_quietly(&folder.path(), None));
    let report = Report::open(&folder.path(), &Options::default(), &mut |_| {}).expect("opens");
    assert_eq!(report.end().word(), "killed");
}

#[test]
fn what_is_no_trace_is_refused() {
    let folder = Folder::new(ended());
    fs::write(folder.path(), b"some text").expect("writable");
    let error = pack_quietly(&folder.path(), None).expect_err("refused");
    assert!(
        error.to_string().contains("not a heapline trace"),
        "{error}"
    );
    assert_eq!(folder.names(), ["app.heapline"]);
}
