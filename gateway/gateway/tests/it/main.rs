//! The whole gateway with real sockets: what bad input gets, and what a reload leaves alone.
//!
//! Abuse runs against a [`subject`], a gateway in a process of its own, so that descriptors, memory and processor time
//! can be told from those of the test. Reloads run against a gateway in this process ([`running`]), whose snapshots
//! can be looked at.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod bad_backends;
mod client;
mod descriptors;
mod frames;
mod fuzz_bodies;
mod half_closed;
mod http2_abuse;
mod malformed;
mod oracle;
mod reload;
mod reload_state;
mod running;
mod slow_clients;
mod subject;
mod tls_garbage;
