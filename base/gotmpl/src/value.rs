//! What templates compute with.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A value. Lists and maps are shared, so a copy costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value: a key that is not there, Go's nil.
    #[default]
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Values in order.
    List(Arc<List>),
    /// Values by name, in the order of the names, as Go shows maps.
    Map(Arc<Map>),
}

/// The values of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    pub(crate) items: Vec<Value>,
    depth: usize,
}

/// The values of a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    pub(crate) entries: BTreeMap<String, Value>,
    depth: usize,
}

impl Value {
    /// Text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Value::Text(text.as_ref().into())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        let items: Vec<Value> = items.into_iter().collect();
        let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0);
        Value::List(Arc::new(List { items, depth }))
    }

    /// A map.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries: BTreeMap<String, Value> =
            entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        let depth = 1 + entries.values().map(Value::depth).max().unwrap_or(0);
        Value::Map(Arc::new(Map { entries, depth }))
    }

    /// How deep lists and maps are nested; 0 for a scalar.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Value::List(list) => list.depth,
            Value::Map(map) => map.depth,
            _ => 0,
        }
    }

    /// Whether `if` takes the value for true: not nil, false, 0 or empty.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(list) => !list.items.is_empty(),
            Value::Map(map) => !map.entries.is_empty(),
        }
    }

    /// The name of the kind, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}
