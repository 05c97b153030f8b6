//! Free ports.

use std::net::{SocketAddr, TcpListener};

/// An address of 127.0.0.1 on which nobody listens. Another process may take it before the caller does: prefer
/// binding to port 0.
#[must_use]
pub fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

/// The port of [`free_addr`].
#[must_use]
pub fn free_port() -> u16 {
    free_addr().port()
}
