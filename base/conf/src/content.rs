//! A tree by its content alone: hash, JSON, walk.

use crate::decode::{Guess, guess};
use crate::{Entry, Node, Value};

impl Node {
    /// A hash of the content, the same on every run and machine. Origins, the case of keys and the order of keys do not
    /// count; the order of lists, and whether a scalar is quoted, do.
    #[must_use]
    pub fn content_hash(&self) -> u64 {
        match &self.value {
            Value::Null => mix(1),
            Value::Scalar { text, quoted } => text_hash(text.bytes(), 2 + u64::from(*quoted)),
            Value::List(items) => {
                items.iter().fold(mix(4), |hash, item| mix(hash.rotate_left(5) ^ item.content_hash()))
            }
            // A sum does not depend on the order.
            Value::Map(entries) => entries.iter().fold(mix(5), |hash, entry| {
                let key = text_hash(entry.key.bytes().map(|b| b.to_ascii_lowercase()), 6);
                hash.wrapping_add(mix(key ^ entry.node.content_hash().rotate_left(32)))
            }),
        }
    }

    /// The content as JSON. Unquoted scalars become what the YAML core schema makes of them.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar { text, quoted } => match guess(text, *quoted) {
                Guess::Bool(value) => value.into(),
                Guess::Int(value) => value.into(),
                Guess::Unsigned(value) => value.into(),
                Guess::Float(value) => value.into(),
                Guess::Text => (&**text).into(),
            },
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                let entries = entries.iter().map(|entry| (entry.key.to_string(), entry.node.to_json()));
                serde_json::Value::Object(entries.collect())
            }
        }
    }
}

/// Visits every entry of every map, parents first, with the path up to and including its key. A list element shows in
/// the path as its index, `[0]`.
pub fn walk<F: FnMut(&[&str], &Entry)>(node: &Node, mut visit: F) {
    walk_at(node, &[], &mut visit);
}

fn walk_at(node: &Node, path: &[&str], visit: &mut impl FnMut(&[&str], &Entry)) {
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let path = [path, &[&*entry.key]].concat();
                visit(&path, entry);
                walk_at(&entry.node, &path, visit);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let index = format!("[{index}]");
                walk_at(item, &[path, &[index.as_str()]].concat(), visit);
            }
        }
        Value::Null | Value::Scalar { .. } => {}
    }
}

/// FNV-1a, then mixed.
fn text_hash(bytes: impl Iterator<Item = u8>, seed: u64) -> u64 {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(hash ^ seed)
}

/// The finaliser of SplitMix64: every bit of the input changes half of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
