//! TLS over in-memory pipes, through the public interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;
mod tls_client;
mod tls_inspect;
mod tls_server;
