//! From code addresses to functions, files and lines: offline, only the sites that are needed.
//!
//! ```text
//! Site ── module, address ─▶ files (the object, its debug file; build ids compared)
//!                            dwarf (sections, split units) ─▶ lookup (frames, innermost first)
//!                            elf_symbols (names where there is no DWARF)
//!                            units, crates (whose code is it?) ─▶ fold (who wants to see it?)
//!                        ─▶ SymbolTable ─▶ SymbolStore (what outlives the build)
//! ```
//! Nothing is guessed: symbols of another build are refused, and every refusal
//! is a [`Problem`] with its remedy.

mod crates;
mod declaration;
mod demangle;
mod dwarf;
mod elf_symbols;
mod files;
mod fold;
mod frame;
mod lookup;
mod problem;
mod resolve;
mod store;
mod store_json;
mod store_packed;
mod table;
mod units;

pub use fold::fold_stack;
pub use frame::{Frame, FrameId, Module, Origin, Site};
pub use problem::Problem;
pub use resolve::{SymbolOptions, resolve};
pub use store::{StoreError, SymbolStore};
pub use table::SymbolTable;

pub(crate) use files::read_regular;
pub(crate) use problem::note;
pub(crate) use store::{StoredSource, StoredText};
