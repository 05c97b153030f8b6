//! A declared object: its value, the tree it came from, where it stands, and what tells it from another version.

use std::sync::Arc;

use fairlead_conf::{Node, Value};
use fairlead_diag::{Findings, Origin};
use indexmap::IndexMap;
use serde::{Serialize, Serializer};

/// Objects by name, in the order of declaration.
pub type Objects<T> = IndexMap<Arc<str>, Object<T>>;

/// A declared object. Cheap to clone.
#[derive(Debug)]
pub struct Object<T> {
    /// What it says.
    pub value: Arc<T>,
    /// The tree it was read from.
    pub node: Arc<Node>,
    /// Where its name stands.
    pub origin: Origin,
    /// Equal for equal content, wherever that stands.
    pub hash: u64,
}

impl<T> Object<T> {
    /// An object read from `node`, whose name stands at `origin`.
    #[must_use]
    pub fn new(value: T, node: &Node, origin: Origin) -> Self {
        Object { value: Arc::new(value), hash: node.content_hash(), node: Arc::new(node.clone()), origin }
    }

    /// An object that the program makes; `key` must differ when the value does.
    #[must_use]
    pub fn internal(value: T, key: &str) -> Self {
        let node = Node::scalar(key, true, Origin::Internal);
        Object::new(value, &node, Origin::Internal)
    }

    /// Where the field at `path` stands: its key, or the deepest part of the path that exists, or the object itself.
    /// A number in the path is the index of a list.
    #[must_use]
    pub fn origin_of(&self, path: &[&str]) -> Origin {
        let mut origin = &self.origin;
        let mut node = &*self.node;
        for &step in path {
            if let Value::List(items) = &node.value {
                let Some(item) = step.parse().ok().and_then(|index: usize| items.get(index)) else { break };
                (origin, node) = (&item.origin, item);
            } else {
                let Some(entry) = node.entry(step) else { break };
                (origin, node) = (&entry.key_origin, &entry.node);
            }
        }
        origin.clone()
    }

    /// Where the value at `path` stands, if it was written; see [`Object::origin_of`] for the key.
    #[must_use]
    pub fn value_origin(&self, path: &[&str]) -> Origin {
        self.node.at(path).map_or_else(|| self.origin_of(path), |node| node.origin.clone())
    }
}

impl<T> Clone for Object<T> {
    fn clone(&self) -> Self {
        Object {
            value: Arc::clone(&self.value),
            node: Arc::clone(&self.node),
            origin: self.origin.clone(),
            hash: self.hash,
        }
    }
}

/// Compares content, not place.
impl<T> PartialEq for Object<T> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl<T: Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// What can be read as a named object.
pub(crate) trait Declared: Sized {
    /// Reads the object `name` at `path`, which leads the paths in messages. `None` when it cannot be used.
    fn read(name: &str, node: &Node, path: &[&str], findings: &mut Findings) -> Option<Self>;
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
