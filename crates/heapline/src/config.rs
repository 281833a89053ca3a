//! How to record: [`Config`] for code, the variable `HEAPLINE` for everyone else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest path of a trace.
pub(crate) const PATH_BYTES: usize = 4096;

/// How to record, for [`crate::start`].
///
/// ```
/// let config = heapline::Config::new().out("/tmp/app.heapline").max_file(1 << 30);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    out: Vec<u8>,
    settings: Settings,
}

/// What bounds a recording, and whether forked children make their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Most bytes of the trace.
    pub(crate) max_file: u64,
    /// Most frames stored of a stack.
    pub(crate) max_frames: u32,
    /// Whether forked children record, too.
    pub(crate) follow_forks: bool,
}

impl Settings {
    pub(crate) const DEFAULT: Settings = Settings {
        max_file: 16 << 30,
        max_frames: 4096,
        follow_forks: false,
    };
}

/// Fewest frames that may be asked for: the depth limit keeps 64 innermost ones.
const MIN_FRAMES: u32 = 128;

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// Records to `PROGRAM-PID.heapline`, at most 16 GiB, with 4,096 frames a stack.
    #[must_use]
    pub const fn new() -> Self {
        Config {
            out: Vec::new(),
            settings: Settings::DEFAULT,
        }
    }

    /// Path of the trace; in it `%p` becomes the process id, `%e` the program's
    /// name, `%t` seconds since 1970.
    #[must_use]
    pub fn out(mut self, path: impl AsRef<Path>) -> Self {
        self.out = AsRef::<OsStr>::as_ref(path.as_ref()).as_bytes().to_vec();
        self
    }

    /// Most bytes the trace may have; recording stops there.
    #[must_use]
    pub fn max_file(mut self, bytes: u64) -> Self {
        self.settings.max_file = bytes;
        self
    }

    /// Most frames stored of a stack, at least 128; deeper ones lose frames in the
    /// middle, which reports show.
    #[must_use]
    pub fn frames(mut self, frames: u32) -> Self {
        self.settings.max_frames = frames.max(MIN_FRAMES);
        self
    }

    /// Forked children record as well, each to a trace of its own with its process id in
    /// the name, from its first allocation on. Without this they record nothing.
    #[must_use]
    pub fn follow_forks(mut self) -> Self {
        self.settings.follow_forks = true;
        self
    }

    pub(crate) fn out_pattern(&self) -> Option<&[u8]> {
        (!self.out.is_empty()).then_some(self.out.as_slice())
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }
}

/// What the variable says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variable<'a> {
    /// Whether to record; `None` if it says neither.
    pub(crate) on: Option<bool>,
    /// No line is to be printed but about mistakes in the variable itself.
    pub(crate) quiet: bool,
    /// Path pattern with escapes still in it.
    pub(crate) out: Option<&'a [u8]>,
    pub(crate) settings: Settings,
}

/// A key whose value cannot be used, and what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadValue {
    pub(crate) key: &'static str,
    pub(crate) wanted: &'static str,
}

/// Parses the variable's value; `unknown` is told of each key that means nothing.
pub(crate) fn parse<'a>(
    value: &'a [u8],
    mut unknown: impl FnMut(&[u8]),
) -> Result<Variable<'a>, BadValue> {
    let mut variable = Variable {
        on: None,
        quiet: false,
        out: None,
        settings: Settings::DEFAULT,
    };
    for word in words(value) {
        let mut halves = word.splitn(2, |&byte| byte == b'=');
        let (key, value) = (halves.next().unwrap_or_default(), halves.next());
        match (key, value) {
            (b"", None) => {}
            (b"on" | b"1", None) => variable.on = Some(true),
            (b"off" | b"0", None) => variable.on = Some(false),
            (b"quiet", None) => variable.quiet = true,
            (b"follow_forks", None) => {
                variable.settings.follow_forks = true;
                variable.on.get_or_insert(true);
            }
            (b"follow_forks", Some(_)) => {
                return Err(BadValue {
                    key: "follow_forks",
                    wanted: "a word without a value",
                });
            }
            (b"out", Some(path)) if !path.is_empty() => variable.out = Some(path),
            (b"out", _) => {
                return Err(BadValue {
                    key: "out",
                    wanted: "a path",
                });
            }
            (b"max_file", value) => variable.settings.max_file = number(value).ok_or(MAX_FILE)?,
            (b"frames", value) => variable.settings.max_frames = frames(value).ok_or(FRAMES)?,
            (key, _) => {
                unknown(key);
                continue;
            }
        }
        if value.is_some() && variable.on.is_none() {
            variable.on = Some(true);
        }
    }
    Ok(variable)
}

