//! From a tree to a type, with every problem found in one go.
//!
//! [`decode`] is a `serde` deserializer over [`Node`]. A value that does not fit becomes a finding at its place; the
//! nearest enclosing map entry, list element or field then decodes again without it, so that one run shows all
//! problems and the result is what the rest of the tree says.

mod access;
mod error;
mod scalar;
mod state;

use fairlead_diag::{Findings, Origin};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use self::access::{EnumAccess, ListItems, MapItems, StructFields};
use self::error::Error;
pub(crate) use self::scalar::{Guess, guess};
use self::state::State;
use crate::located;
use crate::{Node, Value};

/// Decodes a tree and pushes what is wrong with it.
///
/// Problems below the root do not prevent a result: the offending value counts as absent. Whether the result may be
/// used is for the caller to say, by [`Findings::has_errors`] of a list that started empty. `None` means that the root
/// itself does not fit, or that a required key of the root is missing.
pub fn decode<T: DeserializeOwned>(node: &Node, findings: &mut Findings) -> Option<T> {
    decode_at(node, &[], findings)
}

/// As [`decode`], for a part of a larger configuration: `path` leads the paths in messages, such as `["http"]`.
pub fn decode_at<T: DeserializeOwned>(node: &Node, path: &[&str], findings: &mut Findings) -> Option<T> {
    let state = State::new(path);
    let result = state.attempt(node, None);
    findings.extend(state.into_findings());
    result.ok()
}

/// Decodes an optional section: absent or `false` is `None`; `true`, nothing, `{}` or a map is `Some`.
///
/// For `#[serde(default, deserialize_with = "fairlead_conf::section")]` on an `Option<T>` field.
///
/// # Errors
/// What `T` or the deserializer says.
pub fn section<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_newtype_struct(SECTION, SectionVisitor(std::marker::PhantomData))
}

/// Tells our deserializer that a section is asked for; others see a newtype.
const SECTION: &str = "$fairlead::section";

struct SectionVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SectionVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a section, `true` or `false`")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        T::deserialize(deserializer).map(Some)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Option::<T>::deserialize(deserializer)
    }
}

/// A place in the tree, with the text that stands for it when it is one item of a comma-separated scalar.
#[derive(Clone, Copy)]
struct NodeDeserializer<'a, 's> {
    node: &'a Node,
    item: Option<&'a str>,
    state: &'s State<'a>,
}

impl<'a> NodeDeserializer<'a, '_> {
    fn text(&self) -> Option<&'a str> {
        match (&self.node.value, self.item) {
            (_, Some(item)) => Some(item),
            // Of a repeated flag the last one counts.
            (Value::List(items), None) if self.is_repeated() => items.last().and_then(Node::text),
            _ => self.node.text(),
        }
    }

    /// Whether the list is one value set several times by path.
    fn is_repeated(&self) -> bool {
        matches!(self.node.value, Value::List(_))
            && matches!(self.node.origin, Origin::Flag(_) | Origin::Env(_))
    }

    fn wrong(&self, expected: &str) -> Error {
        Error::wrong_type(expected, &scalar::describe(self.node, self.item))
    }

    /// The raw text, or what to say instead: a key without value counts as absent.
    fn scalar(&self, expected: &str) -> Result<&'a str, Error> {
        match (self.text(), &self.node.value) {
            (Some(text), _) => Ok(text.trim()),
            (None, Value::Null) => Err(Error::empty(expected)),
            _ => Err(self.wrong(expected)),
        }
    }

    fn number<T: scalar::Number>(&self) -> Result<T, Error> {
        let text = self.scalar(T::EXPECTED)?;
        T::parse(text).ok_or_else(|| {
            if scalar::is_number(text) {
                Error::bad_value(format!("expected {}, found {text}", T::EXPECTED))
            } else {
                self.wrong(T::EXPECTED)
            }
        })
    }

    /// A scalar that switches a section on or off, if it is one.
    fn switch(&self) -> Option<bool> {
        match (self.text(), &self.node.value) {
            (Some(text), _) if text.trim().is_empty() => Some(true),
            (Some(text), _) => scalar::parse_bool(text.trim()),
            (None, Value::Null) => Some(true),
            _ => None,
        }
    }
}

