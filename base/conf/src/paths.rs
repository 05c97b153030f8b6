//! Trees from values that are named by paths, as flags, environment variables, labels and key-value stores do.

use fairlead_diag::Origin;

use crate::bounds::MAX_DEPTH;
use crate::{Entry, Node, Value};

/// Collects values by path into a tree.
///
/// A section named alone (`--api`, `--ping=true`) is a scalar until a value below it makes it a map. A value set twice
/// becomes a list, of which a single-valued option takes the last: so a repeated flag extends a list and overrides
/// anything else.
#[derive(Debug)]
pub struct PathTree {
    root: Node,
}

/// Why a path is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing before, after or between dots.
    #[error("a part of the name is empty")]
    EmptyPart,
    /// A `[` without number and `]`.
    #[error("an index is written [0], [1] and so on")]
    Index,
    /// Beyond the depth of any configuration.
    #[error("the name has more than {MAX_DEPTH} parts")]
    TooDeep,
}

impl Default for PathTree {
    fn default() -> Self {
        PathTree { root: Node::empty_map(Origin::Internal) }
    }
}

impl PathTree {
    /// Sets the value at a dotted path such as `entryPoints.web.address` or `domains[0].main`.
    ///
    /// # Errors
    /// The path is malformed; nothing is set.
    pub fn set(&mut self, path: &str, text: &str, origin: &Origin) -> Result<(), PathError> {
        self.set_parts(&parts(path)?, text, origin)
    }

    /// Sets the value at a path of parts.
    ///
    /// # Errors
    /// A part is empty or there are too many.
    pub fn set_parts(&mut self, parts: &[&str], text: &str, origin: &Origin) -> Result<(), PathError> {
        if parts.len() > MAX_DEPTH {
            return Err(PathError::TooDeep);
        }
        if parts.is_empty() || parts.iter().any(|part| part.is_empty()) {
            return Err(PathError::EmptyPart);
        }
        insert(&mut self.root, parts, Node::scalar(text, false, origin.clone()));
        Ok(())
    }

    /// The tree.
    #[must_use]
    pub fn into_node(self) -> Node {
        self.root
    }

    /// Whether nothing was set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.entries().is_empty()
    }
}

/// Splits at dots, and takes `[0]` off as a part of its own.
fn parts(path: &str) -> Result<Vec<&str>, PathError> {
    let mut parts = Vec::new();
    for part in path.split('.') {
        let name_end = part.find('[').unwrap_or(part.len());
        let (name, mut indexes) = part.split_at(name_end);
        if name.is_empty() {
            return Err(PathError::EmptyPart);
        }
        parts.push(name);
        while !indexes.is_empty() {
            let end = indexes.find(']').ok_or(PathError::Index)? + 1;
            let (index, rest) = indexes.split_at(end);
            let digits =
                index.strip_prefix('[').and_then(|index| index.strip_suffix(']')).ok_or(PathError::Index)?;
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(PathError::Index);
            }
            parts.push(index);
            indexes = rest;
        }
    }
    Ok(parts)
}

/// Puts the value at the end of the path, whose maps are made if absent. A scalar on the way gives way to a map.
fn insert(node: &mut Node, parts: &[&str], value: Node) {
    let Some((key, rest)) = parts.split_first() else {
        assign(node, value);
        return;
    };
    let mut entries = match std::mem::replace(&mut node.value, Value::Null) {
        Value::Map(entries) => entries,
        _ => Vec::new(),
    };
    let index = match entries.iter().position(|entry| entry.key.eq_ignore_ascii_case(key)) {
        Some(index) => index,
        None => {
            let node = Node { origin: value.origin.clone(), value: Value::Null };
            entries.push(Entry { key: (*key).into(), key_origin: value.origin.clone(), node });
            entries.len() - 1
        }
    };
    insert(&mut entries[index].node, rest, value);
    node.value = Value::Map(entries);
}

fn assign(node: &mut Node, value: Node) {
    match &mut node.value {
        Value::Null => *node = value,
        // The section is named alone beside values below it.
        Value::Map(_) => {}
        Value::List(items) => items.push(value),
        Value::Scalar { .. } => {
            let first = std::mem::replace(node, Node { origin: value.origin.clone(), value: Value::Null });
            node.value = Value::List(vec![first, value]);
        }
    }
}
