//! What can be told from the look of a statement: where it begins, whether it
//! is conditionally compiled, whether anything comes after it.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Item, Macro, Stmt};

/// Macros of the standard library after which nothing runs.
const DIVERGING_MACROS: [&str; 4] = ["panic", "todo", "unimplemented", "unreachable"];

/// A statement's beginning: its conditions and, behind all attributes, its place.
pub(crate) struct Head {
    /// The `#[cfg(…)]` attributes.
    pub(crate) conditions: Vec<Attribute>,
    /// Its first token.
    pub(crate) place: Span,
}

impl Head {
    /// The beginning of `stmt`.
    pub(crate) fn of(stmt: &Stmt) -> Self {
        let (mut attributes, place) = match stmt {
            Stmt::Local(local) => (local.attrs.clone(), local.let_token.span),
            Stmt::Macro(stmt) => (stmt.attrs.clone(), stmt.mac.path.span()),
            other => split_attributes(other),
        };
        attributes.retain(|attribute| attribute.path().is_ident("cfg"));
        Self {
            conditions: attributes,
            place,
        }
    }
}

/// The attributes before an expression, whatever its kind, and where it begins
/// after them.
fn split_attributes(stmt: &Stmt) -> (Vec<Attribute>, Span) {
    let split = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let span = input.span();
        input.parse::<TokenStream>()?;
        Ok((attributes, span))
    };
    split
        .parse2(stmt.to_token_stream())
        .unwrap_or_else(|_| (Vec::new(), stmt.span()))
}

/// Whether control never gets behind `stmt`, as far as can be seen.
pub(crate) fn diverges(stmt: &Stmt) -> bool {
    let leaves = match stmt {
        Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _) => true,
        Stmt::Expr(Expr::Macro(expr), _) => is_diverging_macro(&expr.mac),
        Stmt::Macro(stmt) => is_diverging_macro(&stmt.mac),
        _ => false,
    };
    leaves && Head::of(stmt).conditions.is_empty()
}

fn is_diverging_macro(mac: &Macro) -> bool {
    let name = mac.path.segments.last();
    name.is_some_and(|segment| DIVERGING_MACROS.iter().any(|name| segment.ident == name))
}

/// How many items stand at the beginning. Guards go behind them, else clippy
/// would complain about items after statements.
///
/// A macro defined here is not one of them: it sees the local variables in
/// front of it, and the parameters may have to be among these.
pub(crate) fn leading_items(statements: &[Stmt]) -> usize {
    let is_leading =
        |stmt: &&Stmt| matches!(stmt, Stmt::Item(item) if !matches!(item, Item::Macro(_)));
    statements.iter().take_while(is_leading).count()
}

/// The index of the first statement that may be the block's value: nothing can
/// be put behind it. `statements.len()` if the block has no tail expression.
///
/// There are several candidates where the tail depends on the configuration:
/// `#[cfg(unix)] { 1 } #[cfg(windows)] { 2 }`.
pub(crate) fn tail_start(statements: &[Stmt]) -> usize {
    let end = statements.len();
    let mut tail = match statements.last() {
        Some(last) if is_open(last) => end - 1,
        _ => end,
    };
    for (index, stmt) in statements.iter().enumerate().rev() {
        if matches!(stmt, Stmt::Item(_)) || Head::of(stmt).conditions.is_empty() {
            break;
        }
        if is_open(stmt) {
            tail = index;
        }
    }
    tail
}

/// Whether `stmt` lacks a semicolon.
fn is_open(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Expr(_, semicolon) => semicolon.is_none(),
        Stmt::Macro(stmt) => stmt.semi_token.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, diverges, tail_start};
    use syn::{Block, parse_str};

    fn block(source: &str) -> Block {
        parse_str(source).expect("a block")
    }

    #[test]
    fn a_statement_begins_behind_its_attributes() {
        let block =
            block("{\n#[allow(unused)]\nlet a = 1;\n#[cfg(x)]\nf(\n2);\n#[cfg(x)]\nm!();\n}");
        let heads: Vec<Head> = block.stmts.iter().map(Head::of).collect();
        let lines: Vec<usize> = heads.iter().map(|head| head.place.start().line).collect();
        let conditions: Vec<usize> = heads.iter().map(|head| head.conditions.len()).collect();
        assert_eq!(lines, [3, 5, 8]);
        assert_eq!(conditions, [0, 1, 1]);
    }

    #[test]
    fn tails_are_found() {
        let check = |source, expected| assert_eq!(tail_start(&block(source).stmts), expected);
        check("{}", 0);
        check("{ f(); }", 1);
        check("{ f(); g() }", 1);
        check("{ f(); panic!() }", 1);
        check("{ f(); panic!(); }", 2);
        check("{ f(); if a { b() } }", 1);
        check("{ f(); if a { b() } g(); }", 3);
        check("{ f(); #[cfg(a)] { 1 } #[cfg(b)] { 2 } }", 1);
        check("{ f(); #[cfg(a)] { 1 } #[cfg(b)] return 2; }", 1);
        check("{ f(); #[cfg(b)] g(); }", 2);
    }

    #[test]
    fn divergence_is_seen() {
        let check = |source, expected| assert_eq!(diverges(&block(source).stmts[0]), expected);
        check("{ return; }", true);
        check("{ break 'a 3 }", true);
        check("{ continue; }", true);
        check("{ std::panic!(); }", true);
        check("{ unreachable!() }", true);
        check("{ #[cfg(a)] return; }", false);
        check("{ println!(); }", false);
        check("{ if a { return; } }", false);
    }
}
