//! The walk over a function's body that puts the marks in.
//!
//! A block `{ a; b }` becomes
//!
//! ```text
//! {
//!     let nested = activation.nested(line of the statement around the block);
//!     activation.line(line of a);
//!     a;
//!     activation.line(line of b);
//!     let closing = activation.closing(line of the closing brace);
//!     b
//! }
//! ```
//!
//! Variables are dropped in reverse order: first `closing`, so that the locals
//! dropped after it are charged to the brace, then the locals, then `nested`.
//! The tail stays the tail: binding it would change inference, coercions and
//! the life of its temporaries.
//!
//! A line that already runs is not marked again. Hence a block written on one
//! line with the statement around it gets no marks, and then no guards either.
//!
//! Lines must be asked for in the order of the source (see `lines.rs`); this is
//! why the closing brace comes after the tail in the code below.

use std::mem;

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{
    Arm, Attribute, Block, Expr, ExprAsync, ExprBlock, ExprClosure, ExprConst, ExprIf, ExprRepeat,
    GenericArgument, Item, Macro, Pat, Stmt, Type, token,
};

use crate::lines::Lines;
use crate::runtime;
use crate::statement::{Head, diverges, leading_items, tail_start};

/// The state of the walk.
pub(crate) struct Marker {
    lines: Lines,
    /// The index of the line that runs at this point.
    here: u32,
}

/// A block's statements with their marks, still without the guard in front.
pub(crate) struct Marked {
    /// The leading items, which stay in front of the guards.
    pub(crate) items: Vec<Stmt>,
    /// The rest of the block.
    pub(crate) statements: Vec<Stmt>,
    /// Whether any line is marked, nested blocks aside.
    has_marks: bool,
}

impl Marker {
    /// A walk over a function whose attribute is on line `attribute`.
    pub(crate) fn new(attribute: usize) -> Self {
        Self {
            lines: Lines::new(attribute),
            here: 0,
        }
    }

    /// The lines marked so far.
    pub(crate) fn lines(&self) -> &[u32] {
        self.lines.numbers()
    }

    /// Takes the statements out of `block` and marks them.
    pub(crate) fn mark(&mut self, block: &mut Block) -> Marked {
        let around = self.here;
        let mut items = mem::take(&mut block.stmts);
        let mut statements = items.split_off(leading_items(&items));
        let mut tail = statements.split_off(tail_start(&statements));

        let mut marked = Vec::new();
        let mut has_end = true;
        let mut marks = 0;
        for mut stmt in statements {
            if has_end {
                marks += self.mark_statement(&mut stmt, &mut marked);
            }
            has_end &= !diverges(&stmt);
            marked.push(stmt);
        }
        let mut tail_marks = Vec::new();
        for stmt in &mut tail {
            if has_end {
                self.mark_statement(stmt, &mut tail_marks);
            }
        }
        has_end &= !tail.last().is_some_and(diverges);
        let brace = last_line(block);
        let closing = if has_end { self.begin(brace) } else { None };

        marks += tail_marks.len() + usize::from(closing.is_some());
        marked.append(&mut tail_marks);
        marked.extend(closing.map(runtime::closing));
        marked.append(&mut tail);
        self.here = around;
        Marked {
            items,
            statements: marked,
            has_marks: marks > 0,
        }
    }

    /// Marks the inside of `stmt`, and pushes the mark that goes in front of it.
    /// Returns the number of marks pushed.
    fn mark_statement(&mut self, stmt: &mut Stmt, marked: &mut Vec<Stmt>) -> usize {
        if matches!(stmt, Stmt::Item(_)) {
            return 0;
        }
        let head = Head::of(stmt);
        let mark = self.begin(head.place.start().line);
        let call = |index| runtime::line(index, head.place, &head.conditions);
        marked.extend(mark.map(call));
        self.visit_stmt_mut(stmt);
        usize::from(mark.is_some())
    }

    /// Goes on to `line`. Returns its index, unless the line already runs.
    fn begin(&mut self, line: usize) -> Option<u32> {
        let index = self.lines.index(line)?;
        let changed = index != mem::replace(&mut self.here, index);
        changed.then_some(index)
    }

