//! Answering a ClientHello.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::sign::SingleCertAndKey;
use rustls::{HandshakeKind, ServerConfig};
use rustls_pki_types::CertificateDer;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout_at;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::ServerTls;
use crate::Stream;
use crate::tls::parameters::{curve_name, suite_name, version_name};

/// How long a handshake may take, as in Go's server.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A fatal alert `unrecognized_name` (112, RFC 6066) in a plain record.
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 112];
/// First byte of a record that carries handshake messages.
const HANDSHAKE_RECORD: u8 = 0x16;

/// What a handshake agreed on.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// IANA name of the suite.
    pub cipher: &'static str,
    /// Go's name of the curve; empty on a resumed TLS 1.2 session.
    pub curve: &'static str,
    /// Server name the client asked for, lower case.
    pub server_name: Option<Arc<str>>,
    /// Name of the options used.
    pub options: Arc<str>,
    /// Protocol that ALPN chose.
    pub alpn: Option<Vec<u8>>,
    /// The client's certificates, leaf first; empty when it sent none.
    pub client_chain: Vec<CertificateDer<'static>>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The client took too long.
    #[error("tls handshake time-out")]
    Timeout,
    /// Strict options and no certificate for the name; the client was sent alert 112.
    #[error("no certificate for server name {0:?}, and the options are strict")]
    UnknownName(String),
    /// The options of the name are broken; the connection is closed.
    #[error("tls options {options:?} of server name {server_name:?} cannot be used")]
    BrokenOptions {
        /// Name the client asked for; may be empty.
        server_name: String,
        /// Name of the options.
        options: Arc<str>,
    },
    /// Protocol or transport failure.
    #[error("tls handshake: {0}")]
    Handshake(#[source] io::Error),
}

/// Whether the client begins with TLS; nothing is consumed. `false` at the end of the stream.
pub async fn starts_tls(stream: &mut Stream) -> io::Result<bool> {
    Ok(stream.first_byte().await? == Some(HANDSHAKE_RECORD))
}

/// Reads the ClientHello, chooses options and certificate by its server name, and completes the handshake.
pub async fn accept(
    stream: Stream,
    tls: &ServerTls,
    timeout: Duration,
) -> Result<(Stream, Handshake), AcceptError> {
    let deadline = tokio::time::Instant::now() + timeout;
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
    let hello = timeout_at(deadline, Box::pin(hello)).await.map_err(|_| AcceptError::Timeout)?;
    let mut start = hello.map_err(AcceptError::Handshake)?;
    let server_name: Option<Arc<str>> =
        start.client_hello().server_name().map(|name| name.to_ascii_lowercase().into());
    let options = tls.options_of(server_name.as_deref());
    let config = match choose(tls, &start, &options, server_name.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            if matches!(error, AcceptError::UnknownName(_)) {
                // A client that does not read it has lost nothing but the reason.
                let _ = timeout_at(deadline, alert(&mut start.io)).await;
            }
            return Err(error);
        }
    };
    let done = timeout_at(deadline, Box::pin(start.into_stream(config))).await;
    let tls = done.map_err(|_| AcceptError::Timeout)?.map_err(AcceptError::Handshake)?;
    let handshake = facts(tls.get_ref().1, server_name, options);
    Ok((Stream::server_tls(tls), handshake))
}

fn choose(
    tls: &ServerTls,
    start: &StartHandshake<Stream>,
    options: &Arc<str>,
    server_name: Option<&str>,
) -> Result<Arc<ServerConfig>, AcceptError> {
    let name = || server_name.unwrap_or_default().to_owned();
    let Some(chosen) = tls.options.get(options) else {
        return Err(AcceptError::BrokenOptions { server_name: name(), options: Arc::clone(options) });
    };
    let Ok(config) = &chosen.config else {
        return Err(AcceptError::BrokenOptions { server_name: name(), options: Arc::clone(options) });
    };
    // Without a name, a certificate for the address that was called is as good as one for a name.
    if server_name.is_none()
        && let Some(key) = tls.store.by_ip(start.io.local().ip())
    {
        let mut config = config.as_ref().clone();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(key)));
        return Ok(Arc::new(config));
    }
    if chosen.input.sni_strict && !server_name.is_some_and(|name| tls.covers(name)) {
        return Err(AcceptError::UnknownName(name()));
    }
    Ok(Arc::clone(config))
}

async fn alert(io: &mut Stream) -> io::Result<()> {
    io.write_all(&UNRECOGNIZED_NAME).await?;
    io.shutdown().await
}

fn facts(session: &rustls::ServerConnection, server_name: Option<Arc<str>>, options: Arc<str>) -> Handshake {
    Handshake {
        version: version_name(session.protocol_version()),
        cipher: session.negotiated_cipher_suite().map_or("", |suite| suite_name(suite.suite())),
        curve: session.negotiated_key_exchange_group().map_or("", |group| curve_name(group.name())),
        server_name,
        options,
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        client_chain: session.peer_certificates().map(<[_]>::to_vec).unwrap_or_default(),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
    }
}
