//! The tree.

use fairlead_diag::Origin;

/// A value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value stands.
    pub origin: Origin,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: YAML `~` or an empty value, JSON `null`.
    Null,
    /// Text as written. `quoted` is true when the source marked it as a string, so that `"10"` can be told from `10`.
    Scalar {
        /// Raw text, unquoted and unescaped.
        text: Box<str>,
        /// Whether the source says it is a string.
        quoted: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys in the order of the source. Keys compare without case; the first spelling is kept.
    Map(Vec<Entry>),
}

/// A key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as written.
    pub key: Box<str>,
    /// Where the key stands.
    pub key_origin: Origin,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// A map without keys.
    #[must_use]
    pub fn empty_map(origin: Origin) -> Self {
        Node { origin, value: Value::Map(Vec::new()) }
    }

    /// A scalar.
    #[must_use]
    pub fn scalar(text: impl Into<Box<str>>, quoted: bool, origin: Origin) -> Self {
        Node { origin, value: Value::Scalar { text: text.into(), quoted } }
    }

    /// Moves everything in it down by so many lines of its file; up when negative.
    pub fn move_lines(&mut self, by: i64) {
        move_origin(&mut self.origin, by);
        match &mut self.value {
            Value::Null | Value::Scalar { .. } => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.move_lines(by)),
            Value::Map(entries) => {
                for entry in entries {
                    move_origin(&mut entry.key_origin, by);
                    entry.node.move_lines(by);
                }
            }
        }
    }

    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a map whose key equals `key` without case.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.eq_ignore_ascii_case(key))
    }

    /// The value at a path of keys, without case: `node.at(&["http", "routers"])`.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.entry(key).map(|entry| &entry.node))
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// Moves a place down by so many lines of its file; up when negative.
pub fn move_origin(origin: &mut Origin, by: i64) {
    if let Origin::File { at, .. } = origin
        && at.line > 0
    {
        at.line = u32::try_from(i64::from(at.line).saturating_add(by)).unwrap_or(u32::MAX);
    }
}
