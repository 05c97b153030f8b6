//! The configuration types against what users write.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod dynamic_options;
mod static_options;
mod wrong_keys;