/// Integers and floats, each by its own parser.
macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number::<$type>()?)
        }
    )*};
}

impl<'a> Deserializer<'a> for NodeDeserializer<'a, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(text) = self.text() else {
            return match &self.node.value {
                Value::List(_) => self.deserialize_seq(visitor),
                Value::Map(_) => self.deserialize_map(visitor),
                _ => visitor.visit_unit(),
            };
        };
        let quoted = matches!(self.node.value, Value::Scalar { quoted: true, .. });
        match scalar::guess(text, quoted) {
            scalar::Guess::Bool(value) => visitor.visit_bool(value),
            scalar::Guess::Int(value) => visitor.visit_i64(value),
            scalar::Guess::Unsigned(value) => visitor.visit_u64(value),
            scalar::Guess::Float(value) => visitor.visit_f64(value),
            scalar::Guess::Text => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.scalar("true or false")?;
        visitor.visit_bool(scalar::parse_bool(text).ok_or_else(|| self.wrong("true or false"))?)
    }

    numbers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match (self.text(), &self.node.value) {
            (Some(text), _) => visitor.visit_borrowed_str(text),
            (None, Value::Null) => visitor.visit_borrowed_str(""),
            _ => Err(self.wrong("text")),
        }
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(self.scalar("text")?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match (self.switch(), &self.node.value) {
            (Some(true), _) => visitor.visit_unit(),
            (None, Value::Map(entries)) if entries.is_empty() => visitor.visit_unit(),
            _ => Err(self.wrong("nothing, `{}` or `true`")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_struct(name, &[], visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            SECTION if self.switch() == Some(false) => visitor.visit_none(),
            SECTION => visitor.visit_some(self),
            located::NODE => {
                located::hand_over_node(self.node);
                visitor.visit_unit()
            }
            located::LOCATED => {
                located::hand_over_origin(&self.node.origin);
                visitor.visit_newtype_struct(self)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = match (self.item, &self.node.value) {
            (Some(text), _) => ListItems::split(text, self.node, self.state),
            (None, Value::Scalar { text, .. }) => ListItems::split(text, self.node, self.state),
            (None, Value::List(nodes)) if self.is_repeated() => ListItems::split_each(nodes, self.state),
            (None, Value::List(nodes)) => ListItems::nodes(nodes.iter().collect(), self.state),
            (None, Value::Null) => ListItems::nodes(Vec::new(), self.state),
            (None, Value::Map(entries)) => {
                ListItems::indexed(entries, self.state).ok_or_else(|| self.wrong("a list"))?
            }
        };
        visitor.visit_seq(items)
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) => visitor.visit_map(MapItems::new(entries, self.state)),
            _ if self.switch() == Some(true) => visitor.visit_map(MapItems::new(&[], self.state)),
            _ => Err(self.wrong("a map of names to values")),
        }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) => visitor.visit_map(StructFields::new(entries, fields, self.state)),
            _ if self.switch() == Some(true) => visitor.visit_map(StructFields::new(&[], fields, self.state)),
            _ => Err(self.wrong(&scalar::section_of(fields))),
        }
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) if entries.len() == 1 => {
                let entry = &entries[0];
                let variant = scalar::variant(&entry.key, variants)?;
                visitor.visit_enum(EnumAccess { variant, content: Some(entry), state: self.state })
            }
            _ => {
                let text = self.scalar(&scalar::one_of(variants))?;
                let variant = scalar::variant(text, variants)?;
                visitor.visit_enum(EnumAccess { variant, content: None, state: self.state })
            }
        }
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

impl<'a> IntoDeserializer<'a, Error> for NodeDeserializer<'a, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
