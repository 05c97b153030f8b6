//! The configuration types against what users write.

mod dynamic_options;
mod static_options;
mod wrong_keys;
