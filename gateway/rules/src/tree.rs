//! A rule as a tree of predicates, negations pushed down to them.

use std::ops::Range;

use crate::View;
use crate::http::Matcher;

/// The index of a node in its tree.
pub(crate) type NodeId = u32;

/// The predicates of a rule and how they are joined.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeId,
}

/// One matcher as the rule names it.
#[derive(Debug)]
pub(crate) struct Predicate {
    pub(crate) matcher: Box<dyn Matcher>,
    /// The documented name of the matcher.
    pub(crate) name: &'static str,
    /// Byte range of the call.
    pub(crate) span: Range<usize>,
    /// Byte range of the arguments that are this predicate's own, where one call makes several predicates.
    pub(crate) part: Option<Range<usize>>,
}

#[derive(Debug)]
pub(crate) enum Node {
    /// A predicate, or its opposite.
    Leaf { predicate: u32, negated: bool },
    /// All of these.
    All(Box<[NodeId]>),
    /// At least one of these.
    Any(Box<[NodeId]>),
}

impl Tree {
    /// Whether the condition at `id` holds for `view`.
    pub(crate) fn holds(&self, id: NodeId, view: &View<'_>) -> bool {
        match self.node(id) {
            Node::Leaf { predicate, negated } => self.predicate(*predicate).test(view) != *negated,
            Node::All(parts) => parts.iter().all(|&part| self.holds(part, view)),
            Node::Any(parts) => parts.iter().any(|&part| self.holds(part, view)),
        }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn predicate(&self, index: u32) -> &Predicate {
        &self.predicates[index as usize]
    }

    /// Adds a node. A tree has fewer nodes than the rule has bytes.
    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        (self.nodes.len() - 1) as NodeId
    }
}

impl Predicate {
    pub(crate) fn test(&self, view: &View<'_>) -> bool {
        #[cfg(test)]
        crate::testing::count_step();
        self.matcher.matches(view)
    }
}
