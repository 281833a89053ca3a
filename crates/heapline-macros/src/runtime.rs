//! The calls into `::heapline::__private`: the one file that spells them.
//!
//! Names of variables are hygienic, so they cannot meet the user's; each
//! closure declares the activation anew and thereby hides its function's.
//! Spans are those of the expansion, for which rustc and clippy report no
//! lints.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, Expr, Ident, Stmt, Token};

/// The static that stands for the function: its place and its marked lines.
pub(crate) fn function(name: &Ident, lines: &[u32], last_line: u32) -> Stmt {
    let name = name.unraw().to_string();
    statement(quote_spanned! {Span::mixed_site()=>
        static __HEAPLINE_FUNCTION: ::heapline::__private::Function =
            ::heapline::__private::Function::new(
                ::core::file!(),
                ::core::concat!(::core::module_path!(), "::", #name),
                &[#(#lines),*],
                #last_line,
            );
    })
}

/// The function is entered.
pub(crate) fn enter() -> Stmt {
    statement(quote_spanned! {Span::mixed_site()=>
        let __heapline_activation = __HEAPLINE_FUNCTION.enter();
    })
}

/// A closure of the function is entered.
pub(crate) fn enter_closure(index: u32) -> Stmt {
    statement(quote_spanned! {Span::mixed_site()=>
        let __heapline_activation = __HEAPLINE_FUNCTION.enter_closure(#index);
    })
}

/// The line at `place` begins, if `conditions` hold.
///
/// The mark claims to stand where the user's code does: if it is unreachable,
/// so is that code, and rustc's warning points there.
pub(crate) fn line(index: u32, place: Span, conditions: &[Attribute]) -> Stmt {
    let mark = quote_spanned! {Span::mixed_site().located_at(place)=>
        __heapline_activation.line(#index);
    };
    statement(quote!(#(#conditions)* #mark))
}

/// When this block is left, the line around it goes on.
pub(crate) fn nested(index: u32) -> Stmt {
    statement(quote_spanned! {Span::mixed_site()=>
        let __heapline_nested = __heapline_activation.nested(#index);
    })
}

/// When this block is left, its closing brace's line begins. Nothing of the
/// user's is lost where this cannot be reached.
pub(crate) fn closing(index: u32) -> Stmt {
    statement(quote_spanned! {Span::mixed_site()=>
        #[allow(unreachable_code)]
        let __heapline_closing = __heapline_activation.closing(#index);
    })
}

/// Moves `parameter` into a local variable called `name`.
pub(crate) fn local(
    name: &Ident,
    mutable: Option<Token![mut]>,
    parameter: &Ident,
    attributes: &[&Attribute],
) -> Stmt {
    let span = Span::mixed_site();
    let keyword = quote_spanned! {span=>
        #[allow(clippy::no_effect_underscore_binding)]
        let
    };
    let equals = quote_spanned!(span=> =);
    let end = quote_spanned!(span=> ;);
    statement(quote!(#(#attributes)* #keyword #mutable #name #equals #parameter #end))
}

/// Finished tokens as a statement.
fn statement(tokens: TokenStream) -> Stmt {
    Stmt::Expr(Expr::Verbatim(tokens), None)
}
