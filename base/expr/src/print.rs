//! The canonical form: single spaces around operators, back-ticks where the text allows them, only the parentheses
//! that the tree needs.

use std::fmt::{Display, Formatter, Result, Write};

use crate::{Call, Comparison, Expr, ExprKind, Literal, Operand, Operator, Value};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ExprKind::And(parts) => {
                chain(f, parts, " && ", |kind| matches!(kind, ExprKind::And(_) | ExprKind::Or(_)))
            }
            ExprKind::Or(parts) => chain(f, parts, " || ", |kind| matches!(kind, ExprKind::Or(_))),
            ExprKind::Not(inner) => {
                f.write_char('!')?;
                grouped(f, inner, !matches!(inner.kind, ExprKind::Not(_) | ExprKind::Call(_)))
            }
            ExprKind::Call(call) => call.fmt(f),
            ExprKind::Compare(comparison) => comparison.fmt(f),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", self.name)?;
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            arg.fmt(f)?;
        }
        f.write_char(')')
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {} {}", self.left, self.operator, self.right)
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Call(call) => call.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        })
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.value {
            Value::Text(text) if text.contains(['`', '\r']) => quoted(f, text),
            Value::Text(text) => write!(f, "`{text}`"),
            Value::Int(number) => number.fmt(f),
            // Debug keeps the point or exponent that tells a float from a whole number.
            Value::Float(number) => write!(f, "{number:?}"),
        }
    }
}

fn chain(f: &mut Formatter<'_>, parts: &[Expr], joint: &str, needs_group: fn(&ExprKind) -> bool) -> Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(joint)?;
        }
        grouped(f, part, needs_group(&part.kind))?;
    }
    Ok(())
}

fn grouped(f: &mut Formatter<'_>, expr: &Expr, group: bool) -> Result {
    if group { write!(f, "({expr})") } else { expr.fmt(f) }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}
