//! The checksum database as its users meet it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod client;
mod faults;
mod flights;
mod forks;
mod log;
mod notes;
mod pass;
mod proofs;
mod stage;
mod tiles;
