//! Rust sources through `syn`: the crates of this repository, parsed to syntax trees
//! and walked, as a linter or a macro does.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

const PASSES: usize = 3;

#[derive(Default)]
struct Syntax {
    functions: u64,
    name_bytes: u64,
}

impl Visit<'_> for Syntax {
    fn visit_signature(&mut self, signature: &syn::Signature) {
        self.functions += 1;
        visit::visit_signature(self, signature);
    }

    fn visit_ident(&mut self, name: &syn::Ident) {
        self.name_bytes += name.to_string().len() as u64;
    }
}

pub(super) fn run() -> u64 {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    let mut paths = Vec::new();
    find(&crates, &mut paths);
    paths.sort();
    let mut syntax = Syntax::default();
    for _ in 0..PASSES {
        for path in &paths {
            let source = fs::read_to_string(path).expect("a readable source");
            let file = syn::parse_file(&source).expect("a source that compiles");
            syntax.visit_file(&file);
        }
    }
    syntax.functions + syntax.name_bytes
}

/// All Rust sources below a folder.
fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            find(&path, paths);
        } else if path.extension().is_some_and(|end| end == "rs") {
            paths.push(path);
        }
    }
}
