//! Every operation of the handles says what it allocates, and its words are measured: none
//! is added without both.

use std::fs;
use std::path::{Path, PathBuf};

/// What documentation says of allocation. [`heapline_array::NdArray`] defines the first.
const WORDS: [&str; 7] = [
    "a view",
    "a read-only view",
    "views",
    "a copy",
    "new buffer",
    "allocates",
    "keeps",
];

/// A public function and its documentation.
struct Operation {
    name: String,
    docs: String,
}

impl Operation {
    /// Whether the documentation has one of the words, not only in an example.
    fn says_what_it_allocates(&self) -> bool {
        let text = self.docs.split("```").step_by(2).collect::<String>();
        let text = text.to_lowercase();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        WORDS
            .iter()
            .any(|word| places(&text, word).next().is_some())
    }

    /// Whether some code calls it, or names it as a path.
    fn is_used_in(&self, code: &str) -> bool {
        places(code, &self.name).any(|place| {
            let (before, behind) = code.split_at(place);
            let behind = &behind[self.name.len()..];
            before.ends_with(['.', ':']) || behind.starts_with('(')
        })
    }
}

/// Where a word begins that is not part of a longer one.
fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word)
        .map(|(place, _)| place)
        .filter(move |place| {
            !text[..*place].ends_with(is_part) && !text[place + word.len()..].starts_with(is_part)
        })
}

/// The public functions of a source that is formatted as `rustfmt` does, those of its public
/// traits included.
fn operations(source: &str) -> Vec<Operation> {
    let (mut found, mut docs, mut is_in_trait) = (Vec::new(), String::new(), false);
    for line in source.lines() {
        is_in_trait = line.starts_with("pub trait ") || is_in_trait && line != "}";
        let code = line.trim_start();
        if let Some(text) = code.strip_prefix("///") {
            docs.extend([text, "\n"]);
        } else if !code.starts_with("#[") {
            let docs = std::mem::take(&mut docs);
            let name = function(code, is_in_trait);
            found.extend(name.map(|name| Operation { name, docs }));
        }
    }
    found
}

/// The name of the function that a line declares, if it is public.
fn function(code: &str, is_in_trait: bool) -> Option<String> {
    let declared = match code.strip_prefix("pub ") {
        Some(declared) => declared,
        None if is_in_trait => code,
        None => return None,
    };
    let declared = declared.trim_start_matches("const ");
    let declared = declared.trim_start_matches("unsafe ");
    let name = declared.strip_prefix("fn ")?;
    name.split(['(', '<']).next().map(str::to_owned)
}

fn files_of_the_api() -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(source.join("nd")).expect("the folder of handles");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.extend(["memory/mod.rs", "npy.rs", "storage.rs"].map(|file| source.join(file)));
    files
}

/// The code that measures, without comments.
fn measuring_code() -> String {
    let code = [include_str!("allocations.rs"), include_str!("npy.rs")].concat();
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line));
    lines.fold(String::new(), |code, line| code + line + "\n")
}

#[test]
fn every_operation_says_what_it_allocates_and_is_measured() {
    let code = measuring_code();
    let (mut count, mut missing) = (0, Vec::new());
    for file in files_of_the_api() {
        let source = fs::read_to_string(&file).expect("a source file");
        for operation in operations(&source) {
            count += 1;
            let place = format!("{} in {}", operation.name, file.display());
            if !operation.says_what_it_allocates() {
                missing.push(format!(
                    "{place}: its documentation says nothing of allocation"
                ));
            }
            if !operation.is_used_in(&code) {
                missing.push(format!("{place}: no row of allocations.rs measures it"));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
    assert!(count > 80, "only {count} functions were found");
}

#[test]
fn what_is_missing_is_found() {
    let check = |source: &str, name: &str, says: bool, is_used: bool| {
        let [operation] = &operations(source)[..] else {
            panic!("one function in {source}");
        };
        assert_eq!(operation.name, name);
        assert_eq!(operation.says_what_it_allocates(), says, "{source}");
        assert_eq!(
            operation.is_used_in("m.sum(); Matrix::t; taken(0)"),
            is_used,
            "{source}"
        );
    };
    check(
        "/// The sum. Allocates nothing.\n#[must_use]\npub fn sum(&self) {\n",
        "sum",
        true,
        true,
    );
    check(
        "    /// A view.\n    pub fn t(&self) -> Self {\n",
        "t",
        true,
        true,
    );
    check("/// Some.\npub fn take<A>(\n", "take", false, false);
    check(
        "/// ```\n/// a.copy();\n/// ```\npub unsafe fn taken() {\n",
        "taken",
        false,
        true,
    );
    check(
        "/// A reviewed one.\nfn own() {\n}\npub const fn other() {\n",
        "other",
        false,
        false,
    );
    check(
        "pub trait T {\n    /// A copy.\n    fn c(&self) {\n    }\n}\nfn own() {\n",
        "c",
        true,
        false,
    );
}
