//! What kept symbols or source text away, each with its remedy.

use crate::source::escape;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why frames lack names, lines or text. Shown as one line each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// The object has symbols but no line information of the program's own code.
    NoDebugInfo(PathBuf),
    /// The object has neither line information nor symbols.
    Stripped(PathBuf),
    /// The object is not there any more.
    Gone(PathBuf),
    /// The object at this path is another build than the recorded one.
    Rebuilt(PathBuf),
    /// The object cannot be read or makes no sense.
    Unreadable(PathBuf, String),
    /// Functions have names without module and crate (`line-tables-only`).
    ShortNames(PathBuf),
    /// The recorded object has no build id: it may be another build.
    BuildIdUnknown(PathBuf),
    /// Debug information lies in `.dwo` or `.dwp` files that are not there.
    SplitDebugMissing(PathBuf),
    /// The stored symbols cannot be used.
    Store(PathBuf, String),
    /// The symbols that the trace carries cannot be used.
    Carried(PathBuf, String),
    /// A source file is not there.
    SourceMissing(PathBuf),
    /// A source file is newer than the build.
    SourceChanged(PathBuf),
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = escape(&self.path().to_string_lossy());
        match self {
            Problem::NoDebugInfo(_) => write!(
                out,
                "{path}: built without debug information: run it by `cargo heapline run`, or set debug = 1 in the profile"
            ),
            Problem::Stripped(_) => write!(
                out,
                "{path}: stripped of its symbols: run it by `cargo heapline run`, or set debug = 1 and strip = \"none\" in the profile"
            ),
            Problem::Gone(_) => write!(
                out,
                "{path}: the binary is gone: put the recorded build back there, or record again by `cargo heapline run`, which keeps its symbols"
            ),
            Problem::Rebuilt(_) => write!(
                out,
                "{path}: rebuilt since the recording (build ids differ), its symbols are not used: put the recorded build back, or record again"
            ),
            Problem::Unreadable(_, reason) => {
                write!(
                    out,
                    "{path}: cannot be read ({}): check the file",
                    escape(reason)
                )
            }
            Problem::ShortNames(_) => write!(
                out,
                "{path}: short names (built with line-tables-only), crates are told by path alone: set debug = 1 in the profile"
            ),
            Problem::BuildIdUnknown(_) => write!(
                out,
                "{path}: no build id in the trace, its symbols may be those of another build: link with -Wl,--build-id"
            ),
            Problem::SplitDebugMissing(_) => write!(
                out,
                "{path}: split debug information is missing: keep the .dwo or .dwp files, or set split-debuginfo = \"off\" in the profile"
            ),
            Problem::Store(_, reason) => write!(
                out,
                "{path}: stored symbols are not used ({}): remove the file, or record again",
                escape(reason)
            ),
            Problem::Carried(_, reason) => {
                write!(
                    out,
                    "{path}: the symbols in it are not used ({}): record again",
                    escape(reason)
                )
            }
            Problem::SourceMissing(_) => {
                write!(
                    out,
                    "{path}: source is missing: name the workspace by --source-root DIR"
                )
            }
            Problem::SourceChanged(_) => write!(
                out,
                "{path}: source changed since the build, its text is not shown: record again, or name the old sources by --source-root DIR"
            ),
        }
    }
}

impl Problem {
    /// The file that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Problem::NoDebugInfo(path)
            | Problem::Stripped(path)
            | Problem::Gone(path)
            | Problem::Rebuilt(path)
            | Problem::Unreadable(path, _)
            | Problem::ShortNames(path)
            | Problem::BuildIdUnknown(path)
            | Problem::SplitDebugMissing(path)
            | Problem::Store(path, _)
            | Problem::Carried(path, _)
            | Problem::SourceMissing(path)
            | Problem::SourceChanged(path) => path,
        }
    }

    /// The same about the file of this name, wherever it is.
    pub(crate) fn without_folder(&self) -> Option<Problem> {
        let name = PathBuf::from(self.path().file_name()?);
        Some(match self {
            Problem::NoDebugInfo(_) => Problem::NoDebugInfo(name),
            Problem::Stripped(_) => Problem::Stripped(name),
            Problem::ShortNames(_) => Problem::ShortNames(name),
            Problem::SplitDebugMissing(_) => Problem::SplitDebugMissing(name),
            // Those of files are not stored.
            _ => return None,
        })
    }
}

/// Adds a problem unless it is known already.
pub(crate) fn note(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_each_whatever_the_path() {
        let path = PathBuf::from("/tmp/a\u{1b}[2J\nb");
        let text = Problem::Unreadable(path, "no\nway".to_owned()).to_string();
        assert!(!text.contains(['\n', '\u{1b}']), "{text}");
    }
}
