//! Tokens to a tree: recursive descent over `||`, `&&`, comparisons and `!`, in Go's precedence.
//!
//! After an error the parser goes on at the next `&&`, `||` or closing parenthesis, so one text can give several errors.

use std::ops::Range;

use crate::lex::{Kind, Token, lex, shortened};
use crate::{Call, Comparison, Error, Expr, ExprKind, Literal, Operand, Operator};

/// The longest text that is read, in bytes.
pub const MAX_LENGTH: usize = 256 * 1024;
/// The deepest nesting of parentheses and `!`.
pub const MAX_DEPTH: usize = 128;
/// The most errors that one text gives.
pub const MAX_ERRORS: usize = 32;

/// Reads an expression.
///
/// # Errors
/// All syntax errors of the text, at least one and at most [`MAX_ERRORS`], in the order of their positions.
pub fn parse(text: &str) -> Result<Expr, Vec<Error>> {
    match parse_partial(text) {
        (Some(expr), errors) if errors.is_empty() => Ok(expr),
        (_, errors) => Err(errors),
    }
}

/// Reads as much of an expression as can be understood, for callers that check its names beside its syntax.
/// Operands with errors are left out of the tree. Without errors there is always a tree.
pub fn parse_partial(text: &str) -> (Option<Expr>, Vec<Error>) {
    if text.len() > MAX_LENGTH {
        let message = format!("expression is {} bytes long, the limit is {MAX_LENGTH}", text.len());
        return (None, vec![Error::new(0..0, message)]);
    }
    let mut errors = Vec::new();
    let tokens = lex(text, &mut errors);
    let mut parser = Parser { text, tokens, next: 0, depth: 0, gave_up: false, errors };
    let expr = parser.whole();
    let mut errors = parser.errors;
    errors.sort_by_key(|e| e.span.start);
    errors.truncate(MAX_ERRORS);
    (expr, errors)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    /// Nesting was too deep, so the rest was not read.
    gave_up: bool,
    errors: Vec<Error>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Option<Expr> {
        if matches!(self.peek().kind, Kind::End) && self.errors.is_empty() {
            self.errors.push(Error::new(0..self.text.len(), "expression is empty"));
            return None;
        }
        let first = self.or();
        let mut parts: Vec<Expr> = first.into_iter().collect();
        while !self.at(&Kind::End) {
            if !self.at(&Kind::Bad) {
                let error = self.after_end();
                self.errors.push(error);
            }
            self.bump();
            self.recover();
            // An operator after the trouble: what follows it is worth checking.
            if matches!(self.peek().kind, Kind::And | Kind::Or) {
                self.bump();
            }
            if matches!(self.peek().kind, Kind::Name | Kind::Open | Kind::Not) {
                parts.extend(self.or());
            }
        }
        if parts.len() > 1 { Some(node(ExprKind::And(parts), 0..self.text.len())) } else { parts.pop() }
    }

    /// The error for a token that follows a complete expression.
    fn after_end(&self) -> Error {
        let token = self.peek();
        let error =
            Error::new(token.span.clone(), format!("expected operator, found {}", self.describe(token)));
        match token.kind {
            Kind::Newline => {
                error.help("a line break ends the expression; put `&&` or `||` at the end of the line")
            }
            Kind::Close => error.help("this parenthesis closes nothing"),
            Kind::Name | Kind::Open | Kind::Not => error.help("join the parts with `&&` or `||`"),
            Kind::Compare(_) => {
                error.help("comparisons do not chain; only calls and numbers can be compared")
            }
            _ => error,
        }
    }

    fn or(&mut self) -> Option<Expr> {
        self.chain(&Kind::Or, Self::and, ExprKind::Or)
    }

    fn and(&mut self) -> Option<Expr> {
        self.chain(&Kind::And, Self::unary, ExprKind::And)
    }

    fn chain(
        &mut self,
        joint: &Kind,
        operand: fn(&mut Self) -> Option<Expr>,
        build: fn(Vec<Expr>) -> ExprKind,
    ) -> Option<Expr> {
        let start = self.peek().span.start;
        let mut parts: Vec<Expr> = operand(self).into_iter().collect();
        while self.at(joint) {
            self.bump();
            parts.extend(operand(self));
        }
        let span = start..self.tokens[self.next.saturating_sub(1)].span.end.max(start);
        if parts.len() > 1 { Some(node(build(parts), span)) } else { parts.pop() }
    }

    fn unary(&mut self) -> Option<Expr> {
        match self.peek().kind {
            Kind::Not => self.nested(|parser| {
                let start = parser.bump().span.start;
                let inner = parser.unary()?;
                if let ExprKind::Compare(_) = inner.kind
                    && !parser.text[inner.span.clone()].starts_with('(')
                {
                    let error = Error::new(inner.span, "`!` binds tighter than a comparison");
                    parser.errors.push(error.help("put the comparison into parentheses"));
                    return None;
                }
                let span = start..inner.span.end;
                Some(node(ExprKind::Not(Box::new(inner)), span))
            }),
            Kind::Open => self.nested(Self::group),
            _ => self.comparison(),
        }
    }

    /// Runs `inner` one level deeper, or skips to the end when that is too deep.
    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Option<Expr>) -> Option<Expr> {
        if self.depth == MAX_DEPTH {
            let message = format!("expression is nested deeper than {MAX_DEPTH} levels");
            self.errors.push(Error::new(self.peek().span.clone(), message));
            self.next = self.tokens.len() - 1;
            self.gave_up = true;
            return None;
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn group(&mut self) -> Option<Expr> {
        let open = self.bump().span;
        let inner = self.or();
        if !self.at(&Kind::Close) {
            self.fail_closing(&open);
            self.recover();
        }
        if self.at(&Kind::Close) {
            let end = self.bump().span.end;
            return inner.map(|e| node(e.kind, open.start..end));
        }
        // The rest of a group that broke off is still read for its own errors.
        if matches!(self.peek().kind, Kind::And | Kind::Or) {
            self.bump();
            self.or();
            if self.at(&Kind::Close) {
                self.bump();
            }
        }
        inner
    }

    fn fail_closing(&mut self, open: &Range<usize>) {
        let token = self.peek();
        if self.is_reported() {
            return;
        }
        let mut error =
            Error::new(token.span.clone(), format!("expected ')', found {}", self.describe(token)));
        error = match token.kind {
            Kind::Newline => error.help("put `&&`, `||` or the parenthesis on the line before"),
            _ => error.help(format!("the parenthesis opened at byte {} is not closed", open.start)),
        };
        self.errors.push(error);
    }

    /// Whether the trouble with the next token is known already: it is bad itself, or it is the end and what came
    /// before took the rest of the text with it.
    fn is_reported(&self) -> bool {
        let took_rest = |e: &Error| !e.span.is_empty() && e.span.end == self.text.len();
        match self.peek().kind {
            Kind::Bad => true,
            Kind::End => self.gave_up || self.errors.iter().any(took_rest),
            _ => false,
        }
    }

    fn comparison(&mut self) -> Option<Expr> {
        let left = self.operand()?;
        let Kind::Compare(operator) = self.peek().kind else {
            return match left {
                Operand::Call(call) => Some(node(ExprKind::Call(call.clone()), call.span)),
                Operand::Literal(literal) => {
                    let message = "a constant is not a condition";
                    self.errors.push(Error::new(literal.span, message).help("compare it with a call"));
                    None
                }
            };
        };
        self.bump();
        let right = self.operand()?;
        self.compare(operator, left, right)
    }

    fn compare(&mut self, operator: Operator, left: Operand, right: Operand) -> Option<Expr> {
        let span = left.span().start..right.span().end;
        if let (Operand::Literal(_), Operand::Literal(_)) = (&left, &right) {
            self.errors
                .push(Error::new(span, "a comparison of two constants").help("one side must be a call"));
            return None;
        }
        Some(node(ExprKind::Compare(Comparison { operator, left, right }), span))
    }

    fn operand(&mut self) -> Option<Operand> {
        match self.peek().kind.clone() {
            Kind::Name => self.call().map(Operand::Call),
            Kind::Literal(value) => {
                let span = self.bump().span;
                Some(Operand::Literal(Literal { value, span }))
            }
            _ => {
                if !self.is_reported() {
                    let token = self.peek();
                    let message = format!("expected operand, found {}", self.describe(token));
                    self.errors.push(Error::new(token.span.clone(), message));
                }
                self.recover();
                None
            }
        }
    }

    fn call(&mut self) -> Option<Call> {
        let name_span = self.bump().span;
        let name = self.text[name_span.clone()].to_owned();
        if !self.at(&Kind::Open) {
            let token = self.peek();
            let message = format!("expected '(' after {}, found {}", shortened(&name), self.describe(token));
            let help = format!("a predicate is a call: {}(`…`)", shortened(&name).trim_matches('`'));
            self.errors.push(Error::new(name_span, message).help(help));
            self.recover();
            return None;
        }
        self.bump();
        let args = self.args()?;
        let end = self.bump().span.end;
        let span = name_span.start..end;
        Some(Call { name, name_span, args, span })
    }

    /// Arguments up to the closing parenthesis, which is left to be read. A comma may end the list.
    fn args(&mut self) -> Option<Vec<Literal>> {
        let mut args = Vec::new();
        let mut whole = true;
        while !self.at(&Kind::Close) {
            match self.peek().kind.clone() {
                Kind::Literal(value) => {
                    let span = self.bump().span;
                    args.push(Literal { value, span });
                }
                Kind::Bad => {
                    self.bump();
                    whole = false;
                }
                _ => return self.broken_args("expected a string or a number"),
            }
            match self.peek().kind {
                Kind::Comma => drop(self.bump()),
                Kind::Close => {}
                Kind::Newline => return self.broken_args("missing ',' before newline in argument list"),
                _ => return self.broken_args("expected ',' or ')'"),
            }
        }
        if !whole {
            self.bump();
        }
        whole.then_some(args)
    }

    fn broken_args(&mut self, expected: &str) -> Option<Vec<Literal>> {
        let token = self.peek();
        if !self.is_reported() {
            let error = Error::new(token.span.clone(), format!("{expected}, found {}", self.describe(token)));
            let error = match token.kind {
                Kind::Name | Kind::And | Kind::Or | Kind::Not => {
                    error.help("arguments are strings in back-ticks or double quotes, or numbers")
                }
                _ => error,
            };
            self.errors.push(error);
        }
        self.recover();
        if self.at(&Kind::Close) {
            self.bump();
        }
        None
    }

    /// Skips to the next `&&`, `||` or closing parenthesis of this level, or to the end.
    fn recover(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.peek().kind {
                Kind::End => return,
                Kind::And | Kind::Or | Kind::Close if open == 0 => return,
                Kind::Open => open += 1,
                Kind::Close => open -= 1,
                _ => {}
            }
            self.bump();
        }
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    fn at(&self, kind: &Kind) -> bool {
        self.peek().kind == *kind
    }

    /// Takes the next token; the end stays.
    fn bump(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != Kind::End {
            self.next += 1;
        }
        token
    }

    fn describe(&self, token: &Token) -> String {
        match token.kind {
            Kind::End => "the end of the text".to_owned(),
            Kind::Newline => "newline".to_owned(),
            _ => shortened(&self.text[token.span.clone()]),
        }
    }
}

fn node(kind: ExprKind, span: Range<usize>) -> Expr {
    Expr { kind, span }
}
