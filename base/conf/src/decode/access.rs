//! How `serde` walks lists, maps, structs and enums of the tree.
//!
//! Elements are decoded by type (`next_element`, `next_entry`, `next_value`), which lets a failed one be left out and
//! decoded again; the seed forms exist for completeness and stop at the first problem.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::state::{State, Step};
use super::{Error, NodeDeserializer};
use crate::{Entry, Node};

/// Elements of a list: nodes, or the items of a comma-separated scalar.
pub(super) struct ListItems<'a, 's> {
    items: std::vec::IntoIter<(&'a Node, Option<&'a str>)>,
    index: usize,
    state: &'s State<'a>,
}

impl<'a, 's> ListItems<'a, 's> {
    pub(super) fn nodes(nodes: Vec<&'a Node>, state: &'s State<'a>) -> Self {
        let items: Vec<_> = nodes.into_iter().map(|node| (node, None)).collect();
        ListItems { items: items.into_iter(), index: 0, state }
    }

    pub(super) fn split(text: &'a str, node: &'a Node, state: &'s State<'a>) -> Self {
        let items: Vec<_> = pieces(text).map(|item| (node, Some(item))).collect();
        ListItems { items: items.into_iter(), index: 0, state }
    }

    /// The pieces of every scalar of a list: a flag that is given again extends it.
    pub(super) fn split_each(nodes: &'a [Node], state: &'s State<'a>) -> Self {
        let texts = nodes.iter().filter_map(|node| Some((node, node.text()?)));
        let items: Vec<_> =
            texts.flat_map(|(node, text)| pieces(text).map(move |item| (node, Some(item)))).collect();
        ListItems { items: items.into_iter(), index: 0, state }
    }

    /// The values of a map whose keys are all `[0]` or `0`, in the order of the numbers.
    pub(super) fn indexed(entries: &'a [Entry], state: &'s State<'a>) -> Option<Self> {
        let mut numbered = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = entry.key.strip_prefix('[').and_then(|key| key.strip_suffix(']')).unwrap_or(&entry.key);
            numbered.push((key.parse::<u32>().ok()?, &entry.node));
        }
        numbered.sort_by_key(|(number, _)| *number);
        Some(Self::nodes(numbered.into_iter().map(|(_, node)| node).collect(), state))
    }

    fn following(&mut self) -> Option<(usize, &'a Node, Option<&'a str>)> {
        loop {
            let (node, item) = self.items.next()?;
            let index = self.index;
            self.index += 1;
            // Items of one scalar share its node: that one is left out above, not here.
            if item.is_some() || !self.state.is_left_out(node) {
                return Some((index, node, item));
            }
        }
    }
}

/// What is between commas; nothing for an empty text.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(move |_| !text.trim().is_empty())
}

impl<'a> SeqAccess<'a> for ListItems<'a, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        match self.following() {
            None => Ok(None),
            Some((_, node, item)) => {
                seed.deserialize(NodeDeserializer { node, item, state: self.state }).map(Some)
            }
        }
    }

    fn next_element<T: Deserialize<'a>>(&mut self) -> Result<Option<T>, Error> {
        while let Some((index, node, item)) = self.following() {
            match self.state.step(Step::Index(index), node, item) {
                Ok(value) => return Ok(Some(value)),
                // The scalar that holds all items is left out as a whole.
                Err(error) if item.is_some() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// Entries of a map whose keys are names.
pub(super) struct MapItems<'a, 's> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
    state: &'s State<'a>,
}

impl<'a, 's> MapItems<'a, 's> {
    pub(super) fn new(entries: &'a [Entry], state: &'s State<'a>) -> Self {
        MapItems { entries: entries.iter(), value: None, state }
    }

    fn following(&mut self) -> Option<&'a Entry> {
        self.entries.by_ref().find(|entry| !self.state.is_left_out(&entry.node))
    }
}

