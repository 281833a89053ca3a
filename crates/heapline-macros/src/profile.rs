//! `#[profile]`: checks what the attribute stands on, and puts the profiled
//! function together. The marks inside its body come from `marker.rs`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Error, FnArg, ItemFn, Pat, PatType, Result, Signature, Stmt, TraitItemFn, Type,
};

use crate::marker::{Marker, last_line};
use crate::runtime;

/// The profiled form of `item`, whose attribute is on `line`.
///
/// With an error, the item stays as it was: its users then compile, and the
/// error is the only one.
pub(crate) fn expand(line: usize, arguments: TokenStream, item: &TokenStream) -> TokenStream {
    match parse(arguments, item) {
        Ok(function) => profiled(line, function).into_token_stream(),
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#error #item)
        }
    }
}

fn parse(arguments: TokenStream, item: &TokenStream) -> Result<ItemFn> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(
            arguments,
            "`#[heapline::profile]` takes no arguments",
        ));
    }
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        return Err(Error::new(Span::call_site(), refusal(item)));
    };
    if let Some(keyword) = function.sig.constness {
        return Err(Error::new_spanned(
            keyword,
            "`#[heapline::profile]` does not work on a `const fn`: it may run at compile time, where there is no heap to measure",
        ));
    }
    if let Some(keyword) = function.sig.asyncness {
        return Err(Error::new_spanned(
            keyword,
            "`#[heapline::profile]` is not supported yet on async functions",
        ));
    }
    Ok(function)
}

/// Why `item`, which is no function with a body, cannot be profiled.
fn refusal(item: &TokenStream) -> &'static str {
    match syn::parse2::<TraitItemFn>(item.clone()) {
        Ok(_) => {
            "`#[heapline::profile]` needs a function with a body: put it on the implementation"
        }
        Err(_) => "`#[heapline::profile]` works on functions only",
    }
}

fn profiled(line: usize, mut function: ItemFn) -> ItemFn {
    let mut marker = Marker::new(line);
    let last_line = u32::try_from(last_line(&function.block)).unwrap_or(0);
    let mut body = marker.mark(&mut function.block);
    let last_line = marker.lines().iter().copied().fold(last_line, u32::max);

    let stmts = &mut function.block.stmts;
    let name = &function.sig.ident;
    stmts.push(runtime::function(name, marker.lines(), last_line));
    stmts.append(&mut body.items);
    stmts.push(runtime::enter());
    stmts.append(&mut rebind_parameters(&mut function.sig));
    stmts.append(&mut body.statements);
    function
}

/// Makes parameters local variables, so that what they own is freed while the
/// function is still being measured.
///
/// Only plain names are rebound, and only those behind the last parameter that
/// is not one: so the order in which parameters are dropped stays as it is.
/// References own nothing and stay where they are.
fn rebind_parameters(signature: &mut Signature) -> Vec<Stmt> {
    let mut locals = Vec::new();
    for parameter in signature.inputs.iter_mut().rev() {
        let FnArg::Typed(parameter) = parameter else {
            break;
        };
        if matches!(*parameter.ty, Type::Reference(_)) {
            continue;
        }
        let Some(local) = rebind(parameter) else {
            break;
        };
        locals.push(local);
    }
    locals.reverse();
    locals
}

/// `mut name: Type` becomes `name: Type` and `let mut name = name;`.
///
/// The parameter's own name is then hygienic: the user's code, and lints about
/// names, see the local variable alone.
fn rebind(parameter: &mut PatType) -> Option<Stmt> {
    let Pat::Ident(pattern) = &mut *parameter.pat else {
        return None;
    };
    if pattern.by_ref.is_some() || pattern.subpat.is_some() {
        return None;
    }
    let name = pattern.ident.clone();
    let mutable = pattern.mutability.take();
    let span = Span::mixed_site().located_at(name.span());
    pattern.ident.set_span(span);
    let applies_to_both = |attribute: &&Attribute| {
        let path = attribute.path();
        path.is_ident("cfg") || path.is_ident("allow")
    };
    let attributes: Vec<_> = parameter.attrs.iter().filter(applies_to_both).collect();
    Some(runtime::local(&name, mutable, &pattern.ident, &attributes))
}
