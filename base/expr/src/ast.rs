//! The tree of an expression. Chains of one operator are one node, so depth is the depth of the parentheses.

use std::ops::Range;

/// An expression and the byte range it was read from.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Byte range in the text, parentheses included.
    pub span: Range<usize>,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `a && b && c`: two or more operands, in order.
    And(Vec<Expr>),
    /// `a || b || c`: two or more operands, in order.
    Or(Vec<Expr>),
    /// `!a`.
    Not(Box<Expr>),
    /// `Name(args…)`.
    Call(Call),
    /// `a > 0.5`.
    Compare(Comparison),
}

/// A call of a named predicate or measure.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name as written.
    pub name: String,
    /// Byte range of the name.
    pub name_span: Range<usize>,
    /// Its arguments in order.
    pub args: Vec<Literal>,
    /// Byte range from the name to the closing parenthesis.
    pub span: Range<usize>,
}

/// A constant and the byte range it was read from.
#[derive(Debug, Clone)]
pub struct Literal {
    /// The value, escapes resolved.
    pub value: Value,
    /// Byte range, quotes included.
    pub span: Range<usize>,
}

/// The value of a constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A back-tick or double-quoted string.
    Text(String),
    /// A whole decimal number.
    Int(i64),
    /// A number with a point or an exponent; always finite.
    Float(f64),
}

/// A comparison of two operands. Comparisons do not chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which comparison.
    pub operator: Operator,
    /// Left side.
    pub left: Operand,
    /// Right side.
    pub right: Operand,
}

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A measured value.
    Call(Call),
    /// A constant.
    Literal(Literal),
}

/// The comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Expr {
    /// Calls `visit` for every call in the expression, from left to right.
    pub fn for_each_call<'a>(&'a self, visit: &mut dyn FnMut(&'a Call)) {
        match &self.kind {
            ExprKind::And(parts) | ExprKind::Or(parts) => {
                for part in parts {
                    part.for_each_call(visit);
                }
            }
            ExprKind::Not(inner) => inner.for_each_call(visit),
            ExprKind::Call(call) => visit(call),
            ExprKind::Compare(comparison) => {
                for side in [&comparison.left, &comparison.right] {
                    if let Operand::Call(call) = side {
                        visit(call);
                    }
                }
            }
        }
    }
}

impl Operand {
    /// Byte range in the text.
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::Call(call) => call.span.clone(),
            Self::Literal(literal) => literal.span.clone(),
        }
    }
}

// Equality is that of meaning: where something was written does not count.

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.args == other.args
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
