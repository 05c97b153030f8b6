//! How a section of options is declared: each field with its default beside it.
//!
//! `options!` turns such a list into a `serde` struct with camelCase keys, whose missing keys take the default written
//! here, and which leaves empty values out when it is printed (as Traefik's API does). `words!` does the same for
//! options that take one of a few words, which are read without case.

use std::sync::Arc;

use fairlead_conf::{Duration, FileOrContent, SignedDuration};
use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer};

use crate::Secret;

/// Whether a top-level key such as `x-common` is nobody's: people keep YAML anchors there.
pub(crate) fn is_extension(key: &str) -> bool {
    key.starts_with("x-")
}

/// Declares structs of options: `field: Type = default`, or `field: Type` for the default of the type. Fields in a block
/// `always` behind the struct are printed even when they are false or zero.
macro_rules! options {
    ($($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident: $type:ty $(= $default:expr)?),* $(,)?
    } $(always {
        $($(#[$always_meta:meta])* pub $always:ident: $always_type:ty $(= $always_default:expr)?),* $(,)?
    })?)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_meta])*
            #[serde(skip_serializing_if = "crate::options::Empty::is_empty")]
            pub $field: $type,)*
            $($($(#[$always_meta])* pub $always: $always_type,)*)?
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    $($field: $crate::options::options!(@default $($default)?),)*
                    $($($always: $crate::options::options!(@default $($always_default)?),)*)?
                }
            }
        }

        impl $crate::options::Empty for $name {
            fn is_empty(&self) -> bool {
                false
            }
        }
    )*};
    (@default $default:expr) => { $default };
    (@default) => { Default::default() };
}

/// Declares an enum whose values are words of the configuration, read without case; the first one is the default.
macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$word_meta:meta])* $variant:ident = $word:literal),* $(,)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
        pub enum $name {
            $($(#[$word_meta])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// Every word, the default first.
            pub const WORDS: &'static [&'static str] = &[$($word),*];
            const FIRST: Self = [$($name::$variant),*][0];

            /// The word as it is written in a configuration.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word),*
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::FIRST
            }
        }

        impl $crate::options::Empty for $name {
            fn is_empty(&self) -> bool {
                false
            }
        }
    )*};
}

pub(crate) use {options, words};

/// Values that the API leaves out, as Go's `omitempty` does: false, zero, no text, no items. Sections never are.
pub(crate) trait Empty {
    /// Whether the value is left out.
    fn is_empty(&self) -> bool;
}

macro_rules! empty_when_default {
    ($($type:ty),* $(,)?) => {$(
        impl Empty for $type {
            fn is_empty(&self) -> bool {
                *self == <$type>::default()
            }
        }
    )*};
}

empty_when_default!(bool, u16, u32, u64, i64, f64, String, Secret, Duration, SignedDuration, FileOrContent);

impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

impl<T> Empty for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<K, V, S> Empty for IndexMap<K, V, S> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Empty for serde_json::Value {
    fn is_empty(&self) -> bool {
        self.is_null()
    }
}

/// Named sections, in the order of declaration.
pub type Named<T> = IndexMap<Arc<str>, T, foldhash::fast::RandomState>;

/// Decodes a map of sections, each of which may be a map, `true`, or `false` (which leaves it out).
pub(crate) fn sections<'de, D, T>(deserializer: D) -> Result<Named<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Section<T>(Option<T>);

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Section<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            fairlead_conf::section(deserializer).map(Section)
        }
    }

    let named = IndexMap::<Arc<str>, Section<T>>::deserialize(deserializer)?;
    Ok(named.into_iter().filter_map(|(name, section)| Some((name, section.0?))).collect())
}
