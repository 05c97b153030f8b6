//! Values that keep their origin through [`decode`](crate::decode).
//!
//! `serde` has no room for origins, so the deserializer puts them into a slot of the thread just before it calls the
//! visitor, which takes them out first thing.

use std::cell::RefCell;
use std::ops::Deref;

use fairlead_diag::Origin;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

use crate::Node;

/// A value and the place it was written at; [`Origin::Internal`] when it came from elsewhere than a [`Node`].
#[derive(Clone, Debug, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub origin: Origin,
}

impl<T> Located<T> {
    /// A value made by the program.
    #[must_use]
    pub fn internal(value: T) -> Self {
        Located { value, origin: Origin::Internal }
    }
}

/// Compares values only: the same configuration at another place is the same configuration.
impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LOCATED, LocatedVisitor(std::marker::PhantomData))
    }
}

/// A part of the tree as it is, for what is decoded later or by others (options of plugins).
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NODE, NodeVisitor)
    }
}

/// Newtype names by which our deserializer knows what is asked for.
pub(crate) const NODE: &str = "$fairlead::Node";
pub(crate) const LOCATED: &str = "$fairlead::Located";

thread_local! {
    static HANDED_NODE: RefCell<Option<Node>> = const { RefCell::new(None) };
    static HANDED_ORIGIN: RefCell<Option<Origin>> = const { RefCell::new(None) };
}

pub(crate) fn hand_over_node(node: &Node) {
    HANDED_NODE.set(Some(node.clone()));
}

pub(crate) fn hand_over_origin(origin: &Origin) {
    HANDED_ORIGIN.set(Some(origin.clone()));
}

struct LocatedVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let origin = HANDED_ORIGIN.take().unwrap_or_default();
        Ok(Located { value: T::deserialize(deserializer)?, origin })
    }
}

struct NodeVisitor;

impl Visitor<'_> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a part of a configuration tree")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        HANDED_NODE.take().ok_or_else(|| E::custom("only a configuration tree can be kept as it is"))
    }
}
