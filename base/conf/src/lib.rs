//! One configuration tree for every source.
//!
//! YAML, TOML, JSON, flags and environment become the same [`Node`] tree, in which each key and value knows its
//! [`Origin`](fairlead_diag::Origin). Scalars keep their raw text, so that the typed decoder, not the file format,
//! decides what `yes`, `10s` or `1_000` means. [`decode`] turns a tree into any `serde` type and collects *all*
//! findings (unknown keys with the nearest known one, wrong types) instead of stopping at the first.

mod bounds;
pub mod codes;
mod content;
mod decode;
mod duplicates;
mod duration;
pub mod env;
mod file;
mod file_or_content;
pub mod flags;
pub mod json;
mod located;
mod merge;
mod nearest;
mod node;
pub mod paths;
mod places;
mod secret;
pub mod toml;
pub mod yaml;

pub use bounds::Spent;
pub use content::walk;
pub use decode::{decode, decode_at, section};
pub use duration::{Duration, DurationError, SignedDuration};
pub use file::{parse_file_text, read_file, read_file_text};
pub use file_or_content::{FileOrContent, ReadError};
pub use located::Located;
pub use merge::merge;
pub use nearest::nearest;
pub use node::{Entry, Node, Value, move_origin};
pub use secret::Secret;
