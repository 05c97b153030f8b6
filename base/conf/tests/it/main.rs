//! The configuration tree as its users see it.

mod decoding;
mod formats;
mod sources;
