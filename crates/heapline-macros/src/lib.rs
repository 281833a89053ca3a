//! The attribute macros of heapline. Use them through the crate `heapline`,
//! which re-exports them; the code they make calls `::heapline::__private`.
//!
//! This file holds the entry points and nothing else. `profile.rs` turns a
//! function into its profiled form, `marker.rs` walks the body, and the three
//! files below it know one thing each: what a statement looks like, which
//! lines are marked, how the calls into the runtime are spelled.

#![forbid(unsafe_code)]

mod profile;

mod marker;

mod lines;
mod runtime;
mod statement;

use proc_macro2::Span;

/// Measures a function line by line.
///
/// The report then holds a table of the function: for every line how often it
/// ran, by how much it changed the heap, and how large the heap was after it.
///
/// ```ignore
/// #[heapline::profile]
/// fn load(path: &Path) -> io::Result<Vec<String>> {
///     let text = fs::read_to_string(path)?;
///     let lines = text.lines().map(str::to_owned).collect();
///     Ok(lines)
/// }
/// ```
///
/// What happens inside the functions that a line calls belongs to that line.
/// Without a recording each mark costs one call.
///
/// # Which line is charged
///
/// * A statement that spans several lines is charged to its first. Statements
///   in nested blocks, match arms, `else if` conditions, and closures that
///   begin on a later line have their own lines.
/// * What is freed at the end of a block is charged to its closing brace, that
///   of the function included: local variables, and parameters passed by value
///   (as far as they are plain names). `return`, `break`, `continue`, `?` and
///   a panic before the block's last expression do not pass its brace.
/// * A closure's body is measured on the thread that runs it.
/// * The line of the attribute stands for the call itself: it counts calls.
///
/// Arguments of macros (`vec![…]`, `println!(…)`), nested items, and `async`
/// and `const` blocks are part of the statement that holds them.
///
/// # Errors
///
/// Works on functions and methods with a body. `async fn` and `const fn` are
/// compile errors, and so are arguments to the attribute.
#[proc_macro_attribute]
pub fn profile(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let line = Span::call_site().start().line;
    profile::expand(line, arguments.into(), &item.into()).into()
}