    /// Marks an expression that is not a statement but has a line of its own.
    fn mark_expression(&mut self, expr: &mut Expr) {
        let around = self.here;
        let place = expr.span();
        let mark = self.begin(place.start().line);
        self.visit_expr_mut(expr);
        self.here = around;
        if let Some(index) = mark {
            let opening = vec![runtime::nested(around), runtime::line(index, place, &[])];
            wrap(opening, expr);
        }
    }
}

impl VisitMut for Marker {
    fn visit_block_mut(&mut self, block: &mut Block) {
        let around = self.here;
        let mut marked = self.mark(block);
        block.stmts = marked.items;
        if marked.has_marks {
            block.stmts.push(runtime::nested(around));
        }
        block.stmts.append(&mut marked.statements);
    }

    fn visit_expr_if_mut(&mut self, expr: &mut ExprIf) {
        self.visit_expr_mut(&mut expr.cond);
        self.visit_block_mut(&mut expr.then_branch);
        match &mut expr.else_branch {
            Some((_, next)) if matches!(**next, Expr::If(_)) => self.mark_expression(next),
            Some((_, block)) => self.visit_expr_mut(block),
            None => {}
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        self.visit_pat_mut(&mut arm.pat);
        match &mut *arm.body {
            block @ (Expr::Block(_) | Expr::Unsafe(_)) => self.visit_expr_mut(block),
            expr => self.mark_expression(expr),
        }
        if matches!(*arm.body, Expr::Block(_)) {
            // One block more, since clippy wants an arm that is a block of
            // several statements to become an `else`.
            wrap(Vec::new(), &mut arm.body);
        }
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        if closure.asyncness.is_some() {
            return;
        }
        let around = self.here;
        let place = closure.body.span();
        let line = place.start().line;
        let enter = runtime::enter_closure(self.lines.index(line).unwrap_or(around));
        match &mut *closure.body {
            Expr::Block(body) if body.label.is_none() && body.attrs.is_empty() => {
                let mut marked = self.mark(&mut body.block);
                marked.items.push(enter);
                marked.items.append(&mut marked.statements);
                body.block.stmts = marked.items;
            }
            expr => {
                let mut opening = vec![enter];
                let mark = self.begin(line);
                opening.extend(mark.map(|index| runtime::line(index, place, &[])));
                self.visit_expr_mut(expr);
                self.here = around;
                wrap(opening, expr);
            }
        }
    }

    fn visit_pat_mut(&mut self, pattern: &mut Pat) {
        if let Pat::Guard(pattern) = pattern {
            self.visit_expr_mut(&mut pattern.guard);
        }
    }

    fn visit_expr_repeat_mut(&mut self, repeat: &mut ExprRepeat) {
        // The length is a constant.
        self.visit_expr_mut(&mut repeat.expr);
    }

    // The rest holds no code that runs here and now.
    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}
    fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}
    fn visit_expr_const_mut(&mut self, _: &mut ExprConst) {}
    fn visit_generic_argument_mut(&mut self, _: &mut GenericArgument) {}
    fn visit_item_mut(&mut self, _: &mut Item) {}
    fn visit_macro_mut(&mut self, _: &mut Macro) {}
    fn visit_type_mut(&mut self, _: &mut Type) {}
}

/// The line of the closing brace.
///
/// A block that has been through another macro has only one span for both
/// braces, the whole block; so it is the end of the span that tells.
pub(crate) fn last_line(block: &Block) -> usize {
    block.brace_token.span.close().end().line
}

/// Replaces `expr` by a block of `opening` and `expr`. Errors about the block's
/// type point at `expr`; lints about the block's look do not see it as the
/// user's.
fn wrap(opening: Vec<Stmt>, expr: &mut Expr) {
    let brace_token = token::Brace(Span::mixed_site().located_at(expr.span()));
    let inner = mem::replace(expr, Expr::Verbatim(TokenStream::new()));
    let mut stmts = opening;
    stmts.push(Stmt::Expr(inner, None));
    *expr = Expr::Block(ExprBlock {
        attrs: Vec::new(),
        label: None,
        block: Block { brace_token, stmts },
    });
}
