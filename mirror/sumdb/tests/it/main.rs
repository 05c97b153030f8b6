//! The checksum database as its users meet it.

mod client;
mod faults;
mod flights;
mod forks;
mod log;
mod notes;
mod proofs;
mod stage;
mod tiles;