impl<'a> MapAccess<'a> for MapItems<'a, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.value = self.following();
        match self.value {
            Some(entry) => seed.deserialize(KeyDeserializer(&entry.key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let entry = self.value.take().ok_or_else(out_of_order)?;
        seed.deserialize(NodeDeserializer { node: &entry.node, item: None, state: self.state })
    }

    fn next_value<V: Deserialize<'a>>(&mut self) -> Result<V, Error> {
        let entry = self.value.take().ok_or_else(out_of_order)?;
        self.state.step(Step::Key(&entry.key), &entry.node, None)
    }

    fn next_entry<K: Deserialize<'a>, V: Deserialize<'a>>(&mut self) -> Result<Option<(K, V)>, Error> {
        while let Some(entry) = self.following() {
            let key = K::deserialize(KeyDeserializer(&entry.key))?;
            if let Ok(value) = self.state.step(Step::Key(&entry.key), &entry.node, None) {
                return Ok(Some((key, value)));
            }
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// Entries of a map that stands for a struct: keys are matched without case, unknown ones are reported and passed over.
pub(super) struct StructFields<'a, 's> {
    entries: std::slice::Iter<'a, Entry>,
    fields: &'static [&'static str],
    /// A bit for each field that was given.
    seen: u128,
    value: Option<&'a Entry>,
    state: &'s State<'a>,
}

impl<'a, 's> StructFields<'a, 's> {
    pub(super) fn new(entries: &'a [Entry], fields: &'static [&'static str], state: &'s State<'a>) -> Self {
        StructFields { entries: entries.iter(), fields, seen: 0, value: None, state }
    }
}

impl<'a> MapAccess<'a> for StructFields<'a, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for entry in self.entries.by_ref() {
            let Some(index) = self.fields.iter().position(|field| field.eq_ignore_ascii_case(&entry.key))
            else {
                self.state.unknown_key(entry, self.fields);
                continue;
            };
            let field = self.fields[index];
            // Structs with more keys leave the check to serde, which then refuses the whole section.
            let bit = u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index)).unwrap_or(0);
            if self.seen & bit != 0 {
                self.state.repeated_key(entry, field);
                continue;
            }
            self.seen |= bit;
            if self.state.is_left_out(&entry.node) {
                continue;
            }
            self.value = Some(entry);
            return seed.deserialize(BorrowedStrDeserializer::new(field)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let entry = self.value.take().ok_or_else(out_of_order)?;
        seed.deserialize(NodeDeserializer { node: &entry.node, item: None, state: self.state })
    }

    fn next_value<V: Deserialize<'a>>(&mut self) -> Result<V, Error> {
        let entry = self.value.take().ok_or_else(out_of_order)?;
        self.state.step(Step::Key(&entry.key), &entry.node, None)
    }
}

/// A key of a map, which may be asked for as text or as a number.
struct KeyDeserializer<'a>(&'a str);

/// Numbers as keys, such as status codes.
macro_rules! number_keys {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = <$type as super::scalar::Number>::parse(self.0);
            visitor.$visit(number.ok_or_else(|| Error::wrong_type("a number as key", &format!("`{}`", self.0)))?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for KeyDeserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant: &'static str = super::scalar::variant(self.0, variants)?;
        visitor.visit_enum(variant.into_deserializer())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    number_keys! {
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    serde::forward_to_deserialize_any! {
        bool i8 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant by name, alone or as the only key of a map.
pub(super) struct EnumAccess<'a, 's> {
    pub(super) variant: &'static str,
    pub(super) content: Option<&'a Entry>,
    pub(super) state: &'s State<'a>,
}

impl<'a> de::EnumAccess<'a> for EnumAccess<'a, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let value = seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.variant))?;
        Ok((value, self))
    }
}

impl<'a, 's> EnumAccess<'a, 's> {
    fn content(&self) -> Result<NodeDeserializer<'a, 's>, Error> {
        match self.content {
            Some(entry) => Ok(NodeDeserializer { node: &entry.node, item: None, state: self.state }),
            None => {
                Err(Error::wrong_type(&format!("a map with the key `{}`", self.variant), "the name alone"))
            }
        }
    }
}

impl<'a> VariantAccess<'a> for EnumAccess<'a, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            None => Ok(()),
            Some(_) => de::Deserialize::deserialize(self.content()?),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.content()?)
    }

    fn newtype_variant<T: Deserialize<'a>>(self) -> Result<T, Error> {
        match self.content {
            Some(entry) => self.state.step(Step::Key(&entry.key), &entry.node, None),
            None => T::deserialize(self.content()?),
        }
    }

    fn tuple_variant<V: Visitor<'a>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_seq(self.content()?, visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(self.content()?, self.variant, fields, visitor)
    }
}

/// `serde` asks for a key before its value; anything else is a fault of a hand-written visitor.
fn out_of_order() -> Error {
    Error::bad_value("a value was asked for before its key".to_owned())
}
