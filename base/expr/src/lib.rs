//! The predicate language of router rules, breaker and retry expressions, and provider constraints.
//!
//! It is the part of Go's expression syntax that such configurations use: `&&`, `||`, `!`, parentheses, calls
//! ``Name(`a`, "b", 3)``, comparisons of calls and numbers, comments, and Go's rule that a line break after an
//! operand ends the expression. Text is split into tokens, and [`parse`] makes them an [`Expr`] whose
//! parts know their byte ranges. What the names mean is the caller's business.
//!
//! Every text gives an answer in time linear in its length: length, nesting and the number of errors are bounded.

mod ast;
mod error;
mod lex;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use ast::{Call, Comparison, Expr, ExprKind, Literal, Operand, Operator, Value};
pub use error::Error;
pub use parse::{MAX_DEPTH, MAX_ERRORS, MAX_LENGTH, parse, parse_partial};
