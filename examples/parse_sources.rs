//! What does a parser allocate, deep in its recursion?
//!
//! ```text
//! cargo heapline run --release --example parse_sources [DIRECTORY]
//! ```
//!
//! The program parses the Rust sources below a directory (by default this
//! repository's own crates) with `syn`, and counts functions, again and again
//! until at least a million blocks were allocated. Stacks are deep here: an
//! expression in an argument in a call in a closure in a method.
//!
//! In the line table, inclusive bytes gather at `parse_file`, and a line which
//! calls itself counts once. The flame graph shows the recursion, and which
//! kinds of syntax (types, patterns, paths) the bytes went into. A million
//! events also tell what recording costs: compare the run's time with the same
//! program's without `cargo heapline`.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// A byte of source takes about one allocation.
const BYTES_TO_PARSE: usize = 1_000_000;

#[derive(Default)]
struct Functions {
    count: usize,
    longest_name: String,
}

impl Visit<'_> for Functions {
    fn visit_signature(&mut self, signature: &syn::Signature) {
        let name = signature.ident.to_string();
        if name.len() > self.longest_name.len() {
            self.longest_name = name;
        }
        self.count += 1;
        visit::visit_signature(self, signature);
    }
}

#[heapline::profile]
fn read_sources(directory: &Path, sources: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read_sources(&path, sources)?;
        } else if path.extension() == Some(OsStr::new("rs")) {
            sources.push(fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[heapline::profile]
fn count_functions(source: &str, functions: &mut Functions) -> Result<(), syn::Error> {
    let file = syn::parse_file(source)?;
    functions.visit_file(&file);
    Ok(())
}

#[heapline::profile]
fn main() -> Result<(), Box<dyn Error>> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let directory = std::env::args_os().nth(1).map_or(default, PathBuf::from);
    let mut sources = Vec::new();
    read_sources(&directory, &mut sources)?;

    let bytes: usize = sources.iter().map(String::len).sum();
    let mut functions = Functions::default();
    let passes = BYTES_TO_PARSE.div_ceil(bytes.max(1));
    for _ in 0..passes {
        functions = Functions::default();
        for source in &sources {
            count_functions(source, &mut functions)?;
        }
    }
    println!(
        "{} files, {bytes} bytes, parsed {passes} times",
        sources.len()
    );
    println!(
        "{} functions, the longest name is {}",
        functions.count, functions.longest_name
    );
    Ok(())
}
