//! What a gateway's configuration says: Traefik v3's static and dynamic options as types, with their defaults.
//!
//! A provider or a loader delivers a [`Node`](fairlead_conf::Node) tree. [`statics::Static::decode`] and
//! [`dynamic::Dynamic::decode`] turn it into types and report everything that does not fit; [`dynamic::Merged`] puts the
//! providers together under qualified names ([`name`]); [`check`] looks for what cannot work although each part is well
//! formed; [`not_yet`] says which options are read but do nothing yet. Nothing here does I/O or knows a runtime.

pub mod check;
pub mod codes;
pub mod dynamic;
pub mod name;
pub mod not_yet;
mod options;
#[cfg(test)]
mod sample;
pub mod statics;

pub use dynamic::{Dynamic, Merged, Object, Objects};
pub use fairlead_conf::Secret;
pub use options::Named;
pub use statics::Static;
