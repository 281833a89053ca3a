//! What goes in and what comes out: modules and sites, frames and whose they are.

use heapline_trace::FrameAddress;
use std::path::PathBuf;

/// An executable or library that was mapped, as a trace records it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Module {
    /// First runtime address.
    pub start: u64,
    /// Runtime address behind the last.
    pub end: u64,
    /// Runtime address minus the address in the object's own program headers.
    pub bias: u64,
    /// GNU build id, or nothing.
    pub build_id: Vec<u8>,
    /// Path, `[vdso]` and the like, or nothing.
    pub path: String,
}

impl Module {
    /// The path without the mark that the kernel puts behind replaced files.
    pub(crate) fn file_path(&self) -> &str {
        self.path.strip_suffix(" (deleted)").unwrap_or(&self.path)
    }

    /// Whether a file stands behind the mapping.
    pub(crate) fn is_file(&self) -> bool {
        self.path.starts_with('/')
    }

    /// The file's name without its folder.
    pub(crate) fn name(&self) -> &str {
        let path = self.file_path();
        path.rsplit('/').next().unwrap_or(path)
    }
}

/// One place in the program: a frame of some recorded stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// What the stack said.
    pub address: FrameAddress,
    /// Index of its module.
    pub module: Option<usize>,
}

/// Number of a distinct [`Frame`] in a [`crate::symbols::SymbolTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// A function and the line in it: one frame as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The function, demangled, without hash; an address where nothing is known.
    pub function: String,
    /// The file as shown: relative to the workspace for its own files
    /// (`examples/first_profile.rs`), `NAME-VERSION/src/…` for registry crates,
    /// `REPOSITORY-REVISION/…` for git ones, `library/CRATE/src/…` for the standard
    /// library, `PACKAGE/out/…` for generated code, else the whole path.
    pub file: Option<String>,
    /// Where the compiler read the file: what source text is looked up by.
    pub path: Option<PathBuf>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The crate, as it is written in Rust code; the object's file name for foreign
    /// code without debug information; nothing where unknown.
    pub krate: String,
    /// Whose code it is.
    pub origin: Origin,
    /// Inlined into the next outer frame.
    pub inlined: bool,
    /// Plumbing: hidden unless everything is asked for.
    pub folded: bool,
}

impl Frame {
    /// A frame of which nothing is known but a name for it.
    pub(crate) fn unknown(function: String, krate: &str) -> Frame {
        Frame {
            function,
            file: None,
            path: None,
            line: None,
            krate: krate.to_owned(),
            origin: Origin::Unknown,
            inlined: false,
            folded: false,
        }
    }
}

/// Whose code a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A member of the workspace that was built.
    Workspace,
    /// A package from elsewhere: registry, git, vendored, or a path outside.
    Dependency,
    /// The standard library, and what is linked into it.
    Standard,
    /// What starts programs and threads and hands out memory: allocator shims,
    /// `std::rt`, the C start code, heapline itself.
    Runtime,
    /// C and the like.
    Native,
    /// Nothing is known.
    Unknown,
}
