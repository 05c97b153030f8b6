//! A template after parsing. Offsets are bytes of the source.

use std::collections::BTreeMap;

use crate::Value;

/// All templates of a source: the main one and those it defines.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    pub(crate) main: Vec<Node>,
    pub(crate) named: BTreeMap<String, Vec<Node>>,
    /// Names of the functions that are called, with their places.
    pub(crate) functions: Vec<(String, usize)>,
}

#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    If { condition: Pipe, then: Vec<Node>, otherwise: Vec<Node> },
    With { value: Pipe, body: Vec<Node>, otherwise: Vec<Node> },
    Range { over: Pipe, body: Vec<Node>, otherwise: Vec<Node> },
    Template { name: String, data: Option<Pipe>, offset: usize },
    Break,
    Continue,
}

/// `$x := command | command`.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) variables: Vec<String>,
    /// `=` instead of `:=`.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
    pub(crate) offset: usize,
}

/// A function with arguments, or one operand.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Operand>,
}

/// A value and the fields taken of it: `$x.A.B`, `(list 1).A`.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) base: Base,
    pub(crate) fields: Vec<String>,
    pub(crate) offset: usize,
}

#[derive(Debug)]
pub(crate) enum Base {
    Dot,
    Variable(String),
    Function(String),
    Literal(Value),
    Paren(Box<Pipe>),
}
