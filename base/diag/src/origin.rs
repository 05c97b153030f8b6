//! Where a value came from.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A place in a file: line and column start at 1, columns count characters, `len` is in characters (0 when unknown).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length in characters of what is meant, 0 when unknown.
    pub len: u32,
}

/// The source of a value of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Made by the program (defaults, internal objects).
    #[default]
    Internal,
    /// A file, with the place when known.
    File {
        /// Path as the user would write it.
        path: Arc<str>,
        /// Place in it; line 0 means the file as a whole.
        at: Position,
    },
    /// A command-line flag, as typed without its value.
    Flag(Arc<str>),
    /// An environment variable.
    Env(Arc<str>),
    /// A named thing elsewhere: `docker container web, label traefik.enable`.
    Remote(Arc<str>),
}

impl Origin {
    /// The file as a whole.
    #[must_use]
    pub fn file(path: impl Into<Arc<str>>) -> Self {
        Origin::File { path: path.into(), at: Position::default() }
    }

    /// The same source, with the character length of what is meant.
    #[must_use]
    pub fn with_len(self, len: u32) -> Self {
        match self {
            Origin::File { path, at } => Origin::File { path, at: Position { len, ..at } },
            other => other,
        }
    }

    /// The place `offset` characters to the right on the same line, `len` characters long: for spans inside a scalar.
    #[must_use]
    pub fn shifted(self, offset: u32, len: u32) -> Self {
        match self {
            Origin::File { path, at } if at.line > 0 => {
                Origin::File { path, at: Position { column: at.column + offset, len, ..at } }
            }
            other => other,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Internal => f.write_str("(internal)"),
            Origin::File { path, at } if at.line == 0 => f.write_str(path),
            Origin::File { path, at } => write!(f, "{path}:{}:{}", at.line, at.column),
            Origin::Flag(name) => write!(f, "flag {name}"),
            Origin::Env(name) => write!(f, "environment {name}"),
            Origin::Remote(what) => f.write_str(what),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self {
            Origin::Internal => map.serialize_entry("kind", "internal")?,
            Origin::File { path, at } => {
                map.serialize_entry("kind", "file")?;
                map.serialize_entry("path", path)?;
                if at.line > 0 {
                    map.serialize_entry("line", &at.line)?;
                    map.serialize_entry("column", &at.column)?;
                }
            }
            Origin::Flag(name) => {
                map.serialize_entry("kind", "flag")?;
                map.serialize_entry("name", name)?;
            }
            Origin::Env(name) => {
                map.serialize_entry("kind", "env")?;
                map.serialize_entry("name", name)?;
            }
            Origin::Remote(what) => {
                map.serialize_entry("kind", "remote")?;
                map.serialize_entry("name", what)?;
            }
        }
        map.end()
    }
}
