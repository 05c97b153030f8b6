//! What is known about the client's connection.

use std::net::SocketAddr;
use std::sync::Arc;

use fairlead_net::tls::CertificateDer;
use http::HeaderValue;

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
    /// The client's address as headers carry it, written once for all requests.
    client: HeaderValue,
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
    /// A connection from `peer` to `local`, as the fields say.
    #[must_use]
    pub fn new(
        entry_point: impl Into<Arc<str>>,
        peer: SocketAddr,
        local: SocketAddr,
        tls: Option<TlsInfo>,
    ) -> Self {
        let client = HeaderValue::try_from(peer.ip().to_canonical().to_string());
        let client = client.unwrap_or(HeaderValue::from_static("0.0.0.0"));
        Conn { entry_point: entry_point.into(), peer, local, tls, client }
    }

    /// The client's address without its port, IPv4 where it is one, for headers.
    #[must_use]
    pub fn client_value(&self) -> &HeaderValue {
        &self.client
    }

    /// `https` on TLS, else `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
