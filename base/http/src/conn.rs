//! What is known about the client's connection.

use std::net::SocketAddr;
use std::sync::Arc;

use fairlead_net::tls::CertificateDer;

/// The client's connection, shared by all its requests.
#[derive(Debug, Clone)]
pub struct Conn {
    /// Name of the entry point that accepted it.
    pub entry_point: Arc<str>,
    /// The client: the peer, or what its PROXY header said.
    pub peer: SocketAddr,
    /// Our side: the local address, or what the PROXY header said.
    pub local: SocketAddr,
    /// Facts of the TLS handshake; `None` on a plain connection.
    pub tls: Option<TlsInfo>,
}

/// What the TLS handshake agreed on.
#[derive(Debug, Clone)]
pub struct TlsInfo {
    /// As Traefik spells it: `1.2`, `1.3`.
    pub version: &'static str,
    /// IANA name of the suite.
    pub cipher: &'static str,
    /// Server name the client asked for, lower case.
    pub server_name: Option<Arc<str>>,
    /// Name of the TLS options that the handshake used, such as `default`.
    pub options: Arc<str>,
    /// The client's certificate chain, leaf first, when it sent one.
    pub client: Option<Arc<ClientIdentity>>,
}

/// A client certificate chain.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// DER, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Subject of the leaf, as RFC 4514 text.
    pub subject: String,
}

impl Conn {
    /// `https` on TLS, else `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
