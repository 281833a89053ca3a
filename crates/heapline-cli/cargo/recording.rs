//! Where the trace of a program goes, and whether it is there afterwards.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A text that is in every program that has heapline as its allocator: the recorder
/// says it of a key that it does not know.
const RECORDERS_OWN: &[u8] = b"HEAPLINE has no key '";

/// Cargo puts the one into a target folder that it makes, the other into every one.
const TARGET_FILES: [&str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];

/// File times come from a coarser clock than ours.
const FILE_TIME_ERROR: Duration = Duration::from_secs(1);

/// A program that is run to be recorded.
pub(super) struct Recording {
    program: PathBuf,
    /// Cargo's target folder, if the program lies in one.
    target: Option<PathBuf>,
    /// What the user says in HEAPLINE.
    variable: Vec<u8>,
    started: SystemTime,
}

impl Recording {
    pub(super) fn new(program: PathBuf, variable: OsString) -> Self {
        let absolute = std::path::absolute(&program).unwrap_or_else(|_| program.clone());
        let target = absolute
            .ancestors()
            .skip(1)
            .find(|folder| TARGET_FILES.iter().any(|file| folder.join(file).exists()));
        Recording {
            program,
            target: target.map(Path::to_owned),
            variable: variable.into_vec(),
            started: SystemTime::now(),
        }
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// rustdoc starts its tests by the runner, too. They are built elsewhere, without
    /// cargo's profile, and deleted at once.
    pub(super) fn is_doctest(&self) -> bool {
        self.target.is_none() && self.name() == OsStr::new("rust_out")
    }

    /// What the program finds in HEAPLINE: our words, then the user's.
    pub(super) fn variable(&self) -> OsString {
        let folder = self.folder();
        // A folder that cannot be made shows in the end: there is no trace.
        let _ = std::fs::create_dir_all(&folder);
        let mut value = b"on,quiet,out=".to_vec();
        for &byte in folder.as_os_str().as_bytes() {
            match byte {
                b'%' => value.extend(b"%%"),
                b',' | b'\\' => value.extend([b'\\', byte]),
                byte => value.push(byte),
            }
        }
        value.extend(b"/%e-%p.heapline");
        if !self.variable.is_empty() {
            value.push(b',');
            value.extend(&self.variable);
        }
        OsString::from_vec(value)
    }

    /// What may be the trace, the most likely first. The process has this pid unless a
    /// runner stands between.
    pub(super) fn traces(&self, pid: u32, wrapped: bool) -> Vec<PathBuf> {
        let mut traces = Vec::new();
        for path in self.paths(pid) {
            // What lies in the way is left alone, and the trace is put beside it.
            let mut beside = path.clone().into_os_string();
            beside.push(format!("-{pid}"));
            traces.extend([beside.into(), path]);
        }
        if wrapped {
            traces.extend(self.newest_of_its_name());
        }
        traces.retain(|path| {
            path.metadata()
                .is_ok_and(|metadata| self.may_have_written(&metadata))
        });
        traces
    }

    fn paths(&self, pid: u32) -> Vec<PathBuf> {
        let Some(pattern) = self.out() else {
            let mut name = self.name().to_owned();
            name.push(format!("-{pid}.heapline"));
            return vec![self.folder().join(name)];
        };
        let since_1970 = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        // A program needs a moment to start.
        let seconds = since_1970.as_secs()..=since_1970.as_secs() + 2;
        seconds
            .map(|seconds| expand(pattern, self.name(), pid, seconds))
            .collect()
    }

    /// Whether a recording that began then is this one.
    pub(super) fn is_this(&self, start_realtime_ns: u64) -> bool {
        self.started <= UNIX_EPOCH + Duration::from_nanos(start_realtime_ns)
    }

    /// One line on why there is no trace.
    pub(super) fn why_nothing(&self) -> String {
        let program = self.program.display();
        if self.is_off() {
            return format!("{program} was not recorded: HEAPLINE says off");
        }
        if self.has_heapline() {
            let place = match self.out() {
                Some(path) => format!("HEAPLINE's out={}", String::from_utf8_lossy(path)),
                None => self.folder().display().to_string(),
            };
            return format!(
                "{program} has heapline but left no trace: see whether HEAPLINE is right and {place} can be written"
            );
        }
        format!(
            "{program} recorded nothing: give it heapline as its allocator, by `cargo add heapline` \
             and two lines: #[global_allocator] static ALLOC: heapline::Heapline = \
             heapline::Heapline::system();"
        )
    }

    fn name(&self) -> &OsStr {
        self.program.file_name().unwrap_or(OsStr::new("program"))
    }

    fn folder(&self) -> PathBuf {
        match &self.target {
            Some(target) => target.join("heapline"),
            None => PathBuf::from("."),
        }
    }

    fn newest_of_its_name(&self) -> Option<PathBuf> {
        let mut prefix = self.name().as_bytes().to_vec();
        prefix.push(b'-');
        let entries = std::fs::read_dir(self.folder()).ok()?;
        let ours = entries.filter_map(Result::ok).filter(|entry| {
            let file = entry.file_name();
            file.as_bytes().starts_with(&prefix) && file.as_bytes().ends_with(b".heapline")
        });
        let dated =
            ours.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
        dated.max().map(|(_, path)| path)
    }

    fn may_have_written(&self, metadata: &Metadata) -> bool {
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        metadata.is_file() && self.started <= modified + FILE_TIME_ERROR
    }

    /// The user's words, where `\,` is no separator.
    fn words(&self) -> impl Iterator<Item = &[u8]> {
        let mut escaped = false;
        self.variable.split(move |&byte| {
            let separates = byte == b',' && !escaped;
            escaped = byte == b'\\' && !escaped;
            separates
        })
    }

    fn is_off(&self) -> bool {
        let words = self
            .words()
            .filter(|word| matches!(*word, b"on" | b"1" | b"off" | b"0"));
        words
            .last()
            .is_some_and(|word| matches!(word, b"off" | b"0"))
    }

    fn out(&self) -> Option<&[u8]> {
        self.words()
            .filter_map(|word| word.strip_prefix(b"out="))
            .last()
    }

    fn has_heapline(&self) -> bool {
        std::fs::read(&self.program).is_ok_and(|bytes| {
            bytes
                .windows(RECORDERS_OWN.len())
                .any(|part| part == RECORDERS_OWN)
        })
    }
}

/// The path that the recorder makes of a pattern.
fn expand(pattern: &[u8], name: &OsStr, pid: u32, unix_seconds: u64) -> PathBuf {
    let mut path = Vec::new();
    let mut rest = pattern;
    while let [first, tail @ ..] = rest {
        match (first, tail.first()) {
            (b'\\', Some(&escaped @ (b',' | b'\\'))) => path.push(escaped),
            (b'%', Some(b'%')) => path.push(b'%'),
            (b'%', Some(b'e')) => path.extend(name.as_bytes()),
            (b'%', Some(b'p')) => path.extend(pid.to_string().into_bytes()),
            (b'%', Some(b't')) => path.extend(unix_seconds.to_string().into_bytes()),
            _ => {
                path.push(*first);
                rest = tail;
                continue;
            }
        }
        rest = &rest[2..];
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(variable: &str) -> Recording {
        Recording::new(PathBuf::from("/some/app"), OsString::from(variable))
    }

    #[test]
    fn the_users_words_come_last() {
        let variable = |user| recording(user).variable().into_string().expect("UTF-8");
        assert_eq!(variable(""), "on,quiet,out=./%e-%p.heapline");
        assert_eq!(
            variable("frames=200"),
            "on,quiet,out=./%e-%p.heapline,frames=200"
        );
    }

    #[test]
    fn the_last_word_decides() {
        for (variable, off) in [
            ("", false),
            ("off", true),
            ("off,on", false),
            ("out=off", false),
        ] {
            assert_eq!(recording(variable).is_off(), off, "{variable}");
        }
    }

    #[test]
    fn patterns_are_the_recorders() {
        let out = r"quiet,out=first,out=a\,b\\,quiet,out=a\,b\\\c/%e-%p-%t%%.%x";
        let recording = recording(out);
        let path = expand(
            recording.out().expect("there is one"),
            recording.name(),
            12,
            34,
        );
        assert_eq!(path, Path::new(r"a,b\\c/app-12-34%.%x"));
    }
}
