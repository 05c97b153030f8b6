//! The network: listening, dialling, PROXY protocol and TLS. The only crate that names `rustls`.
//!
//! Inbound, a connection goes [`listen`] (accept) → [`proxy_protocol`] (who is really calling) → [`tls::server`]
//! (ClientHello, options and certificate by server name) and leaves as a [`Stream`] with the facts of the handshake.
//! Outbound, it goes [`dial`] → [`tls::client`] and leaves as a [`Stream`] too. Whoever speaks HTTP or copies bytes
//! sees only the [`Stream`].

pub mod dial;
pub mod dns;
pub mod listen;
pub mod proxy_protocol;
mod stream;
pub mod tls;

pub use dial::resolve;
pub use stream::{Duplex, Stream};
