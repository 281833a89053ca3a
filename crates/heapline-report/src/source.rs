//! Source text for reports: only if it is what was compiled.
//!
//! A line comes from the stored symbols, else from the folder that the user names, else
//! from where the compiler read it, unless the file is newer than the binary: text that
//! may have moved is worse than none.

use crate::symbols::{
    Problem, StoredSource, StoredText, SymbolOptions, SymbolStore, SymbolTable, note, read_regular,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Source files above this are not read.
const SOURCE_BYTES_MAX: u64 = 32 << 20;

/// [`escape`] cuts what is longer, in characters.
const ESCAPED_CHARACTERS_MAX: usize = 4096;

/// Reads source files, each once.
pub struct Sources {
    files: HashMap<PathBuf, Option<Text>>,
    store: Option<Arc<SymbolStore>>,
    source_root: Option<PathBuf>,
    workspace_roots: Vec<PathBuf>,
    built: BTreeMap<PathBuf, SystemTime>,
    built_first: Option<SystemTime>,
    problems: Vec<Problem>,
}

/// What is known of a file.
enum Text {
    Whole {
        lines: Vec<String>,
        modified: Option<SystemTime>,
        bytes: u64,
    },
    Part(BTreeMap<u32, String>),
}

impl Sources {
    /// Sources of the objects that a table knows.
    #[must_use]
    pub fn new(table: &SymbolTable, options: &SymbolOptions) -> Sources {
        Sources {
            files: HashMap::new(),
            store: table.store().cloned(),
            source_root: options.source_root.clone(),
            workspace_roots: table.workspace_roots().map(Path::to_owned).collect(),
            built: table.built().clone(),
            built_first: table.built_first(),
            problems: Vec::new(),
        }
    }

    /// A line as it stands in the file, from 1, without its end. `path` is a frame's
    /// [`path`](crate::symbols::Frame::path). See [`escape`] before showing it.
    pub fn line(&mut self, path: &Path, number: u32) -> Option<&str> {
        match self.text(path)? {
            Text::Whole { lines, .. } => {
                let index = usize::try_from(number.checked_sub(1)?).ok()?;
                lines.get(index).map(String::as_str)
            }
            Text::Part(lines) => lines.get(&number).map(String::as_str),
        }
    }

    /// All lines of a file that is named as `file!()` names it: relative to a workspace,
    /// or by its whole path.
    pub fn lines(&mut self, file: &str) -> Option<&[String]> {
        let path = self.path_of(file)?;
        match self.text(&path)? {
            Text::Whole { lines, .. } => Some(lines),
            Text::Part(_) => None,
        }
    }

    /// Where the compiler read the file that `file!()` names so.
    #[must_use]
    pub fn path_of(&self, file: &str) -> Option<PathBuf> {
        let file = Path::new(file);
        let mut candidates = self.workspace_roots.iter().map(|root| root.join(file));
        let known = |path: &PathBuf| self.stored(path).is_some() || path.is_file();
        if file.is_absolute() {
            return Some(file.to_owned());
        }
        candidates
            .clone()
            .find(known)
            .or_else(|| candidates.next())
            .or_else(|| Some(self.source_root.as_ref()?.join(file)))
    }

    /// Which files could not be shown, and why: of the workspace alone, as far as they
    /// are missing.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The text to store of a file: the lines asked for, or all.
    pub(crate) fn storable(
        &mut self,
        path: &Path,
        wanted: Option<&BTreeSet<u32>>,
    ) -> Option<StoredSource> {
        if let Some(stored) = self.stored(path) {
            return Some(stored.clone());
        }
        let Text::Whole {
            lines,
            modified,
            bytes,
        } = self.text(path)?
        else {
            return None;
        };
        let text = match wanted {
            None => StoredText::Whole(lines.join("\n")),
            Some(numbers) => StoredText::Lines(pick(lines, numbers)),
        };
        Some(StoredSource {
            modified: *modified,
            bytes: *bytes,
            text,
        })
    }

    fn text(&mut self, path: &Path) -> Option<&Text> {
        if !self.files.contains_key(path) {
            let text = self.read(path).unwrap_or_else(|problem| {
                if let Some(problem) = problem {
                    note(&mut self.problems, problem);
                }
                None
            });
            self.files.insert(path.to_owned(), text);
        }
        self.files.get(path)?.as_ref()
    }

    fn read(&self, path: &Path) -> Result<Option<Text>, Option<Problem>> {
        if let Some(stored) = self.stored(path) {
            return Ok(Some(stored_text(path, stored)));
        }
        if let Some(text) = self
            .source_root_path(path)
            .and_then(|path| read_text(&path).ok())
        {
            return Ok(Some(text));
        }
        let text = read_text(path).map_err(|_| self.is_missing(path))?;
        if self.is_changed(path, &text) {
            return Err(Some(Problem::SourceChanged(path.to_owned())));
        }
        Ok(Some(text))
    }

    fn stored(&self, path: &Path) -> Option<&StoredSource> {
        self.store.as_ref()?.sources.get(path)
    }

    fn source_root_path(&self, path: &Path) -> Option<PathBuf> {
        let root = self.source_root.as_ref()?;
        let inside = self
            .workspace_roots
            .iter()
            .find_map(|root| path.strip_prefix(root).ok());
        match inside {
            Some(inside) => Some(root.join(inside)),
            None if path.is_relative() => Some(root.join(path)),
            None => None,
        }
    }

    fn is_changed(&self, path: &Path, text: &Text) -> bool {
        let Text::Whole {
            modified: Some(modified),
            ..
        } = text
        else {
            return false;
        };
        let built = self.built.get(path).copied().or(self.built_first);
        built.is_some_and(|built| built < *modified)
    }

    fn is_missing(&self, path: &Path) -> Option<Problem> {
        let workspace = self
            .workspace_roots
            .iter()
            .any(|root| path.starts_with(root));
        let unmapped = path.is_relative() && path.extension().is_some_and(|kind| kind == "rs");
        (workspace || unmapped).then(|| Problem::SourceMissing(path.to_owned()))
    }
}

/// Stored lines stand for the whole file as long as it is the same.
fn stored_text(path: &Path, stored: &StoredSource) -> Text {
    let lines = match &stored.text {
        StoredText::Whole(text) => return whole(text, stored.modified, stored.bytes),
        StoredText::Lines(lines) => lines,
    };
    match read_text(path) {
        Ok(Text::Whole {
            lines,
            modified,
            bytes,
        }) if modified == stored.modified && bytes == stored.bytes => Text::Whole {
            lines,
            modified,
            bytes,
        },
        _ => Text::Part(lines.clone()),
    }
}

fn read_text(path: &Path) -> io::Result<Text> {
    let file = read_regular(path, SOURCE_BYTES_MAX)?;
    let bytes = file.bytes.len() as u64;
    Ok(whole(
        &String::from_utf8_lossy(&file.bytes),
        file.modified,
        bytes,
    ))
}

fn whole(text: &str, modified: Option<SystemTime>, bytes: u64) -> Text {
    Text::Whole {
        lines: text.lines().map(str::to_owned).collect(),
        modified,
        bytes,
    }
}

fn pick(lines: &[String], numbers: &BTreeSet<u32>) -> BTreeMap<u32, String> {
    let line = |&number: &u32| {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        Some((number, lines.get(index)?.clone()))
    };
    numbers.iter().filter_map(line).collect()
}

/// Text that does nothing to a terminal or a page but stand there: control characters
/// and marks that turn the direction of writing become visible escapes, except tabs; more
/// than 4,096 characters are cut. It does not escape for HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len().min(ESCAPED_CHARACTERS_MAX));
    for (at, letter) in text.chars().enumerate() {
        if at == ESCAPED_CHARACTERS_MAX {
            escaped.push('…');
            break;
        }
        if is_active(letter) {
            escaped.extend(letter.escape_unicode());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Control characters, line and paragraph separators, direction marks, zero-width ones.
pub(crate) fn is_active(letter: char) -> bool {
    let control = letter.is_control() && letter != '\t';
    control
        || matches!(
            letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_active_is_left() {
        let check = |text: &str, expected: &str| assert_eq!(escape(text), expected);
        check("fn main() {\t// é 語", "fn main() {\t// é 語");
        check("\u{1b}[2Jx", "\\u{1b}[2Jx");
        check("a\0b\nc\rd", "a\\u{0}b\\u{a}c\\u{d}d");
        check("\u{202e}txt\u{2066}", "\\u{202e}txt\\u{2066}");
        check("\u{9b}31m", "\\u{9b}31m");
        let long = escape(&"x".repeat(1 << 20));
        assert_eq!(long.chars().count(), ESCAPED_CHARACTERS_MAX + 1);
    }
}
