//! A declared object: its value, the tree it came from, where it stands, and what tells it from another version.

use std::sync::Arc;

use fairlead_conf::{Node, Value, move_origin};
use fairlead_diag::{Findings, Origin};
use indexmap::IndexMap;
use serde::{Serialize, Serializer};

/// Objects by name, in the order of declaration. Who takes an object on shares it.
pub type Objects<T> = IndexMap<Arc<str>, Arc<Object<T>>, foldhash::fast::RandomState>;

/// A declared object.
#[derive(Debug)]
pub struct Object<T> {
    /// What it says.
    pub value: T,
    /// The tree it was read from.
    pub node: Node,
    /// Where its name stands.
    pub origin: Origin,
    /// Equal for equal content, wherever that stands.
    pub hash: u64,
}

impl<T> Object<T> {
    /// An object read from `node`, whose name stands at `origin`.
    #[must_use]
    pub fn new(value: T, node: &Node, origin: Origin) -> Arc<Self> {
        Arc::new(Object { value, hash: node.content_hash(), node: node.clone(), origin })
    }

    /// An object that the program makes; `key` must differ when the value does.
    #[must_use]
    pub fn internal(value: T, key: &str) -> Arc<Self> {
        let node = Node::scalar(key, true, Origin::Internal);
        Object::new(value, &node, Origin::Internal)
    }

    /// The same object, standing so many lines further down in its file; up when negative.
    pub(super) fn moved(&self, lines: i64) -> Arc<Self>
    where
        T: Clone + Declared,
    {
        let (mut value, mut node, mut origin) = (self.value.clone(), self.node.clone(), self.origin.clone());
        value.move_lines(lines);
        node.move_lines(lines);
        move_origin(&mut origin, lines);
        Arc::new(Object { value, node, origin, hash: self.hash })
    }

    /// Where the field at `path` stands: its key, or the deepest part of the path that exists, or the object itself.
    /// A number in the path is the index of a list.
    #[must_use]
    pub fn origin_of(&self, path: &[&str]) -> Origin {
        deepest(&self.node, &self.origin, path).0.clone()
    }

    /// Where the value at `path` stands, if it was written; see [`Object::origin_of`] for the key.
    #[must_use]
    pub fn value_origin(&self, path: &[&str]) -> Origin {
        match deepest(&self.node, &self.origin, path) {
            (_, Some(node)) => node.origin.clone(),
            (origin, None) => origin.clone(),
        }
    }
}

/// Compares content, not place.
impl<T> PartialEq for Object<T> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl<T> Eq for Object<T> {}

impl<T: Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// Where the key at `path` below `node` stands, or the deepest part of the path that exists, else `origin`; and the value
/// at the whole path, if it is there. A number in the path is the index of a list, in either of its two forms.
pub(crate) fn deepest<'a>(
    node: &'a Node,
    origin: &'a Origin,
    path: &[&str],
) -> (&'a Origin, Option<&'a Node>) {
    let (mut node, mut origin) = (node, origin);
    for &step in path {
        if let Value::List(items) = &node.value {
            let Some(item) = step.parse().ok().and_then(|index: usize| items.get(index)) else {
                return (origin, None);
            };
            (origin, node) = (&item.origin, item);
        } else {
            let indexed =
                || node.entries().iter().find(|entry| index_of(&entry.key).is_some_and(|at| at == step));
            let Some(entry) = node.entry(step).or_else(indexed) else { return (origin, None) };
            (origin, node) = (&entry.key_origin, &entry.node);
        }
    }
    (origin, Some(node))
}

/// The index in a key such as `[0]`, by which flags and labels write the items of a list.
pub(crate) fn index_of(key: &str) -> Option<&str> {
    let index = key.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(key);
    (!index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())).then_some(index)
}

/// What can be read as a named object.
pub(crate) trait Declared: Sized {
    /// Reads the object `name` at `path`, which leads the paths in messages. `None` when it cannot be used.
    fn read(name: &str, node: &Node, path: &[&str], findings: &mut Findings) -> Option<Self>;

    /// Moves the places that it knows itself, if any, so many lines further down in its file.
    fn move_lines(&mut self, _by: i64) {}
}

/// For objects that `serde` reads as they are. One with an error among its findings cannot be used.
macro_rules! declared {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::dynamic::object::Declared for $type {
            fn read(
                _name: &str,
                node: &fairlead_conf::Node,
                path: &[&str],
                findings: &mut fairlead_diag::Findings,
            ) -> Option<Self> {
                $crate::dynamic::object::decode_whole(node, path, findings)
            }
        }
    )*};
}

pub(crate) use declared;

/// Decodes an object; an error anywhere in it means that it cannot be used.
pub(crate) fn decode_whole<T: serde::de::DeserializeOwned>(
    node: &Node,
    path: &[&str],
    findings: &mut Findings,
) -> Option<T> {
    let mut own = Findings::new();
    let value = fairlead_conf::decode_at(node, path, &mut own);
    let broken = own.has_errors();
    findings.extend(own);
    value.filter(|_| !broken)
}