const MAX_FILE: BadValue = BadValue {
    key: "max_file",
    wanted: "a number of bytes",
};
const FRAMES: BadValue = BadValue {
    key: "frames",
    wanted: "a number of at least 128",
};

fn number(value: Option<&[u8]>) -> Option<u64> {
    core::str::from_utf8(value?).ok()?.parse().ok()
}

fn frames(value: Option<&[u8]>) -> Option<u32> {
    let frames = u32::try_from(number(value)?).ok()?;
    (frames >= MIN_FRAMES).then_some(frames)
}

/// The comma-separated words, where `\,` is no separator.
fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut escaped = false;
    value.split(move |&byte| {
        let separates = byte == b',' && !escaped;
        escaped = byte == b'\\' && !escaped;
        separates
    })
}

/// A path pattern's bytes with `\,` as `,`, `\\` as `\`, and `%p %e %t` replaced.
pub(crate) fn expand(pattern: &[u8], mut push: impl FnMut(PathPart<'_>)) {
    let mut rest = pattern;
    while let [first, tail @ ..] = rest {
        let (part, behind) = match (first, tail) {
            (b'\\', [byte @ (b',' | b'\\'), behind @ ..]) => (PathPart::byte(byte), behind),
            (b'%', [b'p', behind @ ..]) => (PathPart::Process, behind),
            (b'%', [b'e', behind @ ..]) => (PathPart::Program, behind),
            (b'%', [b't', behind @ ..]) => (PathPart::Time, behind),
            (b'%', [byte @ b'%', behind @ ..]) => (PathPart::byte(byte), behind),
            _ => (PathPart::byte(first), tail),
        };
        push(part);
        rest = behind;
    }
}

/// A piece of an expanded path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathPart<'a> {
    Bytes(&'a [u8]),
    Process,
    Program,
    Time,
}

impl<'a> PathPart<'a> {
    fn byte(byte: &'a u8) -> Self {
        PathPart::Bytes(core::slice::from_ref(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str) -> (Variable<'_>, Vec<String>) {
        let mut unknown = Vec::new();
        let variable = parse(value.as_bytes(), |key| {
            unknown.push(String::from_utf8_lossy(key).into_owned())
        });
        (variable.expect("parses"), unknown)
    }

    #[test]
    fn words_and_keys() {
        assert_eq!(check("").0.on, None);
        assert_eq!(check("on").0.on, Some(true));
        assert_eq!(check("off,quiet").0.on, Some(false));
        assert_eq!(check("quiet").0.on, None);
        let following = check("follow_forks").0;
        assert!(following.on == Some(true) && following.settings.follow_forks);
        assert_eq!(check("off,follow_forks").0.on, Some(false));
        let (variable, unknown) = check(r"out=/tmp/a\,b,frames=200,max_file=5,colour=red,what");
        assert_eq!(variable.on, Some(true), "a key means on");
        assert_eq!(variable.out, Some(&br"/tmp/a\,b"[..]));
        assert_eq!(
            variable.settings,
            Settings {
                max_file: 5,
                max_frames: 200,
                follow_forks: false
            }
        );
        assert_eq!(unknown, ["colour", "what"]);
    }

    #[test]
    fn values_that_cannot_be_used() {
        for value in [
            "out=",
            "out",
            "max_file=1G",
            "frames=3",
            "frames=-1",
            "frames",
            "follow_forks=1",
        ] {
            assert!(parse(value.as_bytes(), |_| ()).is_err(), "{value}");
        }
    }

    #[test]
    fn patterns_expand() {
        let mut path = Vec::new();
        expand(br"a\,\\%p%%%e-%t%\x", |part| {
            path.extend_from_slice(match part {
                PathPart::Bytes(bytes) => bytes,
                PathPart::Process => b"PID",
                PathPart::Program => b"EXE",
                PathPart::Time => b"NOW",
            });
        });
        assert_eq!(path, br"a,\PID%EXE-NOW%\x");
    }
}
