//! One configuration tree for every source.
//!
//! YAML, TOML, JSON, flags and environment become the same [`Node`] tree, in which each key and value knows its
//! [`Origin`](fairlead_diag::Origin). Scalars keep their raw text, so that the typed decoder, not the file format,
//! decides what `yes`, `10s` or `1_000` means. [`decode`] turns a tree into any `serde` type and collects *all*
//! findings (unknown keys with the nearest known one, wrong types) instead of stopping at the first.

pub mod codes;
mod decode;
mod duration;
mod file_or_content;
mod located;
mod nearest;
mod node;

pub use decode::{decode, decode_at, section};
pub use duration::{Duration, DurationError, SignedDuration};
pub use file_or_content::{FileOrContent, ReadError};
pub use located::Located;
pub use nearest::nearest;
pub use node::{Entry, Node, Value};
