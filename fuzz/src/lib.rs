//! What the fuzz targets do with their bytes. Each room takes any bytes at all and panics when a promise is broken.
//!
//! The bodies need neither nightly nor libFuzzer: the gateway's integration tests include this file and feed the same
//! bodies with mutations of `seeds/`, so that every run of the tests exercises them.

pub mod configuration;
pub mod http1;
pub mod path;
pub mod proxy_header;
pub mod rules;
pub mod template;
