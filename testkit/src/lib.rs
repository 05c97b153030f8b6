//! In-process peers for tests.
//!
//! Every peer listens on a free port of 127.0.0.1, runs on a thread of its own, and stops when it is dropped, so that
//! tests need no runtime and share nothing; only [`ObjectStore`] and [`DockerEngine`] are processes. A [`Backend`] is a well-behaved HTTP server whose path says what it does;
//! a [`RawBackend`] plays bytes, however wrong they are; a [`goproxy::Upstream`] serves Go modules, and misbehaves as told. [`Ca`] issues certificates, [`Dir`] holds files that are
//! written atomically, and [`exchange`] sends whatever bytes a test wants to send.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a peer that cannot start must fail the test that needs it"
)]

mod backend;
mod behaviour;
mod ca;
mod dir;
mod docker_engine;
mod exchange;
pub mod goproxy;
mod object_store;
mod peer;
mod port;
mod raw;
mod websocket;

pub use backend::Backend;
pub use ca::{Ca, Identity};
pub use dir::Dir;
pub use docker_engine::DockerEngine;
pub use exchange::{exchange, exchange_slowly};
pub use object_store::ObjectStore;
pub use port::{free_addr, free_port};
pub use raw::{RawBackend, Script};
pub use websocket::WebSocketEcho;
