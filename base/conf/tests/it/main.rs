//! The configuration tree as its users see it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod decoding;
mod formats;
mod sources;
